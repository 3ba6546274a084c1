"""Taking: a person does a task himself, from the queue or from whoever holds it, and may give it back.

A task that somebody has taken runs without a holder: no lease of it runs out, no agent's room is used up by it, and
whoever held it before has lost it, because its token has grown.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, select

from server.core.queue.completion import record_attempt
from server.core.queue.dependencies import wait_no_more, waits_for
from server.core.queue.routing.admission import admit
from server.core.queue.routing.hours import on_duty
from server.core.queue.subtasks import check_single
from server.core.shared.resource import change
from server.errors import Conflict
from server.model import ENDED, Agent, AgentStatus, Task, TaskStatus
from server.store.statement import Statement
from server.store.transaction import Transaction

_agents = Agent.table().c
_AGENT = Statement[Agent](
    select(Agent.table()).where(_agents.id == bindparam("agent"), _agents.deleted_at.is_(None)), Agent
)


class Taken(Conflict):
    """Another person has the task."""

    reason = "TAKEN"

    def __init__(self, task: Task) -> None:
        who = f"user_{task.taken_by}"
        super().__init__(f"{who} has taken the task", details={"taken_by": who, "status": task.status})


class HeldByWorker(Conflict):
    """Whoever works on the task decides where it stands, until somebody takes it."""

    reason = "HELD_BY_WORKER"

    def __init__(self, task: Task) -> None:
        super().__init__(
            "an agent is doing the task: take it from the agent first, by POST …/take",
            details={"status": task.status, "agent_id": f"agent_{task.agent_id}" if task.agent_id else None},
        )


def is_taken(task: Task) -> bool:
    """Whether a person does the task now."""
    return task.status == TaskStatus.RUNNING and task.taken_by is not None


def check_not_held(task: Task) -> None:
    """Raises HeldByWorker where a worker or a process of ours does the task now."""
    if task.status == TaskStatus.RUNNING and task.lease_holder is not None:
        raise HeldByWorker(task)


async def take(transaction: Transaction, task: Task, user_id: str) -> Task:
    """The task, which is locked, as a person does it from now on. Raises Taken, Conflict."""
    check_single(task)
    if is_taken(task):
        if task.taken_by == user_id:
            return task
        raise Taken(task)
    if task.status in ENDED or task.next_run_at is not None:
        state = "recurs, so those that it makes are done" if task.next_run_at is not None else f"is {task.status}"
        raise Conflict(f"the task {state}", reason="NOT_TAKEABLE", details={"status": task.status})
    if task.cancel_requested_at is not None:
        raise Conflict("the task is being cancelled", reason="NOT_TAKEABLE", details={"status": task.status})
    if task.status == TaskStatus.RUNNING:
        await record_attempt(transaction, task, "released", None)
    await wait_no_more(transaction, task)
    taken = await change(
        transaction,
        task,
        status=TaskStatus.RUNNING.value,
        taken_by=user_id,
        taken_from=task.agent_id,
        agent_id=None,
        routed=False,
        runtime=None,
        rank=None,
        held=False,
        waiting_for=0,
        # Whatever somebody else says of it from now on comes too late.
        attempt=task.attempt + 1,
        lease_holder=None,
        lease_expires_at=None,
        deadline_at=None,
        started_at=transaction.now,
    )
    transaction.emit("task.taken", taken)
    return taken


async def give_back(transaction: Transaction, task: Task) -> Task:
    """The task, which is locked and taken, as it waits for its agent again, or for one, or for a hand.

    Raises Conflict where it waits for what will never come.
    """
    waiting = await change(
        transaction,
        task,
        status=TaskStatus.PENDING.value,
        taken_by=None,
        taken_from=None,
        waiting_for=await waits_for(transaction, task),
        started_at=None,
        progress=None,
        progress_at=None,
        progress_message="",
        **await back_to_agent(transaction, task, task.taken_from),
    )
    waiting = await admit(transaction, waiting)
    transaction.emit("task.released", waiting)
    return waiting


async def back_to_agent(transaction: Transaction, task: Task, agent_id: str | None) -> dict[str, Any]:
    """What changes in a task that a person lets go: it waits for this agent, and where that is gone, for a hand.

    One that is found by its type, and for none that is named, is routed anew.
    """
    agent: Agent | None = None
    if agent_id is not None and not task.route:
        agent = await transaction.one(_AGENT, agent=agent_id)
    if agent is None:
        ready = transaction.now if task.route else None
        return {"agent_id": None, "runtime": None, "held": False, "ready_at": ready}
    waits = agent.disabled_at is not None or agent.status == AgentStatus.INSTALLING or not on_duty(agent)
    return {
        "agent_id": agent.id,
        "runtime": agent.runtime,
        "held": waits,
        "ready_at": transaction.now,
        "timeout_seconds": task.timeout_seconds or agent.timeout_seconds,
    }
