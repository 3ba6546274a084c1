"""Scrapes: the metrics of all processes of this machine, with what waits and what goes on in the database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from sqlalchemy import bindparam, func, select

from server.core.monitoring.backlog import DAY, Backlog, count_everything
from server.core.monitoring.health import HealthChecks, SharedLook
from server.core.monitoring.metrics import Family, Labels, Metrics, text
from server.core.shared.call_context import Call
from server.errors import ServiceError
from server.model import Rollup
from server.store.database import Database
from server.store.statement import Statement

_rollups = Rollup.table().c
_ENDED = ("completed", "failed", "cancelled")
_since = _rollups.seconds.in_((60, 3600)) & (_rollups.began_at >= bindparam("since"))
_sums = select(*(func.coalesce(func.sum(_rollups[name]), 0) for name in _ENDED)).where(_since)
_ENDED_OF_ALL = Statement[Any](_sums)
_ENDED_OF_ONE = Statement[Any](_sums.where(_rollups.organization_id == bindparam("organization")))


class Scrapes:
    """Answers whoever monitors the server. Nothing that it says has a name of an organization's in it."""

    def __init__(self, database: Database, health: HealthChecks, metrics: Metrics) -> None:
        self._database = database
        self._health = health
        self._metrics = metrics
        self._everything = SharedLook(lambda: count_everything(database), database)
        # What all processes have counted; this one alone, where nobody puts them together.
        self.totals: Callable[[], Awaitable[Sequence[Family]]] = self._own

    async def _own(self) -> Sequence[Family]:
        return self._metrics.families()

    async def text(self, call: Call | None) -> str:
        """What Prometheus reads, with the tasks of the caller's organization; without a call with those of all."""
        families = [*await self.totals(), *await self._work(call)]
        # Of every path there are twenty lines.
        return await asyncio.to_thread(text, families)

    async def _work(self, call: Call | None) -> list[Family]:
        """What waits and goes on; nothing of it where the database does not answer, because the rest matters then."""
        since = self._database.clock() - DAY
        try:
            if call is None:
                backlog: Backlog | None = await self._everything.get()
                ended = await self._database.scan(_ENDED_OF_ALL, since=since)
            else:
                backlog = await self._health.backlog(call)
                ended = await self._database.scan(_ENDED_OF_ONE, since=since, organization=call.organization_id)
        except ServiceError:
            return []
        return [] if backlog is None else _families(backlog, ended[0])


def _families(backlog: Backlog, ended: Sequence[Any]) -> list[Family]:
    states: dict[Labels, int] = {
        ("claimable",): backlog.claimable,
        ("waiting",): max(0, backlog.pending - backlog.claimable),
        ("running",): backlog.running,
    }
    of_a_day: dict[Labels, int] = {(name,): int(number) for name, number in zip(_ENDED, ended, strict=True)}
    return [
        Family("tasks", "gauge", "Tasks by state", ("state",), states),
        Family("tasks_ended_last_day", "gauge", "Tasks of the last 24 hours by how they ended", ("state",), of_a_day),
        _gauge("queue_depth", "Tasks that could be claimed now", backlog.claimable),
        _gauge("queue_oldest_seconds", "How long the oldest of these has waited", backlog.oldest_seconds),
        _gauge("agents_active", "Agents that are active", backlog.active_agents),
    ]


def _gauge(name: str, help: str, value: float) -> Family:
    return Family(name, "gauge", help, (), {(): value})
