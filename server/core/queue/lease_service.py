"""Leases: keep, finish, give back and lose them, each in one transaction with its event.

Whoever claims a task holds a lease on it, and its `attempt` is the fencing token: a finish with another token is
refused, so a slow holder whose lease was given to somebody else can neither lose nor double work.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import structlog
from sqlalchemy import bindparam, select, update

from server.core.queue.claims import until
from server.core.queue.completion import Result, back_to_queue, conclude, end, failure, record_attempt
from server.core.queue.fencing import Finish, Lease, StaleLease, said_before, stale_lease
from server.core.queue.rows import LOCK, LOCK_ALL, LOCK_HELD, fresh
from server.core.queue.taking import give_back, is_taken
from server.errors import ServiceError
from server.model import Task, TaskKind, TaskStatus
from server.store.acting import agent_of
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

SWEEP = 200
_tasks = Task.table().c
_KEEP = Statement[Any](
    update(Task.table())
    .where(
        _tasks.id == bindparam("task"),
        _tasks.attempt == bindparam("token"),
        _tasks.lease_holder == bindparam("holder"),
        _tasks.status == "running",
    )
    .values(lease_expires_at=until(_tasks.deadline_at))
    .returning(_tasks.id, _tasks.attempt, _tasks.cancel_requested_at)
)
_expired = (_tasks.status == "running", _tasks.lease_expires_at < bindparam("now"))
_EXPIRED = Statement[Task](
    select(Task.table()).where(*_expired).limit(SWEEP).with_for_update(key_share=True, skip_locked=True), Task
)
_ANY_EXPIRED = Statement[Any](select(_tasks.id).where(*_expired).limit(1))
_CANCELLED = Statement[Any](
    select(_tasks.id, _tasks.attempt).where(
        _tasks.status == "running", _tasks.lease_holder == bindparam("holder"), _tasks.cancel_requested_at.is_not(None)
    )
)


class LeaseService:
    """Leases of every holder: a process, or an external worker."""

    def __init__(self, database: Database, *, lease_seconds: float, max_attempts: int) -> None:
        self._database = database
        self._lease = int(lease_seconds * 1_000_000)
        self._max_lost = max_attempts

    async def keep(self, holder: str, leases: Iterable[tuple[str, int]]) -> list[Lease]:
        """Extends those of these leases (task and token) that `holder` still has, and returns them.

        A lease that is not named runs out: whoever no longer works on a task does not keep it.
        """
        named = sorted(leases)

        async def body(transaction: Transaction) -> list[Lease]:
            until = transaction.now + self._lease
            kept = [
                await transaction.one(_KEEP, holder=holder, task=task, token=token, until=until)
                for task, token in named
            ]
            return [Lease(row[0], row[1], row[2] is not None) for row in kept if row is not None]

        return await self._database.write(body)

    async def finish(self, task_id: str, attempt: int, result: Result) -> Task:
        """Ends an attempt. Raises StaleLease where `attempt` is not the present token."""
        outcome = (await self.finish_all([Finish(task_id, attempt, result)]))[0]
        if isinstance(outcome, ServiceError):
            raise outcome
        return outcome

    async def finish_all(
        self, finishes: Sequence[Finish], holder: str | None = None, organization: str | None = None
    ) -> list[Task | StaleLease]:
        """Ends several attempts in one transaction; each gives the task as it is then, or why it was not taken.

        A `holder` (of this organization) may say the same twice when an answer was lost: only its own leases count,
        and a result that was recorded before is taken again without any effect.
        """
        ids = list({each.task_id for each in finishes})

        async def body(transaction: Transaction) -> list[Task | StaleLease]:
            outcomes: list[Task | StaleLease] = []
            actor = transaction.actor
            tasks = {task.id: task for task in await transaction.all(LOCK_ALL, ids=ids)}
            for each in finishes:
                task = tasks.get(each.task_id)
                if task is not None:
                    # What ended before it may have ended it too.
                    task = await fresh(transaction, task)
                stale = stale_lease(task, each.attempt, holder, organization)
                if task is None or (stale is not None and not said_before(task, each, holder)):
                    outcomes.append(stale or StaleLease("the task has been deleted"))
                    continue
                if stale is None:
                    # Whoever calls for it, it is the agent who has done it.
                    transaction.actor = agent_of(actor, task.organization_id, task.agent_id)
                    task = tasks[task.id] = await conclude(transaction, task, each.result)
                outcomes.append(task)
            return outcomes

        return await self._database.write(body)

    async def cancelled(self, holder: str) -> list[Lease]:
        """The leases of `holder` whose tasks somebody has asked to cancel."""
        return [Lease(row[0], row[1], True) for row in await self._database.all(_CANCELLED, holder=holder)]

    async def release_expired(self) -> list[Task]:
        """Takes up what nobody keeps any more: returns it to the queue, or ends it.

        Returns the tasks as they are then, at most a sweep's worth.
        """
        if await self._database.one(_ANY_EXPIRED, now=self._database.clock()) is None:
            return []

        async def body(transaction: Transaction) -> list[Task]:
            expired = await transaction.all(_EXPIRED, now=transaction.now)
            return [await self.lose(transaction, task) for task in expired]

        try:
            return await self._database.write(body)
        except ServiceError:
            raise
        except Exception:
            # Something is wrong with one of them, which must not keep the others from being done again.
            log.exception("bug", sweep="expired leases")
            return await self._expire_each()

    async def _expire_each(self) -> list[Task]:
        released = []
        for found in await self._database.all(_EXPIRED, now=self._database.clock()):

            async def body(transaction: Transaction, task_id: str = found.id) -> Task | None:
                task = await transaction.one(LOCK, id=task_id)
                gone = task is None or task.lease_expires_at is None or task.lease_expires_at >= transaction.now
                return None if gone or task is None else await self.lose(transaction, task)

            try:
                task = await self._database.write(body)
            except Exception:
                log.exception("bug", task=found.id)
            else:
                released += [task] if task is not None else []
        return released

    async def give_back(self, holder: str) -> None:
        """Returns everything that `holder` holds to the queue, because it stops. That is no lost lease."""

        async def body(transaction: Transaction) -> None:
            for task in await transaction.all(LOCK_HELD, holder=holder):
                await release(transaction, task)

        await self._database.write(body)

    async def lose(self, transaction: Transaction, task: Task) -> Task:
        """Returns a running task, which is locked and whose holder is gone, to the queue, or ends it."""
        task = await fresh(transaction, task)
        if task.status != TaskStatus.RUNNING:
            return task
        if task.cancel_requested_at is not None:
            return await end(transaction, task, Result(status=TaskStatus.CANCELLED))
        # An installation may be repeated any number of times: it runs nobody's code.
        if task.kind != TaskKind.EXECUTION:
            return await back_to_queue(transaction, task, "", lost=task.lost + 1)
        if task.deadline_at is not None and task.deadline_at < transaction.now:
            message = f"ran longer than its timeout of {task.timeout_seconds:g} seconds"
            return await conclude(transaction, task, failure("TimeoutError", message, outcome="timed_out"))
        if task.lost + 1 >= self._max_lost:
            message = f"its lease ran out {task.lost + 1} times: whoever ran it died or went silent"
            return await end(transaction, task, failure("LeaseExpired", message, outcome="lost"))
        await record_attempt(transaction, task, "lost", None)
        return await back_to_queue(transaction, task, "task.released", lost=task.lost + 1)


async def release(transaction: Transaction, task: Task) -> Task:
    """Returns a running task to the queue because its holder gives it back."""
    task = await fresh(transaction, task)
    if task.status != TaskStatus.RUNNING:
        return task
    if is_taken(task):
        return await give_back(transaction, task)
    if task.cancel_requested_at is not None:
        return await end(transaction, task, Result(status=TaskStatus.CANCELLED))
    if task.kind == TaskKind.EXECUTION:
        await record_attempt(transaction, task, "released", None)
    return await back_to_queue(transaction, task, "task.released")


log = structlog.get_logger()
