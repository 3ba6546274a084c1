"""Turns: where the places for everybody are taken, organizations that have none come to one after the other."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import bindparam, select

from server.core.queue.claims import (
    OF_AGENT,
    PLACES,
    ROUND,
    TRY_AGENT,
    WINDOW,
    Claims,
    claiming,
    free_agent,
    started,
)
from server.model import CLAIMABLE, Task
from server.store.statement import Statement
from server.store.transaction import Transaction

_tasks = Task.table().c
# Whatever others have waiting is stepped over: it may be very much.
_NEXT = Statement[Any](
    select(_tasks.organization_id)
    .where(CLAIMABLE, _tasks.runtime == bindparam("runtime"), _tasks.organization_id > bindparam("after"))
    .order_by(_tasks.organization_id)
    .limit(1)
)
_WINDOW = Statement[Any](
    select(_tasks.id, _tasks.agent_id, _tasks.timeout_seconds)
    .where(CLAIMABLE, _tasks.runtime == bindparam("runtime"), _tasks.organization_id == bindparam("organization"))
    .order_by(_tasks.rank)
    .limit(WINDOW)
)
_CLAIM = claiming(*OF_AGENT, _tasks.id == bindparam("task"), limit=PLACES)


class Turns:
    """Whose turn it is among the organizations that have tasks of `runtime`."""

    def __init__(self, claims: Claims, runtime: str) -> None:
        self._claims = claims
        self._database = claims.database
        self._runtime = runtime
        # Who has had the last turn.
        self._last = ""

    async def claim(self, holder: str, besides: Collection[str], longest: float | None) -> list[Task]:
        """A task of an organization that is none of `besides`, whose rows are neither locked nor counted.

        Where `longest` (seconds) is given, only one that may take no longer.
        """
        begin, again = self._last, False
        for _ in range(ROUND):
            row = await self._database.one(_NEXT, runtime=self._runtime, after=self._last)
            self._last = row[0] if row is not None else ""
            if row is not None and row[0] not in besides and (claimed := await self._of(row[0], holder, longest)):
                return claimed
            if again and (row is None or row[0] >= begin):
                break
            again = again or row is None
        return []

    async def _of(self, organization: str, holder: str, longest: float | None) -> list[Task]:
        rows = await self._database.all(_WINDOW, runtime=self._runtime, organization=organization)
        first: dict[str, str] = {}
        for task, agent, seconds in rows:
            if longest is None or seconds <= longest:
                first.setdefault(agent, task)

        async def body(transaction: Transaction) -> list[Task]:
            terms = {"runtime": self._runtime, **self._claims.terms(transaction, holder, 1)}
            for name, task in first.items():
                agent = free_agent(await transaction.one(TRY_AGENT, agent=name), self._runtime)
                if agent is not None:
                    most = agent.max_concurrent_tasks
                    claimed = await transaction.all(_CLAIM, agent=name, most=most, task=task, **terms)
                    if claimed:
                        return started(transaction, claimed)
            return []

        return await self._database.write(body) if first else []

    async def claim_of(self, agent_id: str, holder: str) -> list[Task]:
        """A task of this agent, or that it can do and nobody has got yet."""

        async def body(transaction: Transaction) -> list[Task]:
            return started(transaction, await self._claims.of_agent(transaction, agent_id, self._runtime, holder, 1))

        return await self._database.write(body)
