"""The status of an agent: what changes it, installations among them, and what it means for the agent's tasks."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import bindparam, select

from server import values
from server.core.agents.duties import note_duty
from server.core.agents.presence import LOCK_AGENT
from server.core.queue.claims import INSTALLATION
from server.core.queue.holds import fail_waiting, hold, unhold
from server.core.queue.routing.hours import on_duty
from server.core.shared.resource import change
from server.model import Agent, AgentRuntime, AgentStatus, Task, TaskKind, Worker, new_id
from server.store.statement import Statement
from server.store.transaction import Transaction

INSTALL_SECONDS = 600

_workers = Worker.table().c
_ANY_WORKER = Statement[Any](
    select(_workers.id).where(_workers.agent_id == bindparam("agent"), _workers.status == "active").limit(1)
)


def required(agent: Agent, changes: dict[str, Any]) -> dict[str, Any]:
    """What changes with an agent's requirements; they are tried again where they could not be installed."""
    again = "requirements" in changes and agent.status == AgentStatus.ERROR
    if not again and changes.get("requirements", agent.requirements) == agent.requirements:
        return {}
    status = AgentStatus.INSTALLING if changes["requirements"] != "[]" else AgentStatus.ACTIVE
    follows = {"status_message": "", "packages": ""}
    return {**follows, "status": status.value} if agent.disabled_at is None else follows


async def switched(transaction: Transaction, agent: Agent, *, disabled: bool) -> dict[str, Any]:
    """What changes in an agent that is disabled or enabled."""
    if disabled:
        return {"disabled_at": transaction.now, "status": AgentStatus.INACTIVE.value, "active_since": None}
    status = AgentStatus.ACTIVE
    if agent.runtime == AgentRuntime.EXTERNAL and await transaction.one(_ANY_WORKER, agent=agent.id) is None:
        status = AgentStatus.INITIALIZING
    elif agent.runtime == AgentRuntime.PYTHON and agent.requirements != "[]" and not agent.packages:
        status = AgentStatus.INSTALLING
    since = transaction.now if status == AgentStatus.ACTIVE else None
    return {"disabled_at": None, "status": status.value, "active_since": since}


async def settle(transaction: Transaction, agent: Agent) -> None:
    """Holds back an agent's tasks or lets them go, as its status and its working hours are now."""
    if agent.status in (AgentStatus.INSTALLING, AgentStatus.INACTIVE) or not on_duty(agent):
        await hold(transaction, agent.id)
    else:
        await unhold(transaction, agent.id)
    await note_duty(transaction, agent)


def turned_duty(transaction: Transaction, agent: Agent) -> None:
    """Says that a shift of an agent has begun or ended, by the clock or because its hours are others now."""
    transaction.emit("agent.on_duty" if on_duty(agent) else "agent.off_duty", agent)


async def follow(transaction: Transaction, agent: Agent) -> None:
    """Does what an agent's new status asks for: its tasks are held back or let go, its requirements installed."""
    await settle(transaction, agent)
    if agent.status == AgentStatus.INSTALLING:
        await plan_installation(transaction, agent)
    elif agent.status in (AgentStatus.ACTIVE, AgentStatus.INACTIVE):
        transaction.emit(f"agent.{agent.status}", agent)


async def plan_installation(transaction: Transaction, agent: Agent) -> None:
    """Makes the task that installs what an agent requires."""
    task = Task.new(
        id=new_id(),
        organization_id=agent.organization_id,
        kind=TaskKind.INSTALLATION.value,
        runtime=INSTALLATION,
        agent_id=agent.id,
        input=values.encode(json.loads(agent.requirements)),
        timeout_seconds=float(INSTALL_SECONDS),
        ready_at=transaction.now,
        rank=transaction.now,
        traceparent=transaction.trace_of(agent.organization_id),
        created_at=transaction.now,
        updated_at=transaction.now,
    )
    await transaction.insert(task)


async def installed(transaction: Transaction, task: Task, requirements: str, packages: str) -> None:
    """The packages are there: the agent is active, and tasks that waited may run."""
    agent = await _installing(transaction, task, requirements)
    if agent is not None:
        status = AgentStatus.ACTIVE.value
        since = transaction.now
        active = await change(
            transaction, agent, status=status, packages=packages, status_message="", active_since=since
        )
        await follow(transaction, active)


async def not_installed(transaction: Transaction, task: Task, requirements: str, message: str) -> None:
    """The packages could not be installed: tasks that waited for them fail."""
    agent = await _installing(transaction, task, requirements)
    if agent is not None:
        failed = await change(transaction, agent, status=AgentStatus.ERROR.value, status_message=message)
        transaction.emit("agent.failed", failed)
        await fail_waiting(transaction, agent.id, f"the agent's requirements could not be installed: {message}")


async def _installing(transaction: Transaction, task: Task, requirements: str) -> Agent | None:
    """The agent, locked; None where its requirements have changed since, so that another installation is on its way."""
    agent = await transaction.one(LOCK_AGENT, agent=task.agent_id)
    if agent is None or agent.deleted_at is not None or agent.requirements != requirements:
        return None
    return agent if agent.status == AgentStatus.INSTALLING else None
