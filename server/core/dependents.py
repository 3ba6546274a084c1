"""Dependents: tasks that wait for others learn how those ended, a few at a time, soon after and whatever crashes."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, select, text, update

from server.core.ending import end, failure
from server.core.routing import admit
from server.model import Dependency, Task, TaskStatus
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

ENDED_AT_ONCE = 20
TOLD_AT_ONCE = 200

_tasks = Task.table().c
_dependencies = Dependency.table().c
# In the words of the index, because SQLite only then knows it for the same.
_to_tell = text("tasks.has_dependents AND tasks.status IN ('completed', 'failed', 'cancelled')")
_ANY = Statement[Any](select(_tasks.id).where(_to_tell).limit(1))
_ENDED = Statement[Task](
    select(Task.table())
    .where(_to_tell)
    .order_by(_tasks.completed_at)
    .limit(ENDED_AT_ONCE)
    .with_for_update(key_share=True, skip_locked=True),
    Task,
)
_WAITING = Statement[Task](
    select(Task.table())
    .join(Dependency.table(), _dependencies.task_id == _tasks.id)
    .where(_dependencies.depends_on == bindparam("task"), ~_dependencies.told)
    .order_by(_tasks.id)
    .limit(bindparam("limit"))
    .with_for_update(key_share=True, of=Task.table()),
    Task,
)
_TELL = Statement[Any](
    update(Dependency.table())
    .where(_dependencies.task_id == bindparam("waiting"), _dependencies.depends_on == bindparam("task"))
    .values(told=True)
)


class Dependents:
    """Every organization's, told by whichever process looks first."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def tell(self) -> int:
        """Tells some of those who wait for what has ended; returns how many, 0 where there is nobody to tell."""
        if await self._database.one(_ANY) is None:
            return 0

        async def body(transaction: Transaction) -> int:
            told = 0
            for ended in await transaction.all(_ENDED):
                room = TOLD_AT_ONCE - told
                waiting = await transaction.all(_WAITING, task=ended.id, limit=room) if room else []
                for task in waiting:
                    await transaction.run(_TELL, waiting=task.id, task=ended.id)
                    if task.status == TaskStatus.PENDING and task.waiting_for > 0:
                        await _told(transaction, task, ended)
                told += len(waiting)
                if len(waiting) < room:
                    await transaction.update(ended, has_dependents=False)
                    told = max(told, 1)
            return told

        return await self._database.write(body)


async def _told(transaction: Transaction, task: Task, ended: Task) -> None:
    if ended.status != TaskStatus.COMPLETED:
        message = f"task_{ended.id}, which it depends on, is {ended.status}"
        await end(transaction, task, failure("DependencyFailed", message))
        return
    nearer = await transaction.update(task, waiting_for=task.waiting_for - 1)
    admitted = await admit(transaction, nearer)
    if admitted.rank is not None:
        transaction.emit("task.ready", admitted)
