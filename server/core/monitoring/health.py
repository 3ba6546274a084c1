"""How the system is: what it needs, what waits in it, and the machine below."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from cachetools import FIFOCache
from sqlalchemy import bindparam, func, select

from server.core.monitoring.backlog import Backlog, count_backlog
from server.core.monitoring.condition import (
    FULL_TEXT,
    FULL_TEXT_PARAMETERS,
    Condition,
    ProviderState,
    can_be_asked,
    memory_word,
    models_word,
)
from server.core.monitoring.machine import Machine, look_at_machine
from server.core.shared.call_context import Call
from server.model import CLAIMABLE, Task
from server.store.database import Database
from server.store.migrations import is_present
from server.store.statement import Statement

CHECK_SECONDS = 1.0
COUNT_SECONDS = 5.0
# How long figures are good for, and of how many organizations they are kept.
WORK_MICROSECONDS = 1_000_000
LOOK_MICROSECONDS = 1_000_000
MACHINE_MICROSECONDS = 2_000_000
KEPT = 1000
# Of how many claimable tasks it is found out how long they have waited, for everybody together.
LOOKED_AT = 10_000

_claimable = select(Task.table().c.ready_at).where(CLAIMABLE).limit(LOOKED_AT).subquery()
_WAITING = Statement[Any](
    select(func.count()).select_from(_claimable).where(_claimable.c.ready_at < bindparam("before"))
)


@dataclass(frozen=True, slots=True)
class Service:
    """How something is that the server needs: healthy, unhealthy or not_configured."""

    status: str
    response_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """Everything together. `work` is None where it could not be counted."""

    status: str
    at: int
    database: Service
    redis: Service
    queue: str
    work: Backlog | None
    machine: Machine


T = TypeVar("T")


class SharedLook(Generic[T]):
    """What is found out once for all who ask within a second, and by one at a time: anybody may ask for it."""

    def __init__(self, ask: Callable[[], Awaitable[T]], database: Database) -> None:
        self._ask, self._database = ask, database
        self._until = 0
        self._asked: asyncio.Task[T] | None = None

    async def get(self) -> T:
        """What was found."""
        if self._asked is None or (self._asked.done() and self._until <= self._database.clock()):
            self._asked = asyncio.create_task(self._look())
        return await asyncio.shield(self._asked)

    async def _look(self) -> T:
        found = await self._ask()
        self._until = self._database.clock() + LOOK_MICROSECONDS
        return found


class HealthChecks:
    """Looks, when somebody asks; nothing is older than a few seconds."""

    def __init__(
        self,
        database: Database,
        *,
        redis_url: str = "",
        data_dir: Path = Path(),
        queue_length: int = 100,
        queue_seconds: float = 60.0,
        no_sandbox: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._database = database
        self._redis = _redis(redis_url) if redis_url else None
        self._data_dir = data_dir
        self._queue_length, self._queue_seconds = queue_length, queue_seconds
        self._work: FIFOCache[str, tuple[int, asyncio.Task[Backlog | None]]] = FIFOCache(KEPT)
        self._machine: tuple[int, Machine] | None = None
        self._no_sandbox = no_sandbox
        # Whether the loops of this process that hand out and end work go on; and the providers of language models.
        self.loops_live: Callable[[], bool] = lambda: True
        self.model_states: Callable[[], Sequence[ProviderState]] = tuple
        self._began = time.monotonic()
        self._migrated = False
        self._probed = SharedLook(lambda: _checked(database.probe), database)
        self._cache = SharedLook(self._cache_answers, database)
        self._memory = SharedLook(self._cache_bytes, database)
        self._condition = SharedLook(self._look, database)
        self._readiness = SharedLook(self._check, database)

    async def condition(self) -> Condition:
        """How the system is, without anybody's figures; looked at once for all who ask within a second."""
        return await self._condition.get()

    async def readiness(self) -> Mapping[str, bool]:
        """Which of the checks are passed that must be before requests are served; looked at as `condition` is."""
        return await self._readiness.get()

    async def _look(self) -> Condition:
        database, cache, queue, found = await asyncio.gather(
            self._probed.get(), self._cache_answers(), self._queue(), self._finds_text()
        )
        components = {
            "database": database.status,
            "queue": queue,
            "cache": cache.status,
            "sandbox": "healthy" if self._no_sandbox() is None else "unhealthy",
            "orchestra_manager": "healthy" if self.loops_live() else "unhealthy",
            "command_dispatcher": queue,
            "memory_system": memory_word(answers=found, takes=database.status == "healthy"),
            "swarm_intelligence": models_word(self.model_states()),
        }
        return Condition(round(time.monotonic() - self._began, 3), components)

    async def _finds_text(self) -> bool:
        """Whether the full-text index answers."""
        parameters = FULL_TEXT_PARAMETERS[self._database.dialect]
        return (await _checked(lambda: self._database.one(FULL_TEXT, **parameters))).status == "healthy"

    async def _check(self) -> Mapping[str, bool]:
        database, cache, migrated = await asyncio.gather(self._probed.get(), self._cache_answers(), self._is_migrated())
        return {
            "database": database.status == "healthy",
            "migrations": migrated,
            "cache": cache.status != "unhealthy",
            "external_services": can_be_asked(self.model_states()),
        }

    async def _is_migrated(self) -> bool:
        """Whether the schema is this server's; nobody takes it back, so it is asked until it is."""
        if not self._migrated:
            try:
                self._migrated = await _promptly(is_present(self._database))
            except Exception:
                # Whatever is wrong with the database, that is the finding.
                return False
        return self._migrated

    async def _queue(self) -> str:
        before = self._database.clock() - int(self._queue_seconds * 1_000_000)
        try:
            waiting = (await _promptly(self._database.scan(_WAITING, before=before)))[0][0]
        except Exception:
            # Whatever is wrong with the database, that is the finding.
            return "unhealthy"
        return "degraded" if waiting > self._queue_length else "healthy"

    async def cache_bytes(self) -> int | None:
        """How much memory Redis uses; None where there is none, or it does not say."""
        return await self._memory.get()

    async def _cache_bytes(self) -> int | None:
        try:
            said = await _promptly(self._redis.info("memory")) if self._redis is not None else {}
        except Exception:
            # Whatever is wrong with it, that is the finding.
            return None
        return said.get("used_memory")

    async def _cache_answers(self) -> Service:
        return await _checked(self._redis.ping) if self._redis is not None else Service("not_configured")

    async def health(self, call: Call) -> Health:
        """How everything is, with the figures of the caller's organization."""
        organization = call.organization_id
        database, redis, work, machine = await asyncio.gather(
            self._probed.get(),
            self._cache_answers(),
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

    async def backlog(self, call: Call) -> Backlog | None:
        """What the caller's organization has to do; None where that could not be counted."""
        return await self._counted(call.organization_id)

    async def services(self) -> tuple[Service, Service]:
        """How the database and Redis are."""
        return await self._probed.get(), await self._cache.get()

    def now(self) -> int:
        """The time of the database's clock."""
        return self._database.clock()

    async def machine(self) -> Machine:
        """How busy this machine is."""
        now = self._database.clock()
        if self._machine is None or self._machine[0] < now:
            machine = await asyncio.to_thread(look_at_machine, self._data_dir)
            self._machine = (now + MACHINE_MICROSECONDS, machine)
        return self._machine[1]

    async def disk_percent(self) -> float | None:
        """How full the disk with the data folder is."""
        return (await self.machine()).disk_percent

    async def close(self) -> None:
        """Disconnects."""
        if self._redis is not None:
            await self._redis.aclose()

    async def _counted(self, organization: str) -> Backlog | None:
        """What an organization has to do, counted once for all who ask within a second; None where that fails."""
        now = self._database.clock()
        known = self._work.get(organization)
        if known is None or (known[0] < now and known[1].done()):
            counting = asyncio.create_task(_counted(self._database, organization))
            self._work[organization] = known = (now + WORK_MICROSECONDS, counting)
        try:
            async with asyncio.timeout(COUNT_SECONDS):
                return await asyncio.shield(known[1])
        except TimeoutError:
            return None


async def _counted(database: Database, organization: str) -> Backlog | None:
    try:
        return await count_backlog(database, organization)
    except Exception:
        # Whatever is wrong with the database, that is the finding.
        return None


def _redis(url: str) -> Any:
    # It takes almost half a second to import, and few have one.
    from redis.asyncio import Redis  # noqa: PLC0415

    return Redis.from_url(url, socket_timeout=CHECK_SECONDS)


async def _promptly(answer: Coroutine[Any, Any, T]) -> T:
    """The answer, within a second. Raises TimeoutError, also where whoever is asked takes time to be interrupted."""
    asked = asyncio.create_task(answer)
    done, _ = await asyncio.wait({asked}, timeout=CHECK_SECONDS)
    if not done:
        asked.cancel()
        # Nobody is there for what it still says.
        asked.add_done_callback(lambda late: late.cancelled() or late.exception())
        raise TimeoutError
    return asked.result()


async def _checked(ask: Callable[[], Coroutine[Any, Any, Any]]) -> Service:
    began = time.perf_counter()
    try:
        await _promptly(ask())
    except Exception:
        # Whatever is wrong with it, that is the finding.
        return Service("unhealthy")
    return Service("healthy", round((time.perf_counter() - began) * 1000, 3))
