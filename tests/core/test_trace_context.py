"""The W3C trace context of a request: which is one, and that it goes wherever what was asked for is done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest
from orchestrator.v1 import (
    agent_service_pb2,
    agent_service_pb2_grpc,
    event_service_pb2,
    event_service_pb2_grpc,
    task_service_pb2,
    task_service_pb2_grpc,
)

from server import values
from server.app import Application
from server.core.agents.profile import AgentProfile
from server.core.shared.count_cache import CountCache
from server.core.shared.trace_context import traceparent_in
from server.core.workflows.definitions import WorkflowDefinitions
from server.settings import Settings
from server.store.acting import Actor, acting
from server.worker import Worker
from server.worker.values import from_value, to_value
from tests.support.receiver import Receiver
from tests.support.scripted_agents import ScriptedAgents, tool
from tests.support.tenants import Tenant, make_tenant
from tests.support.waiting import eventually
from tests.support.world import World

IDS = f"{'a' * 32}-{'b' * 16}-01"
TRACE = f"00-{IDS}"


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (TRACE, TRACE),
        (f"01-{IDS}", TRACE),
        (f"cc-{IDS}-more-of-it", TRACE),
        ("", ""),
        (f"00-{IDS}-more", ""),
        (f"ff-{IDS}", ""),
        (f"00-{IDS.upper()}", ""),
        (f"00-{'0' * 32}-{'b' * 16}-01", ""),
        (f"00-{'a' * 32}-{'0' * 16}-01", ""),
        (f"{TRACE}\n", ""),
        (f"01-{IDS}-{'x' * 600}", ""),
    ],
    ids=["00", "01", "newer", "none", "longer", "ff", "capitals", "no-trace", "no-parent", "line", "endless"],
)
def test_what_is_no_trace_context_is_ignored(said: str, kept: str) -> None:
    assert traceparent_in(said) == kept


class House:
    """A server whose model asks another agent once, and whoever calls it, with a trace context or without."""

    def __init__(self, application: Application, tenant: Tenant, models: ScriptedAgents) -> None:
        self.application, self.tenant, self.models = application, tenant, models
        self.cases = application.use_cases
        self.channel = grpc.aio.insecure_channel(f"127.0.0.1:{application.port}")  # type: ignore[attr-defined]
        self.agents = agent_service_pb2_grpc.AgentServiceStub(self.channel)
        self.tasks = task_service_pb2_grpc.TaskServiceStub(self.channel)
        self.events = event_service_pb2_grpc.EventServiceStub(self.channel)
        self.traced = (*tenant.metadata, ("traceparent", TRACE))

    async def task(self, agent: str, **more):
        request = task_service_pb2.CreateTaskRequest(agent_id=agent, **more)
        return await self.tasks.CreateTask(request, metadata=self.traced)

    async def ended(self, task):
        last = None
        watched = task_service_pb2.WatchTaskRequest(id=task.id)
        async for last in self.tasks.WatchTask(watched, metadata=self.tenant.metadata):
            pass
        return last

    async def heard(self):
        """All events, by the resource's digits."""
        return await self.application.feeds.page(self.tenant.caller.organization_id, 0, 10_000)


def reply(request):
    if any(message.role == "assistant" for message in request.messages) or "Bob" in request.messages[0].content:
        return "done"
    return tool("ask_agent", agent="Bob", task="help")


@pytest.fixture
async def house(settings: Settings) -> AsyncIterator[House]:
    models = ScriptedAgents(reply)
    application = Application(settings.model_copy(update={"webhook_allow_private": True}), models)
    (application.port,) = await application.start(["127.0.0.1:0"])  # type: ignore[attr-defined]
    running = House(application, await make_tenant(application.database), models)
    try:
        yield running
    finally:
        await running.channel.close()
        await application.stop()


async def test_a_trace_goes_on_to_workers_events_and_webhooks_through_every_attempt(house: House) -> None:
    worker = Worker(
        f"127.0.0.1:{house.application.port}", key=house.tenant.key, agent_type="x", name="x", capacity=1
    )
    seen: list[str] = []

    @worker.task
    async def work(context):
        seen.append(context.traceparent)
        if len(seen) == 1:
            raise ValueError("once more")
        return {}

    running = asyncio.create_task(worker.work())
    async with Receiver() as receiver:
        await house.cases.webhooks.create(
            house.tenant.call(), api="native", url=receiver.url, events=["task.created", "task.completed"]
        )
        try:
            await eventually(lambda: worker.worker_id)
            retry = {"max_retries": 1, "initial_delay": 0.001}
            made = await house.task(worker.agent_id, input=to_value({}), retry=retry)
            assert (await house.ended(made)).traceparent == TRACE
            untraced = await house.tasks.CreateTask(
                task_service_pb2.CreateTaskRequest(agent_id=worker.agent_id, input=to_value({})),
                metadata=(*house.tenant.metadata, ("traceparent", "nonsense")),
            )
            assert (await house.ended(untraced)).traceparent == ""
            await receiver.until(4)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
    assert seen == [TRACE, TRACE, ""]
    told = {each.json["data"]["id"]: each.headers.get("traceparent") for each in receiver.received}
    assert told == {made.id: TRACE, untraced.id: None}
    events = await house.heard()
    of = {event.traceparent for event in events if event.resource_id == made.id.removeprefix("task_")}
    assert of == {TRACE}
    request = event_service_pb2.WatchRequest(after=0)
    async for event in house.events.Watch(request, metadata=house.tenant.metadata):
        if event.type == "task.completed":
            assert event.traceparent == TRACE and event.task.traceparent == TRACE
            break


async def test_models_parts_and_deployed_code_are_told_of_it(house: House) -> None:
    given = AgentProfile(type="coding", model="one", provider="scripted")
    ada, _ = [await house.cases.agents.register(house.tenant.call(), name=n, profile=given) for n in ("Ada", "Bob")]
    assert (await house.ended(await house.task(f"agent_{ada.id}", title="Do it"))).traceparent == TRACE
    assert len(house.models.requests) == 3 and {each.traceparent for each in house.models.requests} == {TRACE}
    code = "import os\ndef main(): return os.environ.get('TRACEPARENT')"
    deployed = await house.agents.CreateAgent(
        agent_service_pb2.CreateAgentRequest(name="a", code=code), metadata=house.tenant.metadata
    )
    assert from_value((await house.ended(await house.task(deployed.id))).output) == TRACE


async def test_steps_and_ticks_go_on_with_the_trace_of_what_made_them(world: World) -> None:
    agent, worker = await world.agent("x")
    assert worker is not None
    flows = WorkflowDefinitions(world.database, CountCache(world.database))
    steps = [{"id": "a", "agent_type": "x", "order": 1}, {"id": "b", "agent_type": "x", "order": 2}]
    call = world.tenant.call()
    call.headers["traceparent"] = TRACE
    before = acting.set(Actor(call.organization_id, "user_x", traceparent=call.traceparent))
    await world.task(agent_id=agent.id, type="tick", schedule={"type": "cron", "expression": "* * * * *"})
    flow = await flows.create(call, name="w", steps=steps)
    await flows.execute(call, flow.id, parameters=values.encode({}))
    acting.reset(before)
    world.wait(61)
    await world.timetable.advance()
    done: list[tuple[str, str]] = []
    while tasks := await world.claim(worker, 1):
        done.append((tasks[0].step_id or tasks[0].type, tasks[0].traceparent))
        await world.end(tasks[0])
    assert sorted(done) == [("a", TRACE), ("b", TRACE), ("tick", TRACE)]
