"""Duties: the spans of time in which an agent was there and on duty, of which its hours are counted."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, delete, select, text, update

from server.core.queue.routing.hours import on_duty
from server.model import Agent, AgentStatus, Duty
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

# An agent that is away for less has not been away: so one whose connection comes and goes leaves few spans.
UNNOTICED = 60_000_000
# How long spans are kept, and how many are forgotten at a time.
KEPT = 400 * 86_400_000_000
BATCH = 1000

_duties = Duty.table().c
_LAST = Statement[Duty](
    select(Duty.table()).where(_duties.agent_id == bindparam("agent")).order_by(_duties.began_at.desc()).limit(1), Duty
)
_this = (_duties.agent_id == bindparam("agent"), _duties.began_at == bindparam("began"))
_END = Statement[Any](update(Duty.table()).where(*_this).values(ended_at=bindparam("now")))
_GO_ON = Statement[Any](update(Duty.table()).where(*_this).values(ended_at=None))
# Said as the index says it.
_over = select(_duties.agent_id, _duties.began_at).where(
    text("duties.ended_at IS NOT NULL"), _duties.ended_at < bindparam("before")
)
_OVER = Statement[Any](_over.order_by(_duties.ended_at).limit(BATCH))
_FORGET = Statement[Any](delete(Duty.table()).where(*_this))


async def note_duty(transaction: Transaction, agent: Agent) -> None:
    """Begins or ends a span of an agent, which is locked or new, as it is now."""
    there = agent.status == AgentStatus.ACTIVE and on_duty(agent) and agent.deleted_at is None
    last = await transaction.one(_LAST, agent=agent.id)
    goes_on = last is not None and last.ended_at is None
    if there == goes_on:
        return
    if last is not None and goes_on:
        await transaction.run(_END, agent=agent.id, began=last.began_at, now=transaction.now)
    elif last is not None and last.ended_at is not None and last.ended_at >= transaction.now - UNNOTICED:
        await transaction.run(_GO_ON, agent=agent.id, began=last.began_at)
    else:
        await transaction.insert(Duty.new(agent_id=agent.id, began_at=transaction.now))


async def forget_duties(database: Database) -> int:
    """Forgets the oldest spans, a few at a time; returns how many."""
    old = await database.scan(_OVER, before=database.clock() - KEPT)
    if not old:
        return 0

    async def body(transaction: Transaction) -> None:
        await transaction.many(_FORGET, [{"agent": agent, "began": began} for agent, began in old])

    await database.write(body)
    return len(old)
