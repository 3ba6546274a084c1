"""Shifts: agents with working hours go on and off duty when their time comes."""

from __future__ import annotations

from functools import partial
from typing import Any

from sqlalchemy import bindparam, select, text

from server.core.agents.lifecycle import settle, turned_duty
from server.core.agents.presence import LOCK_AGENT
from server.core.queue.routing.hours import duty
from server.core.shared.resource import change
from server.model import Agent
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

# How many agents a sweep looks at together, and how often.
BATCH, ROUNDS = 50, 20

_agents = Agent.table().c
_TURNING = Statement[Any](
    select(_agents.id)
    # Said as the index says it.
    .where(text("agents.shift_at IS NOT NULL"), _agents.shift_at <= bindparam("now"))
    .order_by(_agents.shift_at)
    .limit(BATCH)
)


class Shifts:
    """Those of every organization's agents, kept by whichever process looks first."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def sweep(self) -> None:
        """Turns all whose time has come, or as many as one sweep should."""
        for _ in range(ROUNDS):
            if await self.advance() < BATCH:
                return

    async def advance(self) -> int:
        """Turns the next few; returns how many have been looked at."""
        due = [row[0] for row in await self._database.all(_TURNING, now=self._database.clock())]
        for agent_id in sorted(due):
            await self._database.write(partial(_turn, agent_id=agent_id))
        return len(due)


async def _turn(transaction: Transaction, agent_id: str) -> None:
    agent = await transaction.one(LOCK_AGENT, agent=agent_id)
    if agent is None or agent.shift_at is None or agent.shift_at > transaction.now:
        return
    if agent.deleted_at is not None:
        await transaction.update(agent, shift_at=None)
        return
    now = duty(agent.working_hours, transaction.now)
    if now["off_duty"] == agent.off_duty:
        await transaction.update(agent, **now)
        return
    turned = await change(transaction, agent, **now)
    turned_duty(transaction, turned)
    await settle(transaction, turned)
