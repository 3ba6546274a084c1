"""What workers say of their tasks: how they go, what is written about them, and how they end."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import bindparam, delete, func, select

from server import values
from server.core.agents.presence import LOCK_AGENT
from server.core.queue.completion import Result, failure
from server.core.queue.fencing import Finish, StaleLease, is_current, shown_holder, stale_lease
from server.core.queue.lease_service import LeaseService, release
from server.core.queue.rows import LOCK, LOCK_ALL
from server.core.shared.resource import change
from server.errors import Conflict, InvalidRequest, NotFound
from server.model import Task, TaskLog, TaskStatus, Worker
from server.store.acting import agent_of
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

KEPT_LOGS = 1000
MAX_LOG_CHARACTERS = 8192
MAX_TYPE_CHARACTERS = 200
MAX_TRACEBACK_CHARACTERS = 64 << 10
LEVELS = ("debug", "info", "warning", "error")

_tasks = Task.table().c
_logs = TaskLog.table().c
_READ = Statement[Task](select(Task.table()).where(_tasks.id == bindparam("id")), Task)
_LAST_LOG = Statement[Any](select(func.max(_logs.number)).where(_logs.task_id == bindparam("task")))
_TRIM_LOGS = Statement[Any](
    delete(TaskLog.table()).where(_logs.task_id == bindparam("task"), _logs.number <= bindparam("number"))
)


class NotCancelled(Conflict):
    """Nobody has asked to cancel the task."""

    reason = "NOT_CANCELLED"

    def __init__(self, task: Task) -> None:
        details = {"current_attempt": task.attempt, "held_by": shown_holder(task.lease_holder), "status": task.status}
        super().__init__("nobody has asked to cancel this task", details=details)


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line about a task."""

    level: str
    message: str


@dataclass(slots=True)
class Note:
    """How a task goes, under one lease."""

    task_id: str
    attempt: int
    progress: float | None = None
    message: str = ""
    lines: list[LogLine] = field(default_factory=list)


async def completed(output: bytes, *, tokens_used: int | None = None) -> Result:
    """The result of a worker that has one; where that cannot be kept, the failure that this is."""
    problem = await values.problem_in(output, "output")
    if problem is not None:
        type = "OutputTooLarge" if len(output) > values.MAX_BYTES else "OutputNotJSON"
        return failure(type, problem if problem.startswith("output") else f"the output {problem}", retryable=False)
    return Result(status=TaskStatus.COMPLETED, output=output, tokens_used=tokens_used)


def failed(
    type: str, message: str, traceback: str, *, retryable: bool = True, tokens_used: int | None = None
) -> Result:
    """The result of a worker that has none."""
    error = {
        "type": (type or "Error")[:MAX_TYPE_CHARACTERS],
        "message": message[:MAX_LOG_CHARACTERS],
        # The end of a traceback says more than its beginning.
        "traceback": traceback[-MAX_TRACEBACK_CHARACTERS:],
    }
    return Result(status=TaskStatus.FAILED, error=json.dumps(error), retryable=retryable, tokens_used=tokens_used)


CANCELLED = Result(status=TaskStatus.CANCELLED)


class WorkerReports:
    """Takes what workers say. Only who holds a task's lease is heard."""

    def __init__(self, database: Database, leases: LeaseService) -> None:
        self._database = database
        self._leases = leases

    async def report(
        self,
        worker: Worker,
        task_id: str,
        attempt: int,
        *,
        progress: float | None = None,
        message: str = "",
        lines: Sequence[LogLine] = (),
    ) -> Task:
        """Notes how a task goes. Raises StaleLease where the worker no longer holds it, InvalidRequest."""
        if progress is not None and not 0 <= progress <= 100:
            raise InvalidRequest("progress", "must be from 0 to 100")
        for line in lines:
            if line.level not in LEVELS:
                raise InvalidRequest("level", f"must be one of {', '.join(LEVELS)}")
        note = Note(task_id, attempt, progress, message, list(lines))

        async def body(transaction: Transaction) -> Task:
            return await _note(transaction, worker, note)

        return await self._database.write(body)

    async def note(self, worker: Worker, notes: Iterable[Note]) -> list[Note]:
        """Notes how several tasks go, and returns those that were not taken because their leases have ended."""
        ordered = sorted(notes, key=lambda note: note.task_id)

        async def body(transaction: Transaction) -> list[Note]:
            stale = []
            for note in ordered:
                try:
                    await _note(transaction, worker, note)
                except (StaleLease, NotFound):
                    stale.append(note)
            return stale

        return await self._database.write(body)

    async def acknowledge_cancel(self, worker: Worker, task_id: str, attempt: int) -> Task:
        """Notes that the worker is ending a task that is to be cancelled. Raises StaleLease, NotCancelled."""

        async def body(transaction: Transaction) -> Task:
            task = await _held(transaction, worker, task_id, attempt)
            if task.cancel_requested_at is None:
                raise NotCancelled(task)
            if task.cancel_acknowledged_at is not None:
                return task
            changed = await change(transaction, task, cancel_acknowledged_at=transaction.now)
            transaction.emit("task.cancel_acknowledged", changed)
            return changed

        return await self._database.write(body)

    async def finish(self, worker: Worker, finishes: Sequence[Finish]) -> list[Task | StaleLease | NotCancelled]:
        """Records results. One that has been recorded before under the same lease gives the task again."""
        unasked = {index: task for index, each in enumerate(finishes) if (task := await self._unasked(worker, each))}
        rest = [each for index, each in enumerate(finishes) if index not in unasked]
        taken = iter(await self._leases.finish_all(rest, worker.holder, worker.organization_id) if rest else ())
        return [NotCancelled(unasked[index]) if index in unasked else next(taken) for index in range(len(finishes))]

    async def _unasked(self, worker: Worker, each: Finish) -> Task | None:
        """The task, where the worker says that it is cancelled and nobody has asked for that."""
        if each.result.status != TaskStatus.CANCELLED:
            return None
        task = await self._database.one(_READ, id=each.task_id)
        if task is None or task.cancel_requested_at is not None:
            return None
        return task if stale_lease(task, each.attempt, worker.holder, worker.organization_id) is None else None

    async def give_back(self, worker: Worker, leases: Iterable[tuple[str, int]]) -> list[Task | StaleLease]:
        """Returns tasks to the queue that the worker will not do; each gives the task, or why it was not taken.

        One that has been given back before gives the task again.
        """
        named = list(leases)

        async def body(transaction: Transaction) -> list[Task | StaleLease]:
            return await _give_back(transaction, worker, named)

        return await self._database.write(body) if named else []

    async def give_back_undelivered(self, worker: Worker, leases: Sequence[tuple[str, int]]) -> None:
        """Returns to the queue what was claimed for a worker's connection that is over.

        Where the worker has connected again since, in whichever process, it got them with its welcome, and may have
        ended them by now: then they are left alone.
        """

        async def body(transaction: Transaction) -> None:
            # Tasks are locked before their agent everywhere.
            await transaction.all(LOCK_ALL, ids=[task_id for task_id, _ in leases])
            await transaction.one(LOCK_AGENT, agent=worker.agent_id)
            if await is_current(transaction, worker.id, worker.connection):
                await _give_back(transaction, worker, leases)

        await self._database.write(body)


async def _give_back(
    transaction: Transaction, worker: Worker, named: Sequence[tuple[str, int]]
) -> list[Task | StaleLease]:
    outcomes: dict[tuple[str, int], Task | StaleLease] = {}
    for task_id, attempt in sorted(set(named)):
        task = await transaction.one(LOCK, id=task_id)
        stale = stale_lease(task, attempt, worker.holder, worker.organization_id)
        if task is None or (stale is not None and not _given_back(worker, task, attempt)):
            outcomes[task_id, attempt] = stale or StaleLease("the task has been deleted")
        else:
            outcomes[task_id, attempt] = task if stale is not None else await release(transaction, task)
    return [outcomes[each] for each in named]


def _given_back(worker: Worker, task: Task, attempt: int) -> bool:
    over = task.status in (TaskStatus.PENDING, TaskStatus.CANCELLED)
    return over and task.last_holder == worker.holder and task.attempt == attempt


async def _held(transaction: Transaction, worker: Worker, task_id: str, attempt: int) -> Task:
    task = await transaction.one(LOCK, id=task_id)
    stale = stale_lease(task, attempt, worker.holder, worker.organization_id)
    if stale is not None or task is None:
        raise stale or NotFound("task", task_id)
    transaction.actor = agent_of(transaction.actor, task.organization_id, task.agent_id)
    return task


async def _note(transaction: Transaction, worker: Worker, note: Note) -> Task:
    task = await _held(transaction, worker, note.task_id, note.attempt)
    return await noted(transaction, task, note)


async def noted(transaction: Transaction, task: Task, note: Note) -> Task:
    """The task, which is locked, with what is said of how it goes."""
    if note.lines:
        await _write(transaction, task, note.lines)
    if note.progress is None and not note.message:
        return task
    changed = await change(
        transaction,
        task,
        progress=float(note.progress) if note.progress is not None else task.progress,
        progress_message=note.message[:MAX_LOG_CHARACTERS],
        # How long the rest takes is guessed from this, so it goes with the figure.
        progress_at=transaction.now if note.progress is not None else task.progress_at,
    )
    transaction.emit("task.progress", changed)
    return changed


async def _write(transaction: Transaction, task: Task, lines: Sequence[LogLine]) -> None:
    row = await transaction.one(_LAST_LOG, task=task.id)
    last = row[0] or 0 if row is not None else 0
    for number, line in enumerate(lines, last + 1):
        written = TaskLog.new(
            task_id=task.id,
            number=number,
            level=line.level,
            message=line.message[:MAX_LOG_CHARACTERS],
            created_at=transaction.now,
        )
        await transaction.insert(written)
        if task.session_id is not None:
            # Those who watch the session read along.
            transaction.emit("log.written", written, task)
    newest = last + len(lines)
    if newest > KEPT_LOGS:
        await transaction.run(_TRIM_LOGS, task=task.id, number=newest - KEPT_LOGS)
