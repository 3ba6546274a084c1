from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from server import values
from server.app import Application
from server.core.agents.profile import AgentProfile
from server.core.models.port import Models, ModelRequest
from server.core.queue.creation import NewTask
from server.model import ENDED, Agent, Task
from server.settings import Settings
from tests.support.scripted_agents import Said, ScriptedAgents
from tests.support.tenants import Tenant, make_tenant


class Office:
    """A running server whose models say what a test wants, and whoever gives its agents work."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.application: Application
        self.models: ScriptedAgents
        self.tenant: Tenant

    async def open(self, reply: Callable[[ModelRequest], Said], **options: Any) -> ScriptedAgents:
        self.models = ScriptedAgents(reply)
        await self.start(self.models)
        self.tenant = await make_tenant(self.application.database, **options)
        return self.models

    async def start(self, models: Models | None) -> None:
        self.application = Application(self.settings, models)
        (self.port,) = await self.application.start(["127.0.0.1:0"])

    async def restart(self, models: Models | None) -> None:
        await self.application.stop()
        await self.start(models)

    @property
    def cases(self):
        return self.application.use_cases

    @property
    def database(self):
        return self.application.database

    async def agent(self, name: str = "Ada", description: str = "", **profile: Any) -> Agent:
        if "configuration" in profile:
            profile["configuration"] = values.encode(profile["configuration"])
        given = {"type": "coding", "model": "one", "provider": "scripted", **profile}
        call = self.tenant.call()
        return await self.cases.agents.register(call, name=name, description=description, profile=AgentProfile(**given))

    async def give(self, agent: Agent | None = None, **fields: Any) -> Task:
        agent = agent or await self.agent()
        if "input" in fields:
            fields["input"] = values.encode(fields["input"])
        return await self.cases.tasks.create(self.tenant.call(), NewTask(agent_id=f"agent_{agent.id}", **fields))

    async def get(self, task: Task) -> Task:
        return await self.cases.task_queries.get(self.tenant.call(), task.id)

    async def done(self, task: Task, seconds: float = 20) -> Task:
        ended = await self.cases.task_queries.wait(self.tenant.call(), task, seconds)
        assert ended.status in ENDED, (ended.status, ended.progress_message)
        return ended

    async def comments(self, task: Task) -> list[str]:
        page = await self.cases.task_comments.slice(self.tenant.call(), task.id, limit=50, offset=0)
        return [comment.content for comment in page.rows]


def output(task: Task) -> Any:
    return values.decode(task.output) if task.output is not None else None


@pytest.fixture
async def office(settings: Settings) -> AsyncIterator[Office]:
    running = Office(settings)
    yield running
    await running.application.stop()


async def until(condition: Callable[[], object], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)
