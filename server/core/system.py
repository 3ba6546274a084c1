"""How the system is: what it needs, what waits in it, and the machine below; and how an agent is."""

from __future__ import annotations

import asyncio
import os
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psutil
from redis.asyncio import Redis
from sqlalchemy import bindparam, select

from server.core.call import Call
from server.core.workers import Workers
from server.core.workload import Work, count
from server.model import Agent, AgentRuntime, AgentStatus, Organization
from server.store.database import Database
from server.store.statement import Statement

CHECK_SECONDS = 1.0
COUNT_SECONDS = 5.0
# How long figures are good for, and of how many organizations they are kept.
WORK_MICROSECONDS = 1_000_000
MACHINE_MICROSECONDS = 2_000_000
KEPT = 1000
SILENT = 30_000_000

_PROBE = Statement[Any](select(Organization.table().c.id).where(Organization.table().c.id == bindparam("organization")))


@dataclass(frozen=True, slots=True)
class Service:
    """How something is that the server needs: healthy, unhealthy or not_configured."""

    status: str
    response_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Machine:
    """How busy the machine is, in per cent; load for each processor."""

    load: float | None
    memory_percent: float | None
    disk_percent: float | None


@dataclass(frozen=True, slots=True)
class Health:
    """Everything together. `work` is None where it could not be counted."""

    status: str
    at: int
    database: Service
    redis: Service
    queue: str
    work: Work | None
    machine: Machine


@dataclass(frozen=True, slots=True)
class AgentHealth:
    """How an agent is, and for how many seconds it has been active."""

    status: str
    last_check: int
    uptime: float
    memory_usage: float | None = None
    cpu_usage: float | None = None


class System:
    """Looks, when somebody asks; nothing is older than a few seconds."""

    def __init__(
        self,
        database: Database,
        workers: Workers,
        *,
        redis_url: str = "",
        data_dir: Path = Path(),
        queue_length: int = 100,
        queue_seconds: float = 60.0,
    ) -> None:
        self._database = database
        self._workers = workers
        self._redis = Redis.from_url(redis_url, socket_timeout=CHECK_SECONDS) if redis_url else None
        self._data_dir = data_dir
        self._queue_length, self._queue_seconds = queue_length, queue_seconds
        self._work: OrderedDict[str, tuple[int, asyncio.Task[Work | None]]] = OrderedDict()
        self._machine: tuple[int, Machine] | None = None

    async def health(self, call: Call) -> Health:
        """How everything is, with the figures of the caller's organization."""
        organization = call.organization_id
        database, redis, work, machine = await asyncio.gather(
            _checked(partial(self._database.one, _PROBE, organization=organization)),
            _checked(self._redis.ping) if self._redis is not None else _not_configured(),
            self._counted(organization),
            self.machine(),
        )
        queue = "unhealthy"
        if work is not None:
            slow = work.claimable > self._queue_length and work.oldest_seconds > self._queue_seconds
            queue = "degraded" if slow else "healthy"
        status = "healthy"
        if database.status != "healthy":
            status = "unhealthy"
        elif redis.status == "unhealthy" or queue != "healthy":
            status = "degraded"
        return Health(status, self._database.clock(), database, redis, queue, work, machine)

    async def machine(self) -> Machine:
        """How busy this machine is."""
        now = self._database.clock()
        if self._machine is None or self._machine[0] < now:
            machine = await asyncio.to_thread(_machine, self._data_dir)
            self._machine = (now + MACHINE_MICROSECONDS, machine)
        return self._machine[1]

    async def disk_percent(self) -> float | None:
        """How full the disk with the data folder is."""
        return (await self.machine()).disk_percent

    async def agent_health(self, agent: Agent) -> AgentHealth:
        """How an agent is that `Agents.get` has given."""
        now = self._database.clock()
        external = agent.runtime == AgentRuntime.EXTERNAL
        workers = await self._workers.of_agent(agent) if external else []
        seen = [worker.last_seen_at for worker in workers]
        status = "unknown"
        if agent.status == AgentStatus.ERROR:
            status = "unhealthy"
        elif agent.status == AgentStatus.ACTIVE:
            heard = not external or (seen and now - min(seen) < SILENT)
            status = "healthy" if heard else "degraded"
        since = agent.active_since if agent.status == AgentStatus.ACTIVE else None
        return AgentHealth(
            status=status,
            last_check=max(seen, default=agent.updated_at),
            uptime=max(0, now - since) // 1_000_000 if since is not None else 0,
            memory_usage=_mean([worker.memory_usage for worker in workers]),
            cpu_usage=_mean([worker.cpu_usage for worker in workers]),
        )

    async def close(self) -> None:
        """Disconnects."""
        if self._redis is not None:
            await self._redis.aclose()

    async def _counted(self, organization: str) -> Work | None:
        """What an organization has to do, counted once for all who ask within a second; None where that fails."""
        now = self._database.clock()
        known = self._work.get(organization)
        if known is None or (known[0] < now and known[1].done()):
            counting = asyncio.create_task(_counted(self._database, organization))
            self._work[organization] = known = (now + WORK_MICROSECONDS, counting)
            self._work.move_to_end(organization)
            if len(self._work) > KEPT:
                self._work.popitem(last=False)
        try:
            async with asyncio.timeout(COUNT_SECONDS):
                return await asyncio.shield(known[1])
        except TimeoutError:
            return None


async def _counted(database: Database, organization: str) -> Work | None:
    try:
        return await count(database, organization)
    except Exception:
        # Whatever is wrong with the database, that is the finding.
        return None


async def _checked(ask: Callable[[], Awaitable[Any]]) -> Service:
    began = time.perf_counter()
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await ask()
    except Exception:
        # Whatever is wrong with it, that is the finding.
        return Service("unhealthy")
    return Service("healthy", round((time.perf_counter() - began) * 1000, 3))


async def _not_configured() -> Service:
    return Service("not_configured")


def _machine(folder: Path) -> Machine:
    existing = next((each for each in (folder, *folder.resolve().parents) if each.exists()), Path("/"))
    return Machine(
        load=round(os.getloadavg()[0] / (os.cpu_count() or 1), 2),
        memory_percent=psutil.virtual_memory().percent,
        disk_percent=psutil.disk_usage(str(existing)).percent,
    )


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(sum(known) / len(known), 2) if known else None
