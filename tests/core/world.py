"""Everything below the APIs, over one database and a clock that tests set."""

from __future__ import annotations

from typing import Any

from server.core.agents import Agents
from server.core.profile import Profile
from server.core.dependents import Dependents
from server.core.ending import Result
from server.core.making import NewTask
from server.core.queue import Queue
from server.core.repairs import Repairs
from server.core.routing import Rerouting
from server.core.sessions import Sessions
from server.core.tasks import Tasks
from server.core.timetable import Timetable
from server.core.totals import Totals
from server.core.workers import Workers
from server.model import Agent, Task, TaskStatus, Worker
from server.settings import Settings
from server.store.bus import SocketBus
from server.store.database import Database
from server.store.feed import Feeds
from tests.conftest import Tenant

SECOND = 1_000_000
WIDE = Profile(max_concurrent_tasks=1000)
UPPER = "def f(x): return x.upper()"
DONE = Result(status=TaskStatus.COMPLETED, output="1")


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000 * SECOND

    def __call__(self) -> int:
        self.now += 1
        return self.now


class World:
    def __init__(self, database: Database, settings: Settings, tenant: Tenant) -> None:
        self.database, self.tenant = database, tenant
        totals = Totals(database)
        self.feeds = Feeds(database, SocketBus(settings.run_dir))
        self.agents = Agents(database, totals, no_sandbox=lambda: None)
        self.tasks = Tasks(database, totals, self.feeds, self.agents)
        self.sessions = Sessions(database, totals, open_sessions=None)
        self.queue = Queue(database, lease_seconds=10, max_attempts=2)
        self.timetable = Timetable(database)
        self.dependents = Dependents(database)
        self.rerouting = Rerouting(database)
        self.repairs = Repairs(database)
        self.workers = Workers(database, self.queue, silent_seconds=30)

    def wait(self, seconds: float) -> None:
        self.database.clock.now += int(seconds * SECOND)

    async def make(self, count: int) -> list[str]:
        agent = await self.agents.create(self.tenant.call(), name="a", code=UPPER, profile=WIDE)
        return [(await self.task(agent_id=agent.id, input={"x": "a"})).id for _ in range(count)]

    async def task(self, **given: Any) -> Task:
        return await self.tasks.create(self.tenant.call(), NewTask(**given))

    async def get(self, task: Task | str) -> Task:
        return await self.tasks.get(self.tenant.call(), task if isinstance(task, str) else task.id)

    async def agent(self, type: str = "t", *, worker: bool = True, **profile: Any) -> tuple[Agent, Worker | None]:
        """An external agent, and a worker for it."""
        call = self.tenant.call()
        agent = await self.agents.register(call, name=type, profile=Profile(type=type, **profile))
        if not worker:
            return agent, None
        connected, _ = await self.workers.connect(call, agent_id=agent.id, capacity=100)
        return await self.agents.get(call, agent.id), connected

    async def end(self, task: Task, result: Result = DONE) -> Task:
        ended = await self.queue.finish(task.id, task.attempt, result)
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
