"""Every API: an agent with a model that is registered through any of them, tasks that any of them makes, and what each
of them shows of their results."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message_factory import GetMessageClass
from orchestrator.agent_operations.v1 import agent_service_pb2 as operations_agents
from orchestrator.agent_operations.v1 import task_service_pb2 as operations
from orchestrator.agent_orchestration.v1 import execution_service_pb2 as executions
from orchestrator.coordinaitor.v1 import agent_service_pb2 as people_agents
from orchestrator.coordinaitor.v1 import task_service_pb2 as people
from orchestrator.industrial.v1 import agent_service_pb2 as industrial_agents
from orchestrator.industrial.v1 import session_service_pb2 as industrial_sessions
from orchestrator.industrial.v1 import task_service_pb2 as industrial
from orchestrator.v1 import agent_service_pb2 as native_agents
from orchestrator.v1 import task_service_pb2 as native

from server.core.models.port import ModelRefused
from tests.support.scripted_agents import one_after_the_other, tool
from tests.support.waiting import eventually
from tests.work.model_agents.conftest import Office

METHODS = {
    f"{module.DESCRIPTOR.package.split('.')[1]}.{method.name}": (service, method)
    for module in (
        operations_agents, operations, executions, people_agents, people, industrial_agents, industrial_sessions,
        industrial, native_agents, native,
    )
    for service in module.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}  # fmt: skip
RESULT = {"text": "Seven."}


class Apis:
    def __init__(self, channel: grpc.aio.Channel, office: Office) -> None:
        self.channel, self.office = channel, office

    async def ask(self, name: str, /, **given: Any) -> dict[str, Any]:
        service, method = METHODS[name]
        call = self.channel.unary_unary(
            f"/{service.full_name}/{method.name}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=GetMessageClass(method.output_type).FromString,
        )
        request = ParseDict(given, GetMessageClass(method.input_type)())
        answer = await call(request, metadata=self.office.tenant.metadata)
        return MessageToDict(answer, preserving_proto_field_name=True)

    # What each of them shows of a task: its status in one spelling, and what came of it.

    async def shown(self, digits: str) -> dict[str, tuple[str, Any]]:
        seen_by_people = (await self.ask("coordinaitor.GetTask", task_id=f"task-{digits}"))["data"]
        seen_here = await self.ask("v1.GetTask", id=f"task_{digits}")
        seen_there = (await self.ask("agent_operations.GetTask", task_id=f"task_{digits}"))["data"]
        execution = await self.ask("agent_orchestration.GetExecution", execution_id=f"execution_{digits}")
        coded = await self.ask("industrial.GetTask", task_id=digits)
        return {
            "people": (seen_by_people["status"], seen_by_people.get("result")),
            "native": (seen_here["status"].removeprefix("TASK_STATUS_").lower(), seen_here.get("output")),
            "operations": (seen_there["status"], seen_there.get("result")),
            "executions": (execution["status"], execution.get("output")),
            "industrial": (coded["status"].lower(), coded.get("result")),
        }


@pytest.fixture
async def apis(office: Office) -> AsyncIterator[Apis]:
    await office.open(one_after_the_other(tool("comment", text="counting"), "Seven."))
    async with grpc.aio.insecure_channel(f"127.0.0.1:{office.port}") as channel:
        yield Apis(channel, office)


async def register(apis: Apis, name: str) -> str:
    """An agent with a model, as digits."""
    model = {"model": "one", "provider": "scripted"}
    if name == "people":
        made = await apis.ask("coordinaitor.CreateAgent", name="Ada", type="coding", capabilities=["x"], **model)
        assert made["data"]["status"] == "available"
        return made["data"]["id"].removeprefix("agent-")
    if name == "operations":
        made = await apis.ask("agent_operations.CreateAgent", name="Ada", type="coding", capabilities=["x"], configuration=model)
        shown = made["data"]
        assert (shown["runtime"], shown["status"], shown["health"]["status"]) == ("model", "active", "healthy")
        assert shown["configuration"]["model"] == "one"
        return shown["id"].removeprefix("agent_")
    if name == "industrial":
        made = await apis.ask("industrial.RegisterAgent", name="Ada", type="BACKEND", capabilities=["x"], **model)
        assert made["status"] == "IDLE" and not made.get("last_heartbeat")
        return made["id"].replace("-", "")
    made = await apis.ask("v1.RegisterAgent", name="Ada", type="coding", capabilities={"words": ["x"]}, **model)
    assert (made["runtime"], made["status"]) == ("AGENT_RUNTIME_MODEL", "AGENT_STATUS_ACTIVE")
    return made["id"].removeprefix("agent_")


@pytest.mark.parametrize("name", ["people", "operations", "industrial", "native"])
async def test_an_agent_that_any_api_registers_does_tasks_that_any_api_makes(apis: Apis, name: str) -> None:
    agent = await register(apis, name)
    words = {"title": "Count", "description": "How many days has a week?"}
    made = [
        (await apis.ask("coordinaitor.CreateTask", agent_id=f"agent-{agent}", **words))["data"]["id"],
        (await apis.ask("v1.CreateTask", agent_id=f"agent_{agent}", **words))["id"],
        (await apis.ask("agent_operations.CreateTask", agent_id=f"agent_{agent}", type="count", payload=words))["data"]["id"],
        (await apis.ask("agent_orchestration.ExecuteAgent", agent_id=f"agent_{agent}", input_data=words))["id"],
    ]
    session = await apis.ask("industrial.CreateSession", title="Count", initial_prompt="Count")
    await apis.ask("industrial.StartSession", session_id=session["id"])
    coded = (await apis.ask("industrial.CreateTask", session_id=session["id"], **words))["id"]
    await apis.ask("industrial.AssignTask", task_id=coded, agent_id=agent)
    made.append(coded)
    tasks = [each.replace("-", "_").rpartition("_")[2] for each in made[:-1]] + [coded.replace("-", "")]

    async def ended() -> bool:
        return {(await apis.shown(each))["native"][0] for each in tasks} == {"completed"}

    await eventually(ended, 20)
    for task in tasks:
        assert await apis.shown(task) == dict.fromkeys(
            ("people", "native", "operations", "executions", "industrial"), ("completed", RESULT)
        )
    seen = await apis.ask("coordinaitor.GetTask", task_id=f"task-{tasks[0]}", include="comments")
    assert [comment["content"] for comment in seen["data"]["comments"]] == ["counting"]
    counted = await apis.ask("industrial.GetSession", session_id=session["id"])
    assert int(counted["metrics"]["tokens_used"]) == 24
    shown = (await apis.ask("coordinaitor.GetAgent", agent_id=f"agent-{agent}"))["data"]
    assert shown["total_tasks_completed"] == 5 and shown["success_rate"] == 1


async def test_why_a_task_failed_is_shown_to_people(apis: Apis) -> None:
    apis.office.models.reply = lambda _: ModelRefused("there is no such model")
    agent = await register(apis, "people")
    made = await apis.ask("coordinaitor.CreateTask", agent_id=f"agent-{agent}", title="Count")

    async def seen() -> Any:
        shown = (await apis.ask("coordinaitor.GetTask", task_id=made["data"]["id"]))["data"]
        return shown if shown["status"] == "failed" else None

    shown = await eventually(seen)
    assert shown["error"] == "there is no such model" and "result" not in shown


async def test_a_worker_that_connects_over_the_wire_takes_an_agent_over(apis: Apis) -> None:
    agent = await register(apis, "operations")
    await apis.ask("industrial.SendHeartbeat", agent_id=agent)
    shown = await apis.ask("v1.GetAgent", id=f"agent_{agent}")
    assert shown["runtime"] == "AGENT_RUNTIME_EXTERNAL"
    # Named anew, it stays whose it is while somebody is there.
    changed = await apis.ask("agent_operations.UpdateAgent", agent_id=f"agent_{agent}", configuration={"model": "one"})
    assert changed["data"]["runtime"] == "external"
