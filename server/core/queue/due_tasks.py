"""The timetable: tasks whose time has come become claimable, and recurring ones make a task at each of their times."""

from __future__ import annotations

import json
from typing import Any

import structlog
from sqlalchemy import bindparam, func, select

from server.core.queue.creation import file_under
from server.core.queue.routing.admission import admission, admit
from server.core.queue.schedule import next_runs
from server.core.queue.session_counters import count_in_session
from server.core.shared.resource import change
from server.errors import ServiceError
from server.model import DUE, RECURRING, Task, new_id
from server.pace import Pace
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

BATCH = 200
# Microseconds after which a task is planned again that cannot be planned now.
LATER = 3_600_000_000
log = structlog.get_logger()

_tasks = Task.table().c
_DUE = Statement[Task](
    select(Task.table())
    .where(DUE, _tasks.ready_at <= bindparam("now"))
    .order_by(_tasks.ready_at)
    .limit(BATCH)
    .with_for_update(key_share=True, skip_locked=True),
    Task,
)
_TICKING = Statement[Task](
    select(Task.table())
    .where(RECURRING, _tasks.next_run_at <= bindparam("now"))
    .order_by(_tasks.next_run_at)
    .limit(BATCH)
    .with_for_update(key_share=True, skip_locked=True),
    Task,
)
_NEXT_DUE = Statement[Any](select(func.min(_tasks.ready_at)).where(DUE))
_NEXT_TICK = Statement[Any](select(func.min(_tasks.next_run_at)).where(RECURRING))
# What a recurring task hands on to each task that it makes.
_INHERITED = (
    "organization_id",
    "project_id",
    "created_by",
    "title",
    "description",
    "tags",
    "requirements",
    "acceptance_criteria",
    "estimated_hours",
    "estimated_minutes",
    "complexity",
    "type",
    "agent_type",
    "capabilities",
    "route",
    "session_id",
    "priority",
    "input",
    "timeout_seconds",
    "retry",
    "reads_knowledge",
    "held",
    "paused",
    "traceparent",
)


class DueTasks:
    """Every organization's, kept by whichever process looks first."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def next_time(self) -> int | None:
        """When something is due next; None where nothing is planned."""
        rows = [await self._database.one(_NEXT_DUE), await self._database.one(_NEXT_TICK)]
        times = [row[0] for row in rows if row is not None and row[0] is not None]
        return min(times) if times else None

    async def advance(self) -> int:
        """Does what is due, at most a batch; returns how many tasks that were."""

        async def body(transaction: Transaction) -> int:
            due = await transaction.all(_DUE, now=transaction.now)
            for task in due:
                ready = await change(transaction, task, **await admission(transaction, task))
                transaction.emit("task.ready", ready)
            ticking = await transaction.all(_TICKING, now=transaction.now)
            pace = Pace()
            for task in ticking:
                await _tick(transaction, task)
                await pace.turn()
            return len(due) + len(ticking)

        return await self._database.write(body)


async def _tick(transaction: Transaction, recurring: Task) -> None:
    """Makes one task, however many times were missed while no server ran, and plans the next."""
    now = transaction.now
    inherited = {name: recurring.values()[name] for name in _INHERITED}
    bound = {} if recurring.routed else {"agent_id": recurring.agent_id, "runtime": recurring.runtime}
    task = Task.new(
        id=new_id(), **inherited, **bound, recurring_id=recurring.id, ready_at=now, created_at=now, updated_at=now
    )
    await transaction.insert(task)
    await file_under(transaction, task, json.loads(task.tags))
    transaction.emit("task.created", await admit(transaction, task))
    for hook in transaction.hooks.task_recurred:
        await hook(transaction, task)
    if task.session_id is not None:
        count_in_session(transaction, task.session_id, total=1)
    try:
        planned = next_runs(json.loads(recurring.schedule or "{}"), now, 1)[0]
    except ServiceError as error:
        # Its zone is known no more, say: the others must not wait for that.
        log.warning("a recurring task is planned later", task=recurring.id, error=error.message)
        planned = now + LATER
    await change(transaction, recurring, next_run_at=planned)
