"""Putting an ended task back into the queue: what it waits for now, and whether it can run at all."""

from __future__ import annotations

import json
from typing import Any

from server.core.agents.registry import AGENTS
from server.core.models.turns import forget_turns
from server.core.queue.creation import check_agent
from server.core.queue.dependencies import waits_for
from server.core.queue.routing.admission import admit
from server.core.queue.schedule import next_runs
from server.core.queue.session_counters import count_in_session
from server.core.queue.subtasks import subtask_retried
from server.core.queue.taking import back_to_agent
from server.core.sessions.lifecycle import SESSIONS, tasks_wait
from server.core.shared.call_context import Call
from server.core.shared.resource import change
from server.errors import Conflict
from server.model import Task, TaskStatus
from server.store.transaction import Transaction


async def back_to_queue(
    transaction: Transaction,
    call: Call,
    task: Task,
    event: str = "task.retrying",
    *,
    by_person: bool = False,
    **changes: Any,
) -> Task:
    """An ended task, which is locked, as it waits again, with all its retries. Raises Conflict.

    Where its agent takes nothing or is gone, that is refused, unless it is opened `by_person`, who may do it himself.
    """
    if task.workflow_run_id is not None or task.subtasks:
        instead = "retry its run instead" if task.workflow_run_id else "its parts are retried, while it runs"
        raise not_retryable(task, instead)
    # What a model has said of it is over with it.
    await forget_turns(transaction, task.id)
    waiting = await change(
        transaction,
        task,
        status=TaskStatus.PENDING.value,
        **await _begin_again(transaction, call, task, by_person=by_person),
        failures=0,
        lost=0,
        started_at=None,
        duration_ms=None,
        cancel_requested_at=None,
        cancel_acknowledged_at=None,
        progress=None,
        completed_at=None,
        error=None,
        taken_by=None,
        taken_from=None,
        **changes,
    )
    waiting = await admit(transaction, waiting)
    transaction.emit(event, waiting)
    return waiting


def not_retryable(task: Task, why: str) -> Conflict:
    """What is said where a task is not put back into the queue."""
    return Conflict(f"the task is {task.status}, and {why}", reason="NOT_RETRYABLE", details={"status": task.status})


async def _begin_again(transaction: Transaction, call: Call, task: Task, *, by_person: bool) -> dict[str, Any]:
    """What changes in an ended task that waits again. Raises Conflict or NotFound where it could never run."""
    changes: dict[str, Any] = {"ready_at": transaction.now, "next_run_at": None}
    if task.session_id is not None:
        session = await SESSIONS.lock(transaction, call, task.session_id)
        if session.ended:
            raise Conflict("its session has ended", reason="SESSION_ENDED", details={"session_status": session.status})
        changes["paused"] = tasks_wait(session)
        count_in_session(
            transaction,
            session.id,
            failed=-(task.status == TaskStatus.FAILED),
            completed=-(task.status == TaskStatus.COMPLETED),
        )
    if task.routed:
        # Whoever was best for it then need not be now.
        changes.update(agent_id=None, routed=False, runtime=None)
    elif by_person:
        changes.update(await back_to_agent(transaction, task, task.agent_id or task.taken_from))
    elif (agent_id := task.agent_id or task.taken_from) is not None and not task.route:
        agent = await AGENTS.get(transaction, call, agent_id)
        changes.update(held=check_agent(agent), agent_id=agent.id, runtime=agent.runtime)
    elif not task.route:
        # Somebody has to name the agent, as before.
        changes["ready_at"] = None
    written = json.loads(task.schedule) if task.schedule is not None else {}
    if written.get("type") == "cron":
        changes.update(ready_at=None, next_run_at=next_runs(written, transaction.now, 1)[0])
    changes["waiting_for"] = await waits_for(transaction, task)
    if await subtask_retried(transaction, task):
        changes["has_dependents"] = True
    return changes
