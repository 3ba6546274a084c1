"""Whether anybody is there for an agent: what changes in it when its first worker comes and when its last one goes.

A model that it thinks with is somebody, too, until a worker comes: that takes the agent over.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, select

from server.core.agents.duties import note_duty
from server.core.monitoring import alerts
from server.core.queue.holds import hand_over, unbind, unhold
from server.core.queue.routing.hours import on_duty
from server.core.shared.resource import change
from server.model import Agent, AgentRuntime, AgentStatus, Worker, WorkerStatus
from server.store.statement import Statement
from server.store.transaction import Transaction

LIVE = (WorkerStatus.ACTIVE.value, WorkerStatus.DRAINING.value)

_workers = Worker.table().c
LOCK_AGENT = Statement[Agent](
    select(Agent.table()).where(Agent.table().c.id == bindparam("agent")).with_for_update(key_share=True), Agent
)
# Some live worker of an agent, but for one.
OTHERS = Statement[Any](
    select(_workers.id)
    .where(_workers.agent_id == bindparam("agent"), _workers.status.in_(LIVE), _workers.id != bindparam("worker"))
    .limit(1)
)


async def mark_present(transaction: Transaction, agent: Agent) -> None:
    """An agent, which is locked, has a worker: it is active, unless somebody has disabled it.

    Where a model did its tasks, the worker does them from now on: whoever brings one wants its results.
    """
    if agent.disabled_at is not None or agent.deleted_at is not None:
        return
    if agent.runtime == AgentRuntime.MODEL:
        agent = await change(transaction, agent, runtime=AgentRuntime.EXTERNAL.value)
        await hand_over(transaction, agent.id, agent.runtime)
        transaction.emit("agent.updated", agent)
    await mark_able(transaction, agent)


async def mark_able(transaction: Transaction, agent: Agent) -> None:
    """Somebody does an agent's tasks, and it is locked: it is active, unless somebody has disabled it."""
    if agent.status == AgentStatus.ACTIVE or agent.disabled_at is not None or agent.deleted_at is not None:
        return
    active = await change(
        transaction, agent, status=AgentStatus.ACTIVE.value, status_message="", active_since=transaction.now
    )
    transaction.emit("agent.active", active)
    if on_duty(active):
        await unhold(transaction, agent.id)
    await note_duty(transaction, active)
    await alerts.resolve(transaction, agent.organization_id, "agent_lost", subject=agent.id)


async def mark_absent(transaction: Transaction, agent_id: str, worker_id: str, *, lost: bool) -> None:
    """A worker of an agent is gone: where it was the last one, nobody does the agent's tasks now."""
    agent = await transaction.one(LOCK_AGENT, agent=agent_id)
    if agent is None or agent.deleted_at is not None or agent.runtime != AgentRuntime.EXTERNAL:
        return
    if await transaction.one(OTHERS, agent=agent_id, worker=worker_id) is not None:
        return
    message = "its last worker has gone silent" if lost else "its last worker has left"
    await mark_unable(transaction, agent, message, lost=lost)


async def mark_unable(transaction: Transaction, agent: Agent, message: str, *, lost: bool) -> None:
    """Nobody does an agent's tasks now, and it is locked; where nobody has said so before, it is `lost`."""
    if agent.status != AgentStatus.ACTIVE:
        return
    status = AgentStatus.ERROR if lost else AgentStatus.INACTIVE
    gone = await change(transaction, agent, status=status.value, status_message=message, active_since=None)
    transaction.emit(f"agent.{'lost' if lost else 'inactive'}", gone)
    await note_duty(transaction, gone)
    await unbind(transaction, agent.id)
    if lost:
        await alerts.warn(
            transaction,
            agent.organization_id,
            "agent_lost",
            f"agent {agent.name} does no work: {message}",
            subject=agent.id,
            severity="critical",
        )
