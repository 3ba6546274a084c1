"""The Agent Operations API through a real channel, on both databases: what needs workers, and its events."""

from __future__ import annotations

import asyncio
import json

import grpc
import pytest
from google.protobuf.json_format import MessageToDict, ParseDict
from orchestrator.agent_operations.v1 import (
    agent_service_pb2,
    agent_service_pb2_grpc,
    event_service_pb2,
    event_service_pb2_grpc,
    system_service_pb2,
    system_service_pb2_grpc,
    task_service_pb2,
    task_service_pb2_grpc,
    workflow_service_pb2,
    workflow_service_pb2_grpc,
)
from orchestrator.wire.agent_operations.v1 import agent_service_pb2 as wire

from server import values
from server.apis.agent_operations.agents import AgentServicer
from server.app import Application
from server.core.agents.health import AgentHealthChecks
from server.core.monitoring import alerts
from server.core.queue.completion import Result, failure
from server.core.queue.fencing import Finish
from server.core.workers.reports import LogLine, WorkerReports
from server.errors import InvalidRequest
from server.model import TaskStatus
from tests.support.clock import pass_time
from tests.support.holds import BOUND, longest_hold
from tests.support.tenants import Tenant, make_tenant


class Client:
    def __init__(self, application: Application, channel: grpc.aio.Channel, tenant: Tenant) -> None:
        self.cases, self.tenant, self.metadata = application.use_cases, tenant, tenant.metadata
        self.leases = application.leases
        self.reports = WorkerReports(application.database, application.leases)
        self.database = application.database
        self.agents = agent_service_pb2_grpc.AgentServiceStub(channel)
        self.tasks = task_service_pb2_grpc.TaskServiceStub(channel)
        self.system = system_service_pb2_grpc.SystemServiceStub(channel)
        self.events = event_service_pb2_grpc.EventServiceStub(channel)
        self.workflows = workflow_service_pb2_grpc.WorkflowServiceStub(channel)

    async def ask(self, method, request) -> dict:
        answer = await method(request, metadata=self.metadata)
        return MessageToDict(answer, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)

    async def agent(self, **more) -> dict:
        request = ParseDict({"name": "a", "type": "x", **more}, agent_service_pb2.CreateAgentRequest())
        return (await self.ask(self.agents.CreateAgent, request))["data"]

    async def read_agent(self, agent: dict) -> dict:
        return (await self.ask(self.agents.GetAgent, agent_service_pb2.GetAgentRequest(agent_id=agent["id"])))["data"]

    async def task(self, agent: dict, **more) -> dict:
        request = ParseDict({"agent_id": agent["id"], "type": "t", **more}, task_service_pb2.CreateTaskRequest())
        return (await self.ask(self.tasks.CreateTask, request))["data"]

    async def read(self, task: dict) -> dict:
        return (await self.ask(self.tasks.GetTask, task_service_pb2.GetTaskRequest(task_id=task["id"])))["data"]

    async def worker(self, agent: dict):
        worker, _ = await self.cases.workers.connect(self.tenant.call(), agent_id=agent["id"], capacity=10)
        return worker


@pytest.fixture
async def client(application: Application, tenant: Tenant):
    async with grpc.aio.insecure_channel(f"127.0.0.1:{application.port}") as channel:
        yield Client(application, channel, tenant)


class Ears:
    def __init__(self, client: Client, metadata=None) -> None:
        self.said: asyncio.Queue = asyncio.Queue()
        self.call = client.events.Connect(self._requests(), metadata=metadata or client.metadata)

    async def _requests(self):
        while True:
            yield await self.said.get()

    async def say(self, **said) -> None:
        await self.said.put(event_service_pb2.SocketRequest(**said))

    async def hear(self) -> dict:
        async with asyncio.timeout(10):
            while True:
                frame = json.loads((await self.call.read()).data)
                if frame["type"] != "heartbeat":
                    return frame


@pytest.fixture
def channel_of(application: Application, client: Client):
    async def open_with(scopes: str) -> Ears:
        tenant = await make_tenant(application.database, scopes=scopes)
        return Ears(client, tenant.metadata)

    return open_with


async def test_a_task_that_is_tried_again_shows_no_figures_of_the_attempt_before(client: Client) -> None:
    agent = await client.agent()
    worker = await client.worker(agent)
    made = await client.task(agent, retry={"max_retries": 3, "initial_delay": 60})
    (task,) = await client.cases.worker_hub.claim_at_once(worker, 1)
    assert "started_at" in await client.read(made)
    await client.leases.finish_all(
        [Finish(task.id, 1, failure("ValueError", "no"))], worker.holder, worker.organization_id
    )
    waiting = await client.read(made)
    assert waiting["status"] == "pending" and not {"started_at", "duration"} & waiting.keys(), waiting


async def test_a_channel_takes_the_scope_for_what_is_in_it(application, client: Client, channel_of) -> None:
    made = await client.agent()
    weak = await channel_of("events:read tasks:read")
    await weak.say(type="subscribe", channel="agent_events", id="1")
    assert (await weak.hear())["type"] == "connected"
    refused = await weak.hear()
    assert refused["type"] == "error" and refused["reply_to"] == "1"
    assert (refused["payload"]["code"], refused["payload"]["details"]) == ("FORBIDDEN", {"scope": "agents:read"})
    for channel in ("workflow_events", "system_events"):
        await weak.say(type="subscribe", channel=channel)
        assert (await weak.hear())["payload"]["code"] == "FORBIDDEN"
    await weak.say(type="subscribe", channel="task_events")
    assert (await weak.hear())["type"] == "subscribed"
    # Of another organization, so for this caller there is no such agent.
    for given in ({"agent_id": made["id"]}, {"task_id": "x"}, {"workflow_id": "workflow_" + "0" * 32}):
        await weak.say(type="subscribe", channel="task_events", **given)
        said = (await weak.hear())["payload"]["code"]
        assert said == ("INVALID_REQUEST" if "task_id" in given else "NOT_FOUND")


async def test_numbers_in_events_read_as_they_do_over_rest(client: Client) -> None:
    ears = Ears(client)
    assert (await ears.hear())["type"] == "connected"
    await ears.say(type="subscribe", channel="agent_events")
    assert (await ears.hear())["type"] == "subscribed"
    await client.agent(configuration={"a": 5, "b": 0.5, "c": [1e300, {"d": 7}]})
    shown = (await ears.hear())["payload"]["configuration"]
    assert json.dumps(shown["a"]) == "5" and shown["b"] == 0.5 and json.dumps(shown["c"]) == '[1e+300, {"d": 7}]'
    assert json.dumps(shown["timeout"]) == "300"


async def test_what_is_missing_is_named_as_it_was_asked_for(client: Client) -> None:
    agent, nobody = await client.agent(), "0" * 12 + "7" + "0" * 3 + "8" + "0" * 15
    for body in ({"depends_on": [f"task_{nobody}"]}, {"depends_on": [nobody]}):
        with pytest.raises(grpc.aio.AioRpcError, match=f"task task_{nobody} was not found"):
            await client.task(agent, **body)
    with pytest.raises(grpc.aio.AioRpcError, match=f"agent agent_{nobody} was not found"):
        await client.task({"id": f"agent_{nobody}"})


async def test_no_capabilities_are_not_the_same_as_none_said(client: Client) -> None:
    agent = await client.agent(capabilities=["a", "b"])

    async def update(**changes) -> list[str]:
        request = ParseDict({"agent_id": agent["id"], **changes}, agent_service_pb2.UpdateAgentRequest())
        return (await client.ask(client.agents.UpdateAgent, request))["data"]["capabilities"]

    assert await update(name="b") == ["a", "b"]
    assert await update(capabilities=["c"]) == ["c"]
    assert await update(capabilities=[]) == []
    for wrong in ("c", [1], {"a": 1}, ["x" * 101]):
        with pytest.raises(grpc.aio.AioRpcError, match="capabilities"):
            await update(capabilities=wrong)


async def test_a_task_shows_how_it_goes(client: Client) -> None:
    agent = await client.agent(configuration={"retry_attempts": 0})
    worker = await client.worker(agent)
    made = await client.task(agent, payload={"a": [1, None]})
    (task,) = await client.cases.worker_hub.claim_at_once(worker, 1)
    running = await client.read(made)
    assert running["status"] == "running" and running["attempt"] == 1 and running["payload"] == {"a": [1, None]}
    assert "estimated_completion" not in running, "nobody knows"
    pass_time(client.database, 0.1)
    for next_to_nothing in (1e-320, 1e-15):
        await client.reports.report(worker, task.id, 1, progress=next_to_nothing)
        assert "estimated_completion" not in await client.read(made)
    lines = [LogLine("info", "Processing batch 1 of 10"), LogLine("error", "oh")]
    await client.reports.report(worker, task.id, 1, progress=50, message="half", lines=lines)
    running = await client.read(made)
    assert (running["progress"], running["progress_message"]) == (50, "half")
    assert [(line["level"], line["message"]) for line in running["logs"]] == [
        ("info", "Processing batch 1 of 10"),
        ("error", "oh"),
    ]
    assert running["logs"][0]["timestamp"].endswith("Z")
    assert running["estimated_completion"] >= running["started_at"]
    await client.cases.workers.beat(client.tenant.call(), worker, [(task.id, 1)], cpu_usage=20.0, memory_usage=60.0)
    shown = await client.read_agent(agent)
    assert shown["status"] == "active" and shown["health"]["status"] == "healthy"
    assert shown["metrics"] == {"tasks_completed": 0, "tasks_failed": 0, "cpu_usage": 20, "memory_usage": 60}
    done = Result(status=TaskStatus.COMPLETED, output=values.encode({"rows": 1000}))
    await client.leases.finish_all([Finish(task.id, 1, done)], worker.holder, worker.organization_id)
    ended = await client.read(made)
    assert ended["result"] == {"rows": 1000} and ended["progress"] == 100 and ended["duration"] >= 0.1
    second = await client.task(agent)
    (task,) = await client.cases.worker_hub.claim_at_once(worker, 1)
    assert (await client.read(second))["estimated_completion"], "from how long the first one took"
    await client.leases.finish_all(
        [Finish(task.id, 1, failure("ValueError", "no"))], worker.holder, worker.organization_id
    )
    failed = await client.read(second)
    assert failed["error"] == {"type": "ValueError", "message": "no"} and failed["attempts"][0]["outcome"] == "failed"
    metrics = (await client.read_agent(agent))["metrics"]
    assert metrics["success_rate"] == 50 and metrics["avg_response_time"] >= 100
    series = await client.ask(
        client.system.GetMetrics, system_service_pb2.GetMetricsRequest(period="1h", metric="error_rate")
    )
    assert series["data"]["metrics"]["error_rate"][-1]["value"] == 50


async def test_a_list_has_short_results_and_no_long_ones(client: Client) -> None:
    agent = await client.agent()
    worker = await client.worker(agent)
    for output in ("short", "x" * 10_000):
        await client.task(agent)
        (task,) = await client.cases.worker_hub.claim_at_once(worker, 1)
        result = Result(status=TaskStatus.COMPLETED, output=values.encode(output))
        await client.leases.finish_all([Finish(task.id, 1, result)], worker.holder, worker.organization_id)
    listed = await client.ask(client.tasks.ListTasks, task_service_pb2.ListTasksRequest())
    assert [each.get("result") for each in listed["data"]] == [None, "short"]
    where = {"page": 1, "limit": 20, "total": 2, "pages": 1}
    assert listed["pagination"] == {**where, "omitted_fields": "result"}


async def test_changes_of_settings_do_not_lose_each_other(client: Client) -> None:
    agent = await client.agent(configuration={"a": 1})

    async def change(name: str) -> None:
        body = {"agent_id": agent["id"], "configuration": {name: True}}
        await client.ask(client.agents.UpdateAgent, ParseDict(body, agent_service_pb2.UpdateAgentRequest()))

    await asyncio.gather(*(change(name) for name in ("b", "c", "d")))
    assert (await client.read_agent(agent))["configuration"].keys() >= {"a", "b", "c", "d"}


async def test_alerts_and_workflows_are_heard(client: Client) -> None:
    ears = Ears(client)
    assert (await ears.hear())["type"] == "connected"
    await ears.say(type="subscribe", channel="system_events")
    assert (await ears.hear())["type"] == "subscribed"
    organization = client.tenant.caller.organization_id

    async def raised(transaction):
        await alerts.warn(transaction, organization, "agent_lost", "gone", subject="0" * 32, details={"a": 1})

    async def resolved(transaction):
        await alerts.resolve(transaction, organization, "agent_lost", subject="0" * 32)

    await client.database.write(raised)
    await client.database.write(resolved)
    alert, over = await ears.hear(), await ears.hear()
    assert alert["type"] == "system_alert" and alert["payload"]["kind"] == "agent_lost"
    assert alert["payload"]["agent_id"] == f"agent_{'0' * 32}" and alert["payload"]["details"] == {"a": 1}
    assert over["type"] == "system_alert_resolved" and over["payload"]["resolved_at"].endswith("Z")
    agent = await client.agent(type="extractor")
    await client.worker(agent)
    made = []
    for name in ("mine", "other"):
        body = {"name": name, "steps": [{"id": "a", "name": "A", "agent_type": "extractor", "order": 1}]}
        request = ParseDict(body, workflow_service_pb2.CreateWorkflowRequest())
        made.append((await client.ask(client.workflows.CreateWorkflow, request))["data"])
    await ears.say(type="subscribe", channel="workflow_events", workflow_id=made[0]["id"], since=0)
    assert (await ears.hear())["type"] == "subscribed"
    created = await ears.hear()
    assert created["type"] == "workflow_created" and created["payload"]["id"] == made[0]["id"]
    for workflow in made[::-1]:
        request = workflow_service_pb2.ExecuteWorkflowRequest(workflow_id=workflow["id"])
        await client.ask(client.workflows.ExecuteWorkflow, request)
    started = await ears.hear()
    assert started["type"] == "workflow_started" and started["payload"]["workflow_id"] == made[0]["id"], started
    ears.call.cancel()


async def test_a_feed_is_followed_without_a_gap_while_the_past_is_sent(client: Client) -> None:
    agent = await client.agent()
    for _ in range(30):
        await client.task(agent)
    ears = Ears(client)
    await ears.hear()
    making = asyncio.create_task(_make(client, agent, 60))
    for round in range(5):
        await ears.say(type="subscribe", channel="task_events" if round % 2 else "agent_events", since=0)
    numbers = []
    while not numbers or numbers[-1] < 91:
        frame = await ears.hear()
        if "id" in frame and frame["type"].startswith("task_"):
            numbers.append(int(frame["id"]))
    await making
    last = numbers[len(numbers) - numbers[::-1].index(2) - 1 :]
    assert last == list(range(2, 92)), "in order and without a hole since the last subscription began again"
    ears.call.cancel()


async def _make(client: Client, agent: dict, count: int) -> None:
    for _ in range(count):
        await client.task(agent)


async def test_health_over_grpc(client: Client) -> None:
    agent = await client.agent()
    await client.task(agent)
    health = await client.ask(client.system.GetHealth, system_service_pb2.GetHealthRequest())
    assert health["services"]["message_queue"]["pending_messages"] == 1
    assert health["metrics"]["active_agents"] == 0


@pytest.mark.parametrize("kind", ["elements", "keys", "capabilities"])
async def test_the_longest_settings_keep_nobody_waiting(client: Client, kind: str) -> None:
    agent = await client.agent(configuration={"a": 1, "gone": 2}, capabilities=["x"])
    given = {
        "elements": {"configuration": {"gone": None, "timeout": 5, "b": [None] * 15_000}},
        "keys": {"configuration": {"gone": None, "timeout": 5, **{f"{n:x}": [] for n in range(5_000)}}},
        "capabilities": {"capabilities": ["x"] * 13_000},
    }[kind]
    request = wire.UpdateAgentRequest(agent_id=agent["id"], **{name: values.encode(each) for name, each in given.items()})
    servicer = AgentServicer(client.cases.agents, AgentHealthChecks(client.database))
    async with longest_hold() as held:
        for _ in range(2):
            if kind == "capabilities":
                with pytest.raises(InvalidRequest, match="at most 32 words"):
                    await servicer.UpdateAgent(request, client.tenant.call())
            else:
                await servicer.UpdateAgent(request, client.tenant.call())
    shown = await client.read_agent(agent)
    if kind != "capabilities":
        kept = {name: each for name, each in given["configuration"].items() if name != "gone"}
        assert shown["configuration"] == {**shown["configuration"], "a": 1, **kept} and "gone" not in shown["configuration"]
        assert shown["configuration"]["timeout"] == 5
    # A little less than for others: nothing that is done here with 64 KiB takes long.
    assert shown["capabilities"] == ["x"] and held.longest < BOUND * 0.75


@pytest.mark.parametrize("given", ["x", [1], [["x"]], {"x": "y"}, 5, True])
async def test_capabilities_that_are_no_array_of_strings_are_refused(client: Client, given: object) -> None:
    agent = await client.agent()
    request = wire.UpdateAgentRequest(agent_id=agent["id"], capabilities=values.encode(given))
    servicer = AgentServicer(client.cases.agents, AgentHealthChecks(client.database))
    with pytest.raises(InvalidRequest, match="array of strings"):
        await servicer.UpdateAgent(request, client.tenant.call())


@pytest.mark.parametrize("given", [{"timeout": True}, {"timeout": "5"}, {"max_concurrent_tasks": 1.5}, {"timeout": [5]}])
async def test_settings_that_are_no_numbers_are_refused(client: Client, given: dict) -> None:
    agent = await client.agent()
    request = wire.UpdateAgentRequest(agent_id=agent["id"], configuration=values.encode(given))
    servicer = AgentServicer(client.cases.agents, AgentHealthChecks(client.database))
    with pytest.raises(InvalidRequest, match="number"):
        await servicer.UpdateAgent(request, client.tenant.call())
