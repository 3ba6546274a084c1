"""Rerouting: agents are found for tasks that had none when they became claimable."""

from __future__ import annotations

import asyncio
from typing import Any

from sqlalchemy import bindparam, select, tuple_

from server.core.queue.routing.matching import FIRST, UNROUTED, binding, choose
from server.core.shared.resource import change
from server.model import Task
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

_tasks = Task.table().c
START = ("", "", FIRST, "")
# How many tasks without an agent are looked at together when somebody may have got room for them.
REROUTED = 100
# In one sweep, so often, with so much time for others in between.
ROUNDS = 40
PAUSE_SECONDS = 0.01
_place = (_tasks.organization_id, _tasks.route, _tasks.rank, _tasks.id)
_ALL_UNROUTED = Statement[Task](
    select(Task.table())
    .where(
        *UNROUTED,
        tuple_(*_place) > tuple_(bindparam("organization"), bindparam("word"), bindparam("after"), bindparam("last")),
    )
    .order_by(*_place)
    .limit(REROUTED)
    .with_for_update(key_share=True, skip_locked=True),
    Task,
)
_ANY_UNROUTED = Statement[Any](select(_tasks.id).where(*UNROUTED).limit(1))


class Rerouting:
    """Finds agents for tasks that had none when they became claimable: all of them in turn, a few at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._cursor = START

    async def sweep(self) -> None:
        """Looks at all of them, or at as many as one sweep should."""
        for _ in range(ROUNDS):
            await self.advance()
            if self._cursor == START:
                return
            # Whoever else is there has a turn.
            await asyncio.sleep(PAUSE_SECONDS)

    async def advance(self) -> int:
        """Looks at the next few; returns how many have got an agent."""
        if await self._database.one(_ANY_UNROUTED) is None:
            return 0

        async def body(transaction: Transaction) -> tuple[int, tuple[str, str, int, str]]:
            organization, word, after, last = self._cursor
            waiting = await transaction.all(_ALL_UNROUTED, organization=organization, word=word, after=after, last=last)
            found = 0
            nobody: set[tuple[str, str, str, str]] = set()
            for task in waiting:
                asked = (task.organization_id, task.agent_type, task.route, task.capabilities)
                agent = await choose(transaction, task) if asked not in nobody else None
                if agent is None:
                    nobody.add(asked)
                    continue
                transaction.emit("task.routed", await change(transaction, task, **binding(task, agent)))
                found += 1
            if len(waiting) < REROUTED:
                return found, START
            end = waiting[-1]
            return found, (end.organization_id, end.route, end.rank or 0, end.id)

        found, self._cursor = await self._database.write(body)
        return found
