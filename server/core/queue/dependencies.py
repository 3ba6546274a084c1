"""Dependents: tasks that wait for others learn how those ended, a few at a time, soon after and whatever crashes."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, select, update

from server.core.queue.completion import end, failure
from server.core.queue.routing.admission import admit
from server.core.queue.subtasks import subtask_ended
from server.core.shared.resource import change
from server.errors import Conflict
from server.model import TO_TELL, Dependency, Task, TaskStatus
from server.store.among import any_of
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

ENDED_AT_ONCE = 20
TOLD_AT_ONCE = 200

_tasks = Task.table().c
_dependencies = Dependency.table().c
_ANY = Statement[Any](select(_tasks.id).where(TO_TELL).limit(1))
_ENDED = Statement[Task](
    select(Task.table())
    .where(TO_TELL)
    .order_by(_tasks.completed_at)
    .limit(ENDED_AT_ONCE)
    .with_for_update(key_share=True, skip_locked=True),
    Task,
)
# In one order for everybody who tells: of two who wait for the same tasks, none has what the other one needs.
_waiting = (
    select(*Task.table().c, _dependencies.depends_on)
    .join(Dependency.table(), _dependencies.task_id == _tasks.id)
    .where(~_dependencies.told)
    .order_by(_tasks.id)
    .limit(TOLD_AT_ONCE)
)
_WAITING = Statement[Any](
    _waiting.where(any_of(_dependencies.depends_on, "ids")).with_for_update(key_share=True, of=Task.table()),
    on_sqlite=_waiting.where(any_of(_dependencies.depends_on, "ids")),
)
_TELL = Statement[Any](
    update(Dependency.table())
    .where(_dependencies.task_id == bindparam("waiting"), _dependencies.depends_on == bindparam("task"))
    .values(told=True)
)

_WAITED_FOR = Statement[Any](
    select(_tasks.id, _tasks.status)
    .join(Dependency.table(), _dependencies.depends_on == _tasks.id)
    .where(_dependencies.task_id == bindparam("task"))
)
_KNOWN = Statement[Any](
    update(Dependency.table())
    .where(_dependencies.task_id == bindparam("task"), _dependencies.depends_on == bindparam("other"))
    .values(told=bindparam("known"))
)

# It has told everybody, where it has ended before and been retried.
_WILL_TELL = Statement[Any](update(Task.table()).where(_tasks.id == bindparam("other")).values(has_dependents=True))
_KNOWS_ALL = Statement[Any](
    update(Dependency.table()).where(_dependencies.task_id == bindparam("task"), ~_dependencies.told).values(told=True)
)


class Dependencies:
    """Every organization's, told by whichever process looks first."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def tell(self) -> int:
        """Tells some of those who wait for what has ended; returns how many, 0 where there is nobody to tell."""
        if await self._database.one(_ANY) is None:
            return 0

        async def body(transaction: Transaction) -> int:
            ended = {task.id: task for task in await transaction.all(_ENDED)}
            if not ended:
                return 0
            waiting = await transaction.all(_WAITING, ids=list(ended))
            known: dict[str, Task] = {}
            for *columns, depends_on in waiting:
                task = Task.load(columns)
                task = known.get(task.id, task)
                await transaction.run(_TELL, waiting=task.id, task=depends_on)
                known[task.id] = await _told(transaction, task, ended[depends_on])
            if len(waiting) < TOLD_AT_ONCE:
                for task in ended.values():
                    await transaction.update(task, has_dependents=False)
            return len(waiting) or len(ended)

        return await self._database.write(body)


async def _told(transaction: Transaction, task: Task, ended: Task) -> Task:
    """The waiting task, as it is once it knows."""
    if task.subtasks:
        return await subtask_ended(transaction, task)
    if task.status != TaskStatus.PENDING or task.waiting_for <= 0:
        return task
    if ended.status != TaskStatus.COMPLETED:
        message = f"task_{ended.id}, which it depends on, is {ended.status}"
        return await end(transaction, task, failure("DependencyFailed", message))
    left = task.waiting_for - 1
    if left:
        return await transaction.update(task, waiting_for=left)
    admitted = await admit(transaction, await change(transaction, task, waiting_for=0))
    # One that is not claimable yet waits for its time, its session, its agent or a hand, and is shown differently now.
    transaction.emit("task.ready" if admitted.rank is not None else "task.unblocked", admitted)
    return admitted


async def waits_for(transaction: Transaction, task: Task) -> int:
    """How many tasks one that is put back waits for, which tell it when they end. Raises Conflict where one failed."""
    waits = 0
    for other, status in await transaction.all(_WAITED_FOR, task=task.id):
        if status in (TaskStatus.FAILED, TaskStatus.CANCELLED):
            raise Conflict(
                f"task_{other}, which it depends on, is {status}: retry that one first",
                reason="DEPENDENCY_FAILED",
                details={"depends_on": f"task_{other}", "status": status},
            )
        known = status == TaskStatus.COMPLETED
        waits += not known
        await transaction.run(_KNOWN, task=task.id, other=other, known=known)
        if not known:
            await transaction.run(_WILL_TELL, other=other)
    return waits


async def wait_no_more(transaction: Transaction, task: Task) -> None:
    """A task that somebody does all the same is told nothing of those that it waits for."""
    if task.waiting_for:
        await transaction.run(_KNOWS_ALL, task=task.id)
