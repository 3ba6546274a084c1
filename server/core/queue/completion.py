"""How attempts and tasks end: completed, failed and perhaps tried again, cancelled, lost; and what follows from it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, select, update

from server.core.monitoring.task_metrics import MINUTE, ROLL_UP
from server.core.queue.retry_policy import RetryPolicy, policy_from
from server.core.queue.routing.admission import admit
from server.core.queue.session_counters import count_in_session
from server.core.shared.resource import change
from server.model import Agent, Attempt, Task, TaskKind, TaskStatus
from server.store.statement import Statement
from server.store.transaction import Transaction

_tasks = Task.table().c
_agents = Agent.table().c
_POLICY = Statement[Any](select(_agents.retry_attempts).where(_agents.id == bindparam("agent")))
_COUNT = Statement[Any](
    update(Agent.table())
    .where(_agents.id == bindparam("agent"))
    .values(
        tasks_completed=_agents.tasks_completed + bindparam("completed"),
        tasks_failed=_agents.tasks_failed + bindparam("failed"),
        busy_ms=_agents.busy_ms + bindparam("busy_ms"),
        last_active_at=bindparam("now"),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How an attempt ended. `output` is a value (server.values), `error` a JSON text."""

    status: TaskStatus
    output: bytes | None = None
    error: str | None = None
    stdout: str = ""
    stderr: str = ""
    # How long it took, where whoever did it knows better than the time between claim and result.
    duration_ms: float | None = None
    # Whether another attempt may help, where this one failed.
    retryable: bool = True
    # What the history of attempts calls it, where that is not its status.
    outcome: str = ""
    # Tokens of a model that it took, where whoever did it says.
    tokens_used: int | None = None


def failure(type: str, message: str, *, retryable: bool = True, outcome: str = "") -> Result:
    """A result that says why there is none."""
    error = json.dumps({"type": type, "message": message, "traceback": ""})
    return Result(status=TaskStatus.FAILED, error=error, retryable=retryable, outcome=outcome)


async def conclude(transaction: Transaction, task: Task, result: Result) -> Task:
    """Ends a running task's attempt, and the task too unless it failed and may be tried again."""
    if result.status != TaskStatus.FAILED or task.kind != TaskKind.EXECUTION:
        return await end(transaction, task, result)
    if task.cancel_requested_at is not None:
        return await end(transaction, task, Result(status=TaskStatus.CANCELLED, stdout=result.stdout))
    policy = await _policy(transaction, task)
    if not result.retryable or task.failures >= policy.max_retries:
        return await end(transaction, task, result)
    if result.tokens_used and task.session_id is not None:
        count_in_session(transaction, task.session_id, tokens=result.tokens_used)
    delay = int(policy.delay(task.failures + 1) * 1_000_000)
    await record_attempt(transaction, task, result.outcome or "failed", result.error)
    return await back_to_queue(
        transaction,
        task,
        "task.retrying",
        ready_at=transaction.now + delay,
        failures=task.failures + 1,
        tokens_used=_together(task, result),
        error=result.error,
        stdout=result.stdout,
        stderr=result.stderr,
    )


async def back_to_queue(transaction: Transaction, task: Task, event: str, **changes: Any) -> Task:
    """Returns a running task to the queue, without a holder."""
    if task.routed:
        # Whoever was best when it was routed need not be now, and may not even be there.
        changes = {**changes, "agent_id": None, "routed": False, "runtime": None}
    waiting = await change(
        transaction,
        task,
        status=TaskStatus.PENDING.value,
        rank=None,
        progress=None,
        progress_at=None,
        progress_message="",
        lease_holder=None,
        lease_expires_at=None,
        deadline_at=None,
        **changes,
    )
    waiting = await admit(transaction, waiting)
    if task.kind == TaskKind.EXECUTION:
        transaction.emit(event, waiting)
    return waiting


async def end(transaction: Transaction, task: Task, result: Result) -> Task:
    """Moves an open task to its one final status, with its event and its counts, and its run to the next step.

    Tasks that depend on it are told soon after (`dependents.py`): there may be any number of them.
    """
    now = transaction.now
    running = task.status == TaskStatus.RUNNING
    duration = result.duration_ms
    if duration is None and running and task.started_at is not None:
        duration = (now - task.started_at) / 1000
    ended = await change(
        transaction,
        task,
        status=result.status.value,
        # What answers a question is kept with that.
        output=result.output if task.kind != TaskKind.ANSWER else None,
        error=result.error,
        stdout=result.stdout,
        stderr=result.stderr,
        duration_ms=duration,
        tokens_used=_together(task, result),
        progress=100.0 if result.status == TaskStatus.COMPLETED else task.progress,
        rank=None,
        ready_at=None,
        next_run_at=None,
        held=False,
        lease_holder=None,
        lease_expires_at=None,
        deadline_at=None,
        completed_at=now,
    )
    if task.kind == TaskKind.ANSWER:
        for tell in transaction.hooks.answer_ended:
            await tell(transaction, ended, result.output)
    if task.kind != TaskKind.EXECUTION:
        return ended
    # One with subtasks is attempted by nobody, and may have been attempted and put back before it had any.
    if running and not task.subtasks and (result.status == TaskStatus.FAILED or task.attempt > 1):
        await record_attempt(transaction, task, result.outcome or result.status.value, result.error)
    _count(transaction, ended, duration or 0.0, result.tokens_used or 0)
    transaction.emit(f"task.{result.status.value}", ended)
    if task.workflow_run_id is not None:
        for hook in transaction.hooks.step_ended:
            await hook(transaction, ended)
    return ended


def _together(task: Task, result: Result) -> int | None:
    """The tokens of all attempts; None where nobody has said."""
    said = [each for each in (task.tokens_used, result.tokens_used) if each is not None]
    return sum(said) if said else None


def _count(transaction: Transaction, task: Task, duration_ms: float, tokens: int) -> None:
    completed, failed, cancelled = (
        int(task.status == status) for status in (TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED)
    )
    busy = duration_ms if completed else 0.0
    if task.session_id is not None:
        count_in_session(transaction, task.session_id, completed=completed, failed=failed, tokens=tokens)
    if task.agent_id is not None and not cancelled:
        key = {"agent": task.agent_id, "now": transaction.now}
        transaction.tally(_COUNT, key, completed=completed, failed=failed, busy_ms=busy)
    minute = transaction.now - transaction.now % MINUTE
    key = {"organization_id": task.organization_id, "seconds": 60, "began_at": minute}
    transaction.tally(ROLL_UP, key, completed=completed, failed=failed, cancelled=cancelled, busy_ms=busy)


async def record_attempt(transaction: Transaction, task: Task, outcome: str, error: str | None) -> None:
    """Keeps what became of a running task's attempt."""
    attempt = Attempt.new(
        task_id=task.id,
        number=task.attempt,
        agent_id=task.agent_id,
        holder=task.lease_holder or "",
        outcome=outcome,
        error=error,
        started_at=task.started_at or transaction.now,
        ended_at=transaction.now,
    )
    await transaction.insert(attempt)


async def _policy(transaction: Transaction, task: Task) -> RetryPolicy:
    if task.retry is not None:
        return policy_from(task.retry)
    row = await transaction.one(_POLICY, agent=task.agent_id)
    return RetryPolicy(max_retries=row[0] if row is not None else 0)
