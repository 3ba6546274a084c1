"""History: what has become of a task, and its figures, as its events and what is kept of them tell it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, func, select

from server.core.events.past_changes import TRACKED, UNTOLD, told_of
from server.model import Attempt, Event, PastChange, Rating, Task, TaskStatus
from server.pace import Pace
from server.store.database import Database
from server.store.statement import Statement

# How many changes a history has at most: the newest ones. They are read so many at a time.
MOST, PIECE = 1000, 100
HOUR = 3_600_000_000

_events, _past = Event.table().c, PastChange.table().c
_ratings, _attempts = Rating.table().c, Attempt.table().c
_columns = ("number", "type", "payload", "actor", "via", "created_at")
_EVENTS = Statement[Any](
    select(*(_events[name] for name in _columns))
    .where(
        _events.resource_id == bindparam("task"),
        _events.organization_id == bindparam("organization"),
        _events.number < bindparam("before"),
        _events.type.not_in(UNTOLD),
    )
    .order_by(_events.number.desc())
    .limit(PIECE)
)
_PAST = Statement[Any](
    select(*(_past[name] for name in _columns))
    .where(
        _past.task_id == bindparam("task"),
        _past.organization_id == bindparam("organization"),
        _past.number < bindparam("before"),
    )
    .order_by(_past.number.desc())
    .limit(PIECE)
)
_QUALITY = Statement[Any](select(func.avg(_ratings.quality)).where(_ratings.task_id == bindparam("task")))
_SPENT = Statement[Any](
    select(func.sum(_attempts.ended_at - _attempts.started_at), func.max(_attempts.number)).where(
        _attempts.task_id == bindparam("task")
    )
)
# How a change of a field is called where it is more than an update.
_ACTIONS = {"status": "status_changed", "agent_id": "assigned", "taken_by": "taken"}
# What an event is called that is about something else than the task.
_OTHERS = {
    "comment.created": "commented",
    "comment.deleted": "comment_deleted",
    "file.uploaded": "file_uploaded",
    "file.deleted": "file_deleted",
}
_DEFAULTS = {name: Task.defaults[name] for name in TRACKED}


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that has become of a task. `before` and `after` are values of columns, ids as digits."""

    number: int
    action: str
    # Which column has changed; empty where the action says all.
    field: str
    before: Any
    after: Any
    # Who did it, such as `user_…` or `agent_…`, and through which API; empty where the server did it by itself.
    actor: str
    via: str
    created_at: int


@dataclass(frozen=True, slots=True)
class Figures:
    """What is said of a task in numbers: hours, 0 to 1, 0 to 1 or None, a count."""

    time_spent: float
    completion_rate: float
    quality_score: float | None
    change_requests: int


class TaskHistory:
    """Tells of tasks that a caller has been given."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, task: Task, *, limit: int, offset: int) -> tuple[Sequence[Change], int]:
        """What has become of a task, newest first, from an offset; and how many changes there are."""
        changes = await self._all(task)
        return changes[offset : offset + limit], len(changes)

    async def figures(self, task: Task) -> Figures:
        """What is known of it in numbers."""
        quality = await self._database.one(_QUALITY, task=task.id)
        spent = await self._database.one(_SPENT, task=task.id)
        microseconds, last = (spent[0] or 0, spent[1] or 0) if spent is not None else (0, 0)
        if task.started_at is not None and task.attempt > last and task.status != TaskStatus.PENDING:
            microseconds += (task.completed_at or self._database.clock()) - task.started_at
        score = quality[0] if quality is not None else None
        return Figures(
            time_spent=task.actual_hours or round(max(0, microseconds) / HOUR, 4),
            completion_rate=round((task.progress or 0.0) / 100, 4),
            quality_score=round(float(score), 4) if score is not None else None,
            change_requests=task.reopened,
        )

    async def _all(self, task: Task) -> list[Change]:
        """All of it that is told, newest first."""
        rows: list[Any] = []
        before = 1 << 62
        for statement in (_EVENTS, _PAST):
            while len(rows) < MOST:
                page = await self._database.scan(
                    statement, task=task.id, organization=task.organization_id, before=before
                )
                rows += page
                if page:
                    before = page[-1][0]
                if len(page) < PIECE:
                    break
        pace = Pace()
        changes: list[Change] = []
        known: Mapping[str, Any] | None = None
        for number, type, payload, actor, via, created_at in reversed(rows[:MOST]):
            await pace.turn()
            told = told_of(type, json.loads(payload))
            if type.startswith("task."):
                now = {**_DEFAULTS, **told}
                found = list(_changed(type, known, now))
                known = now
            else:
                found = [(_OTHERS.get(type, type), "", None, told.get("content") or told.get("name"))]
            changes += [Change(number, *each, actor, via, created_at) for each in found]
        return changes[::-1]


def _changed(
    type: str, before: Mapping[str, Any] | None, now: Mapping[str, Any]
) -> Iterator[tuple[str, str, Any, Any]]:
    """The action, the field, and from what to what, of each change that an event stands for."""
    what = type.removeprefix("task.")
    if what == "created" or before is None:
        # Of the first one that is still known it is not known how it was before.
        yield what, "", None, None
        return
    differs = [name for name in TRACKED if before[name] != now[name]]
    for name in differs:
        action = _ACTIONS.get(name, "updated")
        if name == "status" and what == "reopened":
            action = what
        elif name == "taken_by" and now[name] is None:
            action = "released"
        yield action, name, _value(name, before[name]), _value(name, now[name])
    if not differs or what == "deleted":
        yield what, "", None, None


def _value(name: str, value: Any) -> Any:
    """A column's value; of arrays what is in them, as far as they are not too long for that."""
    if name in ("tags", "requirements", "acceptance_criteria") and isinstance(value, str) and not value.endswith("…"):
        return json.loads(value)
    return value
