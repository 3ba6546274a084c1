"""Leases: who may say how a task went, and what is said to those who may not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, select

from server.core.queue.completion import Result
from server.core.shared.call_context import Call
from server.errors import Conflict
from server.model import Task, TaskStatus, Worker
from server.store.statement import Statement
from server.store.transaction import Reader

_workers = Worker.table().c
_CONNECTION = Statement[Any](select(_workers.connection).where(_workers.id == bindparam("worker")))


class StaleLease(Conflict):
    """The task is no longer held under this token."""

    reason = "STALE_LEASE"


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease that is still held."""

    task_id: str
    attempt: int
    cancel_requested: bool


@dataclass(frozen=True, slots=True)
class Finish:
    """A result, and the lease under which it was reached."""

    task_id: str
    attempt: int
    result: Result


def shown_holder(holder: str | None) -> str | None:
    """Who holds a lease, as callers know workers; server processes have no other name."""
    return f"worker_{holder.split('/')[1]}" if holder and holder.startswith("worker/") else holder


def stale_lease(
    task: Task | None, attempt: int, holder: str | None = None, organization: str | None = None
) -> StaleLease | None:
    """Why this lease no longer counts; None where it does. Says who holds the task now, to those who may know."""
    if task is not None and organization is not None and task.organization_id != organization:
        task = None
    held = task is not None and task.status == TaskStatus.RUNNING and task.attempt == attempt
    if held and task is not None and holder in (None, task.lease_holder):
        return None
    return StaleLease(
        "this lease has ended, so its result is not taken",
        details={
            "attempt": attempt,
            "current_attempt": task.attempt if task is not None else None,
            "held_by": shown_holder(task.lease_holder) if task is not None else None,
            "status": task.status if task is not None else "unknown",
        },
    )


def said_before(task: Task, each: Finish, holder: str | None) -> bool:
    """Whether this very result is what ended this attempt, told once more."""
    same = holder is not None and task.last_holder == holder and task.attempt == each.attempt
    if not same or task.status == TaskStatus.RUNNING:
        return False
    if each.result.status == TaskStatus.COMPLETED:
        return task.status == TaskStatus.COMPLETED
    return task.status in (each.result.status, TaskStatus.PENDING)


def require_lease(call: Call, task: Task, attempt: int | None = None, holder: str | None = None) -> None:
    """Raises StaleLease where an agent's own credential writes about a task that is not that agent's now.

    `attempt` is the token that the writer has, where it says one; the task must be locked. People need no lease: what
    is written with their credentials is theirs, unless they name the token of a lease.
    """
    agent = call.caller.agent_id
    if agent is None and attempt is None:
        return
    own = agent is None or task.agent_id == agent
    stale = stale_lease(task, attempt if attempt is not None else task.attempt, holder, call.organization_id)
    if stale is None and not (own and task.lease_holder is not None):
        stale = StaleLease("the task is no longer this agent's", details={"status": task.status})
    if stale is not None:
        raise stale


async def is_current(reader: Reader, worker_id: str, connection: int) -> bool:
    """Whether a worker has not connected again since. Stays so while its agent is locked: connecting locks that too."""
    row = await reader.one(_CONNECTION, worker=worker_id)
    return row is not None and row[0] == connection
