"""Repairs: what two transactions that did not see each other have left behind, put right within seconds.

On PostgreSQL a task may be made for an agent that is just deleted, held for one that has just become ready, or routed
to one that just leaves. Locking the agent for every task would cost all of them; looking afterwards costs little.
"""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import bindparam, select

from server.core.agents.presence import LIVE, LOCK_AGENT, mark_present
from server.core.queue.cancellation import cancel_open
from server.core.queue.holds import hand_over, hold, unbind, unhold
from server.core.queue.routing.hours import ON_DUTY, on_duty
from server.model import CLAIMABLE, HELD_BACK, Agent, AgentRuntime, Task, Worker
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

SECONDS = 5.0
BATCH = 50
# How long after its deletion an agent may still get tasks from transactions that began before.
RECENT = 600_000_000

_agents = Agent.table().c
_tasks = Task.table().c
_workers = Worker.table().c
_HELD = Statement[Any](
    select(_tasks.agent_id)
    .join(Agent.table(), _agents.id == _tasks.agent_id)
    .where(
        HELD_BACK,
        _agents.status != "installing",
        ON_DUTY,
        _agents.disabled_at.is_(None),
        _agents.deleted_at.is_(None),
    )
    .limit(BATCH)
)
_DELETED = Statement[Any](
    select(_agents.id, _agents.organization_id)
    .where(
        _agents.deleted_at > bindparam("since"),
        select(_tasks.id).where(_tasks.agent_id == _agents.id, _tasks.status == "pending").exists(),
    )
    .limit(BATCH)
)
_ROUTED = Statement[Any](
    select(_tasks.agent_id)
    .join(Agent.table(), _agents.id == _tasks.agent_id)
    .where(
        _tasks.runtime == bindparam("runtime"),
        CLAIMABLE,
        _tasks.routed,
        _agents.status != "active",
    )
    .limit(BATCH)
)
# What may be claimed of agents that are out of their working hours: it must not stand before what others could do.
_OFF_DUTY = Statement[Any](
    select(_tasks.agent_id)
    .join(Agent.table(), _agents.id == _tasks.agent_id)
    .where(_tasks.runtime == bindparam("runtime"), CLAIMABLE, ~ON_DUTY)
    .limit(BATCH)
)
# What those would claim who did the agent's tasks before.
_MISLAID = Statement[Any](
    select(_tasks.agent_id)
    .join(Agent.table(), _agents.id == _tasks.agent_id)
    .where(_tasks.runtime == bindparam("runtime"), CLAIMABLE, _agents.runtime != bindparam("runtime"))
    .limit(BATCH)
)
_PRESENT = Statement[Any](
    select(_workers.agent_id)
    .join(Agent.table(), _agents.id == _workers.agent_id)
    .where(
        _workers.status.in_(LIVE),
        _agents.status != "active",
        _agents.disabled_at.is_(None),
        _agents.deleted_at.is_(None),
    )
    .limit(BATCH)
)


class Reconciliation:
    """Every organization's."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._looked = time.monotonic()

    async def sweep(self) -> None:
        """Looks every few seconds."""
        if time.monotonic() - self._looked >= SECONDS:
            self._looked = time.monotonic()
            await self.look()

    async def look(self) -> None:
        """Puts right what is wrong now, as much as one look should."""
        database = self._database
        held = {row[0] for row in await database.scan(_HELD)}
        routed, off, mislaid = [
            {row[0] for kind in AgentRuntime for row in await database.scan(statement, runtime=kind.value)}
            for statement in (_ROUTED, _OFF_DUTY, _MISLAID)
        ]
        present = {row[0] for row in await database.scan(_PRESENT)}
        deleted = await database.scan(_DELETED, since=database.clock() - RECENT)
        if not (held or routed or off or mislaid or present or deleted):
            return

        async def body(transaction: Transaction) -> None:
            for agent_id in sorted(present):
                agent = await transaction.one(LOCK_AGENT, agent=agent_id)
                if agent is not None:
                    await mark_present(transaction, agent)
            for agent_id in sorted(held):
                await unhold(transaction, agent_id)
            for agent_id in sorted(routed):
                await unbind(transaction, agent_id)
            for agent_id in sorted(mislaid):
                agent = await transaction.one(LOCK_AGENT, agent=agent_id)
                if agent is not None:
                    await hand_over(transaction, agent_id, agent.runtime)
            for agent_id in sorted(off):
                agent = await transaction.one(LOCK_AGENT, agent=agent_id)
                if agent is not None and not on_duty(agent):
                    await hold(transaction, agent_id)
            for agent_id, organization in deleted:
                await unbind(transaction, agent_id)
                await cancel_open(transaction, agent_id=agent_id, organization=organization)

        await database.write(body)
