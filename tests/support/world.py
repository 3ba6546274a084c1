"""Everything below the APIs, over one database and a clock that tests set."""

from __future__ import annotations

from typing import Any

from server import values
from server.compose import connect_domains
from server.core.agents.registry import AgentRegistry
from server.core.agents.profile import AgentProfile
from server.core.queue.dependencies import Dependencies
from server.core.queue.completion import Result
from server.core.queue.creation import NewTask
from server.core.queue.claims import Claims
from server.core.queue.lease_service import LeaseService
from server.core.workers.reconciliation import Reconciliation
from server.core.queue.routing.rerouting import Rerouting
from server.core.sessions.lifecycle import Sessions
from server.core.tasks.commands import TaskCommands
from server.core.queue.due_tasks import DueTasks
from server.core.shared.count_cache import CountCache
from server.core.tasks.queries import TaskQueries
from server.core.workers.reports import WorkerReports
from server.core.workers.registry import WorkerRegistry
from server.model import Agent, Task, TaskStatus, Worker
from server.settings import Settings
from server.store.bus import SocketBus
from server.store.database import Database
from server.store.feed import Feeds
from tests.support.tenants import Tenant

WIDE = AgentProfile(max_concurrent_tasks=1000)
UPPER = "def f(x): return x.upper()"
DONE = Result(status=TaskStatus.COMPLETED, output=values.encode(1))


def wired(database: Database) -> Database:
    """With what one domain does in the transactions of another, as the server has it."""
    connect_domains(database)
    return database


class World:
    def __init__(self, database: Database, settings: Settings, tenant: Tenant) -> None:
        self.database, self.tenant = database, tenant
        totals = CountCache(database)
        self.feeds = Feeds(database, SocketBus(settings.run_dir))
        self.agents = AgentRegistry(database, totals, no_sandbox=lambda: None)
        self.tasks = TaskCommands(database, self.agents)
        self.queries = TaskQueries(database, totals, self.feeds)
        self.sessions = Sessions(database, totals, open_sessions=None)
        self.claims = Claims(database, lease_seconds=10)
        self.leases = LeaseService(database, lease_seconds=10, max_attempts=2)
        self.timetable = DueTasks(database)
        self.dependents = Dependencies(database)
        self.rerouting = Rerouting(database)
        self.repairs = Reconciliation(database)
        self.reports = WorkerReports(database, self.leases)
        self.workers = WorkerRegistry(database, self.leases, silent_seconds=30)
        wired(database)

    def wait(self, seconds: float) -> None:
        self.database.clock.wait(seconds)

    async def claim(self, worker: Worker, limit: int) -> list[Task]:
        """Up to `limit` tasks for a worker."""
        return await self.claims.claim_of(worker.agent_id, worker.holder, limit)

    async def make(self, count: int) -> list[str]:
        agent = await self.agents.create(self.tenant.call(), name="a", code=UPPER, profile=WIDE)
        return [(await self.task(agent_id=agent.id, input={"x": "a"})).id for _ in range(count)]

    async def task(self, **given: Any) -> Task:
        if "input" in given:
            given["input"] = values.encode(given["input"])
        return await self.tasks.create(self.tenant.call(), NewTask(**given))

    async def get(self, task: Task | str) -> Task:
        return await self.queries.get(self.tenant.call(), task if isinstance(task, str) else task.id)

    async def agent(self, type: str = "t", *, worker: bool = True, **profile: Any) -> tuple[Agent, Worker | None]:
        """An external agent, and a worker for it."""
        call = self.tenant.call()
        agent = await self.agents.register(call, name=type, profile=AgentProfile(type=type, **profile))
        if not worker:
            return agent, None
        connected, _ = await self.workers.connect(call, agent_id=agent.id, capacity=100)
        return await self.agents.get(call, agent.id), connected

    async def end(self, task: Task, result: Result = DONE) -> Task:
        ended = await self.leases.finish(task.id, task.attempt, result)
        await self.tell()
        return ended

    async def tell(self) -> None:
        """What a server does all the time: tells those who wait for what has ended."""
        while await self.dependents.tell():
            pass

    async def history(self, task: Task | str) -> list[str]:
        task_id = task if isinstance(task, str) else task.id
        events = await self.feeds.page(self.tenant.caller.organization_id, 0, 10_000)
        return [event.type.removeprefix("task.") for event in events if event.resource_id == task_id]
