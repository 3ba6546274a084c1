"""Bounds on workers: how many an agent may have at a time, and how long those are kept that have ended."""

from __future__ import annotations

import asyncio
from typing import Any

from sqlalchemy import bindparam, delete, func, select

from server.core.agents.presence import LIVE
from server.core.queue.routing.capacity import HELD_BY_WORKER
from server.errors import TooMany
from server.model import Task, Worker, WorkerStatus
from server.store.among import any_of
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

# How many are forgotten together, and how often in one sweep.
SWEEP = 100
ROUNDS = 100
PAUSE_SECONDS = 0.01

_workers = Worker.table().c
_others = Worker.table().alias("others")
_COUNT_PRESENT = Statement[Any](
    select(func.count())
    .select_from(Worker.table())
    .where(_workers.agent_id == bindparam("agent"), _workers.status.in_(LIVE))
)
_ended = (
    _workers.status.in_((WorkerStatus.GONE.value, WorkerStatus.LOST.value)),
    _workers.silent_at < bindparam("before"),
    _workers.ended_at < bindparam("before"),
)
_ENDED = Statement[Any](
    select(_workers.id)
    .where(
        *_ended,
        # An agent that sends heartbeats is its own worker for as long as there is the agent.
        _workers.id != _workers.agent_id,
        # When somebody was there for an agent last is known from the last one.
        select(_others.c.id)
        .where(_others.c.agent_id == _workers.agent_id, _others.c.last_seen_at > _workers.last_seen_at)
        .exists(),
        ~select(Task.table().c.id).where(*HELD_BY_WORKER).exists(),
    )
    .limit(SWEEP)
)
_FORGET = Statement[Any](
    # Some may have come back since.
    delete(Worker.table()).where(*_ended, any_of(_workers.id, "ids")),
)


async def check_place(transaction: Transaction, agent_id: str, most: int | None) -> None:
    """Raises TooMany where an agent, which is locked, has as many workers as it may; None is any number."""
    if most is None:
        return
    row = await transaction.one(_COUNT_PRESENT, agent=agent_id)
    if row is not None and row[0] >= most:
        raise TooMany(
            f"the agent has {row[0]} workers, and {most} is the limit: end one first, or come back under its id",
            details={"limit": most, "workers": row[0]},
        )


async def forget_ended(database: Database, before: int) -> int:
    """Removes workers that left or went silent before `before` and hold nothing; returns how many."""
    forgotten = 0
    for _ in range(ROUNDS):
        ids = [row[0] for row in await database.scan(_ENDED, before=before)]
        forgotten += await _forget(database, ids, before)
        if len(ids) < SWEEP:
            break
        await asyncio.sleep(PAUSE_SECONDS)
    return forgotten


async def _forget(database: Database, ids: list[str], before: int) -> int:
    async def body(transaction: Transaction) -> int:
        return await transaction.run(_FORGET, ids=ids, before=before)

    return await database.write(body) if ids else 0
