"""Tasks that have been taken apart: how far they are, and how they end, follow from their parts."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, func, select, update

from server.core.queue.completion import Result, end, failure
from server.core.queue.rows import LOCK
from server.core.shared.resource import change
from server.errors import Conflict
from server.model import Dependency, Task, TaskStatus
from server.store.statement import Statement
from server.store.transaction import Reader, Transaction

_tasks = Task.table().c
_dependencies = Dependency.table().c
_COUNTS = Statement[Any](
    select(_tasks.status, func.count()).where(_tasks.parent_id == bindparam("parent")).group_by(_tasks.status)
)
_TELL_AGAIN = Statement[Any](
    update(Dependency.table())
    .where(
        _dependencies.task_id == bindparam("parent"), _dependencies.depends_on == bindparam("part"), _dependencies.told
    )
    .values(told=False)
)


async def count_subtasks(reader: Reader, task: Task) -> dict[str, int]:
    """How many parts a task has in each status that any of them is in."""
    rows = await reader.all(_COUNTS, parent=task.id)
    return {row[0]: row[1] for row in rows}


def check_single(task: Task) -> None:
    """Raises Conflict where a task goes on by its parts and not by itself."""
    if task.subtasks and task.status == TaskStatus.RUNNING:
        raise Conflict("the task has been decomposed, so it goes on and ends with its parts", reason="HAS_SUBTASKS")


async def subtask_ended(transaction: Transaction, task: Task) -> Task:
    """One part of a task, which is locked, has ended: the task is that much further, or ends with it."""
    if task.status != TaskStatus.RUNNING:
        return task
    left = task.waiting_for - 1
    ended = await count_subtasks(transaction, task)
    progress = share(ended.get(TaskStatus.COMPLETED, 0), task.subtasks)
    if left > 0:
        further = await change(transaction, task, waiting_for=left, progress=progress, progress_at=transaction.now)
        transaction.emit("task.progress", further)
        return further
    failed, cancelled = ended.get(TaskStatus.FAILED, 0), ended.get(TaskStatus.CANCELLED, 0)
    last = await transaction.update(task, waiting_for=0, progress=progress)
    if failed:
        result = failure("SubtaskFailed", f"{failed} of its {task.subtasks} parts failed", retryable=False)
    else:
        result = Result(status=TaskStatus.CANCELLED if cancelled else TaskStatus.COMPLETED)
    return await end(transaction, last, result)


async def subtask_retried(transaction: Transaction, part: Task) -> bool:
    """Where a part that had ended is put back: whether the task that it is of waits for it once more."""
    if part.parent_id is None:
        return False
    parent = await transaction.one(LOCK, id=part.parent_id)
    if parent is None or not parent.subtasks or parent.status != TaskStatus.RUNNING:
        return False
    if await transaction.run(_TELL_AGAIN, parent=parent.id, part=part.id):
        # It had not completed, so the task is as far as it was.
        back = await change(transaction, parent, waiting_for=parent.waiting_for + 1, progress_at=transaction.now)
        transaction.emit("task.progress", back)
    return True


def share(completed: int, parts: int) -> float:
    """How far a task is of whose parts so many have completed: 0 to 100."""
    return round(100.0 * completed / parts, 2)
