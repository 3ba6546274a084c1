"""Search: lists of tasks by everything that people filter them by, with the agent and the project of each.

The rows of a page and what is shown beside each come by one statement, however many rows there are; their number comes
by another one, and is remembered as long as nothing changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from cachetools import FIFOCache
from sqlalchemy import ColumnElement, and_, bindparam, func, literal, null, or_, select

from server.core.queue.rows import TASKS, projects_of
from server.core.shared.call_context import Call
from server.core.shared.count_cache import CountCache
from server.core.shared.ids import parse_filter, parse_id
from server.core.shared.pagination import BoundedTexts
from server.core.tasks.text_index import all_indexed, find_by
from server.errors import InvalidRequest, NotFound
from server.model import Agent, Project, Task, TaskKind, TaskTag
from server.store.among import among
from server.store.database import Database
from server.store.full_text.task_index import INDEX, found
from server.store.statement import Statement
from server.store.transaction import Reader

MAX_TAGS = 20
# How many statements are remembered: there are as many as there are sets of filters.
STATEMENTS = 500
# What lists show of long texts.
TEXTS = BoundedTexts(whole=["requirements", "acceptance_criteria"], cut=["description"])
_LIGHT = frozenset({"input", "output", "stdout", "stderr", "error", "progress_message", "schedule", "retry"})

_tasks, _agents, _projects, _tags = Task.table().c, Agent.table().c, Project.table().c, TaskTag.table().c
_BESIDE = (_agents.name.label("agent_name"), _agents.type.label("agent_type"), _projects.name.label("project_name"))


def _with_names(tables: Any) -> Any:
    return tables.outerjoin(Agent.table(), _agents.id == _tasks.agent_id).outerjoin(
        Project.table(), and_(_projects.id == _tasks.project_id, _projects.deleted_at.is_(None))
    )


_GET = Statement[Any](
    select(*_BESIDE, *Task.table().c)
    .select_from(_with_names(Task.table()))
    .where(
        _tasks.id == bindparam("id"),
        _tasks.organization_id == bindparam("organization"),
        _tasks.kind == TaskKind.EXECUTION.value,
    )
)
_CONDITIONS: dict[str, ColumnElement[bool]] = {
    "status": _tasks.status == bindparam("status"),
    "priority": _tasks.priority == bindparam("priority"),
    "priority_from": _tasks.priority >= bindparam("priority_from"),
    "project_id": _tasks.project_id == bindparam("project_id"),
    "agent_id": _tasks.agent_id == bindparam("agent_id"),
    "created_after": _tasks.created_at > bindparam("created_after"),
    "created_before": _tasks.created_at < bindparam("created_before"),
    "projects": among(_tasks.project_id, "projects"),
}
# Those whose index begins with them, and not with the organization.
_LEADING = frozenset({"project_id", "agent_id"})
SORTS = ("created_at", "updated_at", "priority", "due_at")


class Seen(NamedTuple):
    """A task, and what is shown beside it: the name and type of its agent, the name of its project."""

    task: Task
    agent_name: str | None
    agent_type: str | None
    project_name: str | None


@dataclass(frozen=True, slots=True)
class SeenPage:
    """Tasks of one page, and how many there are in all; longer texts than `longest` are cut."""

    rows: Sequence[Seen]
    total: int
    longest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which tasks, as callers say it; what is empty or None does not count. Times are microseconds."""

    status: str = ""
    # One priority, or this one and all above it.
    priority: int | None = None
    priority_from: int | None = None
    project_id: str = ""
    agent_id: str = ""
    search: str = ""
    tags: Sequence[str] = ()
    created_after: int | None = None
    created_before: int | None = None
    sort: str = "created_at"
    ascending: bool = False


class TaskSearch:
    """Finds the tasks of every organization; each call sees its own."""

    def __init__(self, database: Database, counts: CountCache) -> None:
        self._database = database
        self._counts = counts
        self._statements: FIFOCache[tuple[Any, ...], tuple[Statement[Any], Statement[Any]]] = FIFOCache(STATEMENTS)
        # Whether tasks from before there was a search are known to be found, too.
        self._all_indexed = False

    async def get(self, call: Call, identifier: str) -> Seen:
        """One task, by one statement. Raises NotFound."""
        seen = await self.find(self._database, call.organization_id, parse_id("task", identifier))
        if seen is None:
            raise NotFound("task", identifier)
        TASKS.visible(call, seen.task, identifier)
        return seen

    async def find(self, reader: Reader, organization: str, digits: str) -> Seen | None:
        """The task with this id, written as digits; None where there is none."""
        row = await reader.one(_GET, id=digits, organization=organization)
        return _seen(row) if row is not None else None

    async def beside(self, task: Task) -> Seen:
        """A task that has just been changed, with what is shown beside it."""
        seen = await self.find(self._database, task.organization_id, task.id)
        return Seen(task, *seen[1:]) if seen is not None else Seen(task, None, None, None)

    async def page(self, call: Call, wanted: Wanted, *, limit: int, offset: int) -> SeenPage:
        """Those that are wanted, from an offset. Raises InvalidRequest."""
        given = await self._given(call, wanted)
        names = tuple(sorted(given))
        statement, count = self._statement(names, len(wanted.tags), wanted.sort, ascending=wanted.ascending)
        total = await self._total(call, count, given)
        longest = TEXTS.longest(max(0, min(limit, total - offset)))
        if offset >= total:
            return SeenPage((), total, longest)
        rows = await self._database.scan(
            statement, organization=call.organization_id, longest=longest, limit=limit, offset=offset, **given
        )
        return SeenPage([_seen(row) for row in rows], total, longest)

    async def _total(self, call: Call, count: Statement[Any], given: dict[str, Any]) -> int:
        if "query" in given and not self._all_indexed:
            self._all_indexed = await all_indexed(self._database)
            if not self._all_indexed:
                # What becomes findable meanwhile makes no event, after which it would be counted again.
                return int((await self._database.scan(count, organization=call.organization_id, **given))[0][0])
        return await self._counts.count(call.organization_id, count, **given)

    async def _given(self, call: Call, wanted: Wanted) -> dict[str, Any]:
        """The parameters of what is wanted."""
        after, before = wanted.created_after, wanted.created_before
        if after is not None and before is not None and after >= before:
            raise InvalidRequest("created_after", "must be before createdBefore")
        if wanted.sort not in SORTS:
            raise InvalidRequest("sort_by", f"must be one of {', '.join(SORTS)}")
        if len(wanted.tags) > MAX_TAGS:
            raise InvalidRequest("tags", f"must be at most {MAX_TAGS}")
        ids = {
            name: parse_filter(name, name.removesuffix("_id"), identifier)
            for name, identifier in (("project_id", wanted.project_id), ("agent_id", wanted.agent_id))
            if identifier
        }
        said = {
            "status": wanted.status or None,
            "priority": wanted.priority,
            "priority_from": wanted.priority_from,
            "created_after": after,
            "created_before": before,
        }
        given: dict[str, Any] = {**ids, **{name: value for name, value in said.items() if value is not None}}
        projects = projects_of(call)
        if projects is not None:
            given["projects"] = ",".join(sorted(projects))
        given.update({f"tag_{n}": tag for n, tag in enumerate(wanted.tags)})
        if wanted.search:
            dialect = self._database.dialect
            given["query"] = await find_by(self._database, dialect, call.organization_id, wanted.search)
        return given

    def _statement(
        self, names: tuple[str, ...], tags: int, sort: str, *, ascending: bool
    ) -> tuple[Statement[Any], Statement[Any]]:
        """A page, and the number, for these filters. Built when first asked for."""
        key = (names, sort, ascending)
        known = self._statements.get(key)
        if known is None:
            page, count = zip(
                *(_built(dialect, names, tags, sort, ascending=ascending) for dialect in ("postgresql", "sqlite")),
                strict=True,
            )
            counted = next((pair[1] for other, pair in self._statements.items() if other[0] == names), None)
            known = self._statements[key] = (
                Statement(page[0], on_sqlite=page[1]),
                # One for all orders, so that what was counted is known whatever the order.
                counted or Statement(count[0], on_sqlite=count[1]),
            )
        return known


def _built(dialect: str, names: Sequence[str], tags: int, sort: str, *, ascending: bool) -> tuple[Any, Any]:
    organization: Any = _tasks.organization_id
    if dialect == "sqlite" and _LEADING.intersection(names):
        # As an expression, so that it takes the filter's index, and not the long one of all rows. PostgreSQL guesses
        # that few rows are so, and would sort them all.
        organization = func.coalesce(organization, "")
    where = [organization == bindparam("organization"), _tasks.kind == TaskKind.EXECUTION.value]
    where += [_CONDITIONS[name] for name in names if name in _CONDITIONS]
    if tags:
        where.append(_tasks.id.in_(_tagged(tags)))
    tables: Any = Task.table()
    by: Any = _tasks.id
    if "query" in names:
        tables = INDEX.join(tables, INDEX.c.task_id == _tasks.id)
        where.append(found(dialect))
        if dialect == "sqlite":
            # The index has them in this order already.
            by = INDEX.c.rowid
    order = _order(sort, by, ascending=ascending)
    chosen = select(_tasks.id).where(*where).order_by(*order).limit(bindparam("limit")).offset(bindparam("offset"))
    if sort == "created_at":
        # In an order that an index has: rows are read until there are enough.
        page = select(*_BESIDE, *map(_shown, Task.table().c)).select_from(_with_names(tables)).where(*where)
        page = page.order_by(*order).limit(bindparam("limit")).offset(bindparam("offset"))
    else:
        # All that match are sorted, so it is only their ids that are.
        few = chosen.select_from(tables).subquery("chosen")
        page = select(*_BESIDE, *map(_shown, Task.table().c)).select_from(
            _with_names(few.join(Task.table(), _tasks.id == few.c.id))
        )
        page = page.order_by(*order)
    return page, select(func.count()).select_from(tables).where(*where)


def _shown(column: Any) -> Any:
    if column.name not in _LIGHT:
        return TEXTS.shown(column)
    nothing: ColumnElement[Any] = null() if column.nullable else literal("")
    return nothing.label(column.name)


def _order(sort: str, by: Any, *, ascending: bool) -> list[Any]:
    if sort == "created_at":
        return [by.asc() if ascending else by.desc()]
    column = _tasks[sort]
    # What has no such time comes last, whatever the order.
    absent = [column.is_(None)] if column.nullable else []
    return [*absent, column.asc() if ascending else column.desc(), _tasks.id.asc() if ascending else _tasks.id.desc()]


def _tagged(tags: int) -> Any:
    """The tasks with all of so many tags."""
    tagged = (_tags.tag == bindparam(f"tag_{n}") for n in range(tags))
    return (
        select(_tags.task_id)
        .where(_tags.organization_id == bindparam("organization"), or_(*tagged))
        .group_by(_tags.task_id)
        .having(func.count() == tags)
    )


def _seen(row: Any) -> Seen:
    agent_name, agent_type, project_name, *columns = row
    return Seen(Task.load(columns), agent_name, agent_type, project_name)
