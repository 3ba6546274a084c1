"""Rows of the queue: a task locked, read again as it is now, and counted."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, func, select

from server.core.shared.call_context import Call
from server.core.shared.resource import Resource
from server.errors import NotFound
from server.model import Task, TaskKind
from server.store.among import any_of
from server.store.statement import Statement
from server.store.transaction import Reader, Transaction

_tasks = Task.table().c


def projects_of(call: Call) -> frozenset[str] | None:
    """The projects (digits) whose tasks alone exist for a caller; None where all tasks do."""
    found: frozenset[str] | None = getattr(call.caller, "projects", None)
    return found


class Tasks(Resource[Task]):
    """Tasks as callers know them: installations are none, and whoever is let into some projects sees no others."""

    async def get(self, reader: Reader, call: Call, identifier: str) -> Task:
        """The task with this id, in any spelling. Raises NotFound."""
        return self.visible(call, await super().get(reader, call, identifier), identifier)

    async def lock(self, transaction: Transaction, call: Call, identifier: str, *, shared: bool = False) -> Task:
        """The same, locked. Raises NotFound."""
        return self.visible(call, await super().lock(transaction, call, identifier, shared=shared), identifier)

    def visible(self, call: Call, task: Task, identifier: str) -> Task:
        """The task, where it exists for the caller. Raises NotFound."""
        projects = projects_of(call)
        if projects is not None and task.project_id not in projects:
            raise NotFound("task", identifier)
        return task


TASKS = Tasks(Task, "task", _tasks.kind == TaskKind.EXECUTION.value)
LOCK_HELD = Statement[Task](
    select(Task.table())
    .where(_tasks.status == "running", _tasks.lease_holder == bindparam("holder"))
    .order_by(_tasks.id)
    .with_for_update(key_share=True),
    Task,
)
LOCK_ALL = Statement[Task](
    select(Task.table()).where(any_of(_tasks.id, "ids")).order_by(_tasks.id).with_for_update(key_share=True),
    Task,
    on_sqlite=select(Task.table()).where(any_of(_tasks.id, "ids")),
)
LOCK = Statement[Task](select(Task.table()).where(_tasks.id == bindparam("id")).with_for_update(key_share=True), Task)


_READ = Statement[Task](select(Task.table()).where(_tasks.id == bindparam("id")), Task)
COUNT_RUNNING = Statement[Any](
    select(func.count())
    .select_from(Task.table())
    .where(
        _tasks.agent_id == bindparam("agent"),
        _tasks.status == "running",
        _tasks.kind == TaskKind.EXECUTION.value,
    )
)


async def fresh(transaction: Transaction, task: Task) -> Task:
    """The task as it is now: ending another one in this transaction may have ended a step, or a subtask, too."""
    if task.workflow_run_id is None and task.parent_id is None:
        return task
    return await transaction.one(_READ, id=task.id) or task
