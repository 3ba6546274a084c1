"""Moves: people take tasks and give them back, and say where those stand that no worker holds."""

from __future__ import annotations

from typing import Any

from server import values
from server.core.queue.cancellation import each_open, request_cancel
from server.core.queue.completion import Result, end, failure
from server.core.queue.fencing import require_lease
from server.core.queue.rows import TASKS
from server.core.queue.subtasks import check_single
from server.core.queue.taking import Taken, check_not_held, give_back, is_taken, take
from server.core.shared import idempotency
from server.core.shared.call_context import Call
from server.core.shared.resource import change, check_version
from server.core.tasks.details import may_write
from server.core.tasks.retry import back_to_queue
from server.core.tasks.tags import FORGET_TAGS
from server.core.tasks.text_index import unindex_task
from server.errors import Conflict, Forbidden
from server.model import ENDED, Task, TaskKind, TaskStatus
from server.store.database import Database
from server.store.transaction import Transaction

MAX_REASON = 1000


class TaskMoves:
    """Those of every organization's tasks; each call sees its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, call: Call, identifier: str) -> Task:
        """The task, as the caller does it himself from now on; whoever held it has lost it.

        Raises NotFound, Forbidden where the caller is no person, Taken, Conflict.
        """
        user = person(call)

        async def act(transaction: Transaction, task: Task) -> Task:
            await may_write(transaction, call, task.project_id)
            return await take(transaction, task, user)

        return await TASKS.once(self._database, call, identifier, act)

    async def release(self, call: Call, identifier: str) -> Task:
        """A task that a person has taken, as it waits for its agent again, or for a hand; whoever has taken it.

        Raises NotFound, Conflict where nobody has taken it.
        """

        async def act(transaction: Transaction, task: Task) -> Task:
            await may_write(transaction, call, task.project_id)
            if not is_taken(task):
                raise Conflict("nobody has taken the task", reason="NOT_TAKEN", details={"status": task.status})
            return await give_back(transaction, task)

        return await TASKS.once(self._database, call, identifier, act)

    async def delete(self, call: Call, identifier: str, reason: str = "") -> None:
        """Deletes a task, which is there for nobody then; whoever does it has lost it, and its parts are cancelled.

        Raises NotFound, VersionMismatch.
        """

        async def body(transaction: Transaction) -> None:
            if (await idempotency.done(transaction, call)) is not None:
                return
            task = await TASKS.lock(transaction, call, identifier)
            await may_write(transaction, call, task.project_id)
            require_lease(call, task)
            check_version(call, task)
            await idempotency.mark(transaction, call, task.id)
            await _delete(transaction, task, reason[:MAX_REASON])

        await self._database.write(body)


def person(call: Call) -> str:
    """The user who calls. Raises Forbidden where that is an agent."""
    if call.caller.agent_id is not None or not call.caller.user_id:
        raise Forbidden("only a person takes a task: an agent claims it")
    return call.caller.user_id


async def move(transaction: Transaction, call: Call, task: Task, to: TaskStatus, *, firmly: bool = True) -> Task:
    """The task, which is locked, in the state that a person says it is in.

    Moving it where it is changes nothing. Where another person has ended it just so, that is refused if `firmly`.
    Raises HeldByWorker, Taken, Conflict.
    """
    user = person(call)
    if task.status == to:
        if task.taken_by not in (None, user) and (firmly or task.status not in ENDED) and to != TaskStatus.PENDING:
            raise Taken(task)
        return task
    check_not_held(task)
    check_single(task)
    if is_taken(task) and task.taken_by != user:
        raise Taken(task)
    if task.status in ENDED:
        return await _open_again(transaction, call, task, to, user)
    if to == TaskStatus.RUNNING:
        return await take(transaction, task, user)
    if to == TaskStatus.PENDING:
        return await give_back(transaction, task)
    if task.next_run_at is not None and to != TaskStatus.CANCELLED:
        raise Conflict("the task recurs: it can only be cancelled", reason="INVALID_TRANSITION")
    # Who held it once and comes late is told that it is no longer his.
    done = await transaction.update(task, taken_by=user, last_holder=None)
    return await end(transaction, done, _result(to))


async def _open_again(transaction: Transaction, call: Call, task: Task, to: TaskStatus, user: str) -> Task:
    """The ended task as it waits once more, or is done by this user."""
    if to in ENDED:
        raise Conflict(
            f"the task is {task.status}, so it cannot become {to.value}: open it again first",
            reason="INVALID_TRANSITION",
            details={"from": task.status, "to": to.value},
        )
    opened = await back_to_queue(
        transaction, call, task, "task.reopened", by_person=True, reopened=task.reopened + 1, output=None
    )
    return await take(transaction, opened, user) if to == TaskStatus.RUNNING else opened


def _result(to: TaskStatus) -> Result:
    if to == TaskStatus.FAILED:
        return failure("Failed", "it was failed by hand", retryable=False)
    return Result(status=to, output=values.NULL if to == TaskStatus.COMPLETED else None)


async def _delete(transaction: Transaction, task: Task, reason: str) -> None:
    if task.subtasks:
        async for part in each_open(transaction, "parent_id", task.id):
            await request_cancel(transaction, part)
        task = await TASKS.find(transaction, task.organization_id, task.id) or task
    if task.status not in ENDED:
        task = await end(transaction, task, Result(status=TaskStatus.CANCELLED))
    changes: dict[str, Any] = {"kind": TaskKind.DELETED.value}
    if reason:
        changes["error"] = failure("Deleted", reason).error
    deleted = await change(transaction, task, **changes)
    await unindex_task(transaction, task)
    await transaction.run(FORGET_TAGS, task=task.id)
    transaction.emit("task.deleted", deleted)
