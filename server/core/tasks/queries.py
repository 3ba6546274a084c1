"""Looking at tasks: one of them, pages of many, what was written about one, and one until it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from sqlalchemy import and_, bindparam, not_, or_, select

from server.core.models.turns import read_turns
from server.core.queue.rows import TASKS, projects_of
from server.core.shared.call_context import Call
from server.core.shared.count_cache import CountCache
from server.core.shared.ids import parse_filter, parse_id
from server.core.shared.pagination import UNBOUNDED, BoundedTexts, Listing, Page, first_within
from server.errors import Unavailable
from server.model import ENDED, Attempt, Task, TaskKind, TaskLog
from server.store.among import among
from server.store.database import Database
from server.store.feed import Feeds
from server.store.forever import set_within
from server.store.statement import Statement

# Whoever waits for an end looks after this whatever happens: where the server's patience is over, no event is set.
LOOK_SECONDS = 0.5
SHOWN_LOGS = 100

_tasks = Task.table().c
_shown = _tasks.kind == TaskKind.EXECUTION.value
# What somebody may begin: it waits for nothing, and there is somebody, or something to find somebody by.
_ready = and_(
    _tasks.waiting_for == 0,
    ~_tasks.paused,
    _tasks.ready_at.is_not(None),
    or_(_tasks.rank.is_not(None), _tasks.held),
    or_(_tasks.agent_id.is_not(None), _tasks.route != ""),
)


def _listing(light: Sequence[str], texts: BoundedTexts = UNBOUNDED) -> Listing[Task]:
    return Listing(
        Task,
        [_shown],
        [
            "status",
            "agent_id",
            "session_id",
            "priority",
            "type",
            "workflow_run_id",
            "parent_id",
            "recurring_id",
            "project_id",
        ],
        light=light,
        texts=texts,
        measured=["error", "description"],
        spans={
            "created_after": _tasks.created_at > bindparam("created_after"),
            "created_before": _tasks.created_at < bindparam("created_before"),
            # Of those that are pending: what waits for others, what may be begun, and the rest.
            "blocked": _tasks.waiting_for > 0,
            "ready": _ready,
            "not_ready": and_(_tasks.waiting_for == 0, not_(_ready)),
            # Those that are no part of another one.
            "whole": and_(_tasks.parent_id.is_(None), _tasks.recurring_id.is_(None)),
            "in_session": _tasks.session_id.is_not(None),
            # Those of the projects that a caller is let into.
            "projects": among(_tasks.project_id, "projects"),
        },
        leading=["agent_id", "session_id", "workflow_run_id", "parent_id", "recurring_id", "project_id"],
    )


# What lists may show of texts: short results alone, or whatever people read. An error is a JSON object that begins with
# what matters.
RESULTS = BoundedTexts(whole=["output"])
TASK_TEXTS = BoundedTexts(whole=["output", "capabilities"], cut=["description", "error"])
_LONG = ("input", "stdout", "stderr", "requirements", "acceptance_criteria")
_LISTS = {texts: _listing(_LONG, texts) for texts in (RESULTS, TASK_TEXTS)}
_LIST = _LISTS[UNBOUNDED] = _listing(["output", *_LONG])
_LOGS = Statement[TaskLog](
    select(TaskLog.table())
    .where(TaskLog.table().c.task_id == bindparam("task"))
    .order_by(TaskLog.table().c.number.desc())
    .limit(bindparam("limit")),
    TaskLog,
)
_ATTEMPTS = Statement[Attempt](
    select(Attempt.table())
    .where(Attempt.table().c.task_id == bindparam("task"))
    .order_by(Attempt.table().c.number)
    .limit(1000),
    Attempt,
)


# How many characters of lines and of errors an answer may have.
MAX_LISTED = 1 << 20
# Filters that are ids, and of what.
_IDS = {
    "agent_id": "agent",
    "session_id": "session",
    "workflow_run_id": "workflow run",
    "parent_id": "task",
    "project_id": "project",
}


class TaskQueries:
    """Reads the tasks of every organization; each call sees its own."""

    def __init__(self, database: Database, counts: CountCache, feeds: Feeds) -> None:
        self._database = database
        self._counts = counts
        self._feeds = feeds

    async def get(self, call: Call, identifier: str) -> Task:
        """One task. Raises NotFound."""
        return await TASKS.get(self._database, call, identifier)

    async def tokens(self, task: Task) -> tuple[int, int]:
        """How many tokens its model has read and written, where one does it here."""
        turns = await read_turns(self._database, task.id)
        return sum(turn.usage.input_tokens for turn in turns), sum(turn.usage.output_tokens for turn in turns)

    async def page(self, call: Call, *, size: int, token: str, **filters: Any) -> Page[Task]:
        """Tasks newest first and without long texts, by page token; filters that are None or empty do not count."""
        return await _LIST.page(
            self._database, call.organization_id, size=size, token=token, **await self._given(call, filters)
        )

    async def slice(
        self, call: Call, *, limit: int, offset: int, texts: BoundedTexts = UNBOUNDED, **filters: Any
    ) -> Page[Task]:
        """Tasks newest first, from an offset, with their number; without long texts, or with RESULTS or TASK_TEXTS."""
        return await _LISTS[texts].slice(
            self._database,
            self._counts,
            call.organization_id,
            limit=limit,
            offset=offset,
            **await self._given(call, filters),
        )

    async def _given(self, call: Call, filters: dict[str, Any]) -> dict[str, Any]:
        """The filters that are given, with ids as digits. Raises InvalidRequest."""
        given = {name: value for name, value in filters.items() if value is not None and value != ""}
        if (projects := projects_of(call)) is not None:
            given["projects"] = ",".join(sorted(projects))
        for name, resource in _IDS.items():
            if name in given:
                given[name] = parse_filter(name, resource, given[name])
        if "parent_id" in given:
            parent = await TASKS.find(self._database, call.organization_id, given["parent_id"])
            if parent is None or not parent.subtasks:
                # One that was not taken apart is the parent of what it makes at its times.
                given["recurring_id"] = given.pop("parent_id")
        return given

    async def logs(self, task: Task, limit: int = SHOWN_LOGS) -> Sequence[TaskLog]:
        """The newest lines about a task that `get` has given, oldest first, and no more than fit in an answer."""
        found = await self._database.all(_LOGS, task=task.id, limit=limit)
        return first_within(MAX_LISTED, found, lambda line: len(line.message))[::-1]

    async def attempts(self, task: Task) -> Sequence[Attempt]:
        """The attempts at a task that `get` has given, as far as they have ended and did not complete it at once.

        Where their errors are long, the newest of them that fit in an answer.
        """
        found = await self._database.all(_ATTEMPTS, task=task.id)
        return first_within(MAX_LISTED, found[::-1], lambda attempt: len(attempt.error or ""))[::-1]

    async def watch(self, call: Call, identifier: str, *, heartbeat_seconds: float) -> AsyncIterator[Task]:
        """The task as it is, then as it is after each change, up to its final status; the same again as a heartbeat.

        Raises NotFound, Unavailable.
        """
        task_id, loop = parse_id("task", identifier), asyncio.get_running_loop()
        with self._feeds.watching(call.organization_id, task_id) as changed:
            seen, due = 0, 0.0
            while True:
                changed.clear()
                task = await self.get(call, identifier)
                if task.version > seen or loop.time() >= due:
                    seen = task.version
                    yield task
                    due = loop.time() + heartbeat_seconds
                if task.status in ENDED:
                    return
                if self._feeds.closed:
                    raise Unavailable("the server is stopping; reconnect")
                await set_within(changed, due - loop.time())

    async def wait(self, call: Call, task: Task, seconds: float) -> Task:
        """The task once it has ended, or as it is after `seconds`."""
        with self._feeds.watching(call.organization_id, task.id) as changed:
            try:
                async with asyncio.timeout(seconds):
                    while task.status not in ENDED and not self._feeds.patience_is_over:
                        changed.clear()
                        task = await self.get(call, task.id)
                        if task.status not in ENDED:
                            await set_within(changed, LOOK_SECONDS)
            except TimeoutError:
                return await self.get(call, task.id)
        return task
