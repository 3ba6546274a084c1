"""Claims: what taking a task from the queue costs, with ever more tasks waiting on a thousand agents."""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.load import Failed
from benchmarks.postgres import new_database
from benchmarks.report import ms, percentile, table
from benchmarks.scale import Scale
from server import values
from server.core.agents.profile import AgentProfile
from server.core.agents.registry import AgentRegistry
from server.core.identity import api_keys
from server.core.queue.claims import Claims
from server.core.queue.creation import NewTask
from server.core.queue.lease_service import LeaseService
from server.core.shared.call_context import Call, Caller
from server.core.shared.count_cache import CountCache
from server.core.tasks.commands import TaskCommands
from server.core.workers.registry import WorkerRegistry
from server.model import Agent, Worker
from server.settings import Settings
from server.store.database import Database
from server.store.migrations import migrate
from server.store.opened import open_database

TITLE = "Claims"
BATCH = 500
CODE = "def work(n): return n"


async def run(scale: Scale) -> str:
    """The table."""
    agents, claims = scale.of((1000, 300), (1000, 300), (10, 3))
    sizes = scale.of((1_000, 10_000, 100_000), (1_000, 10_000), (20,))
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        for name, opened in (("SQLite", _sqlite(Path(temporary))), ("PostgreSQL", new_database())):
            async with opened as url:
                if url is None:
                    continue
                rows += [[name, *cells] for cells in await _measure(Settings(database_url=url), agents, sizes, claims)]
    header = ["", "tasks waiting", "by a worker, p50", "p99", "by a server for any agent, p50", "p99"]
    return table(header, rows)


async def _measure(settings: Settings, agents: int, sizes: tuple[int, ...], claims: int) -> list[list[str]]:
    await asyncio.to_thread(migrate, settings)
    database = open_database(settings)
    await database.open()
    try:
        backlog = await _Backlog.make(database, agents)
        rows = []
        for size in sizes:
            await backlog.fill(size)
            workers = await backlog.time_workers(claims)
            server = await backlog.time_server(claims)
            rows.append([f"{size:,}", *_figures(workers), *_figures(server)])
        return rows
    finally:
        await database.close()


def _figures(seconds: list[float]) -> list[str]:
    ordered = sorted(each * 1000 for each in seconds)
    return [ms(percentile(ordered, 50)), ms(percentile(ordered, 99))]


class _Backlog:
    """Agents, half of them with code and half with a worker, and tasks that wait for them."""

    def __init__(self, database: Database, call: Call) -> None:
        self._call = call
        totals = CountCache(database)
        self._agents = AgentRegistry(database, totals, no_sandbox=lambda: None)
        self._tasks = TaskCommands(database, self._agents)
        self._claims = Claims(database, lease_seconds=600)
        leases = LeaseService(database, lease_seconds=600, max_attempts=3)
        self._workers = WorkerRegistry(database, leases, silent_seconds=600)
        self._everybody: list[Agent] = []
        self._connected: list[Worker] = []
        self._waiting = 0

    @classmethod
    async def make(cls, database: Database, agents: int) -> _Backlog:
        key, _ = await api_keys.create_key(database, organization=uuid.uuid4().hex, name="benchmark")
        backlog = cls(database, Call(Caller(key.organization_id, key.user_id, key.id, frozenset("*")), ""))
        profile = AgentProfile(type="external", max_concurrent_tasks=10_000)
        for index in range(agents):
            if index % 2:
                agent = await backlog._agents.register(backlog._call, name=f"agent {index}", profile=profile)
                worker, _ = await backlog._workers.connect(backlog._call, agent_id=agent.id, capacity=1000)
                backlog._connected.append(worker)
            else:
                wide = AgentProfile(max_concurrent_tasks=10_000)
                agent = await backlog._agents.create(backlog._call, name=f"agent {index}", code=CODE, profile=wide)
            backlog._everybody.append(agent)
        return backlog

    async def fill(self, size: int) -> None:
        """Brings the number of waiting tasks to `size`, spread evenly."""
        while self._waiting < size:
            count = min(BATCH, size - self._waiting)
            agents = [self._everybody[(self._waiting + index) % len(self._everybody)] for index in range(count)]
            news = [NewTask(agent_id=agent.id, input=values.encode({"n": 1})) for agent in agents]
            await self._tasks.create_all(self._call, news)
            self._waiting += count

    async def time_workers(self, count: int) -> list[float]:
        """Seconds that each of many claims of one task by one worker took."""
        times = []
        for worker in random.sample(self._connected, count):
            began = time.perf_counter()
            claimed = await self._claims.claim_of(worker.agent_id, worker.holder, 1)
            times.append(time.perf_counter() - began)
            self._count(claimed)
        return times

    async def time_server(self, count: int) -> list[float]:
        """Seconds that each of many claims of one task of any agent with code took."""
        times = []
        for _ in range(count):
            began = time.perf_counter()
            claimed = await self._claims.claim("python", "benchmark", 1)
            times.append(time.perf_counter() - began)
            self._count(claimed)
        return times

    def _count(self, claimed: list[object]) -> None:
        if len(claimed) != 1:
            raise Failed(f"a claim of one task gave {len(claimed)}")
        self._waiting -= 1


@asynccontextmanager
async def _sqlite(folder: Path) -> AsyncIterator[str | None]:
    yield f"sqlite:///{folder / 'claims.db'}"
