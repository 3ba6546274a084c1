"""Agents with a model as models of OpenAI's API: each answer is a task, within the agent's limits and the caller's rights."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import grpc
import pytest
from google.api.httpbody_pb2 import HttpBody
from orchestrator.openai.v1 import chat_completion_service_pb2_grpc, model_service_pb2, model_service_pb2_grpc

from server import values
from server.app import Application
from server.core.agents.profile import AgentProfile
from server.core.models.port import ModelRefused
from server.settings import Settings
from tests.support.scripted_agents import ScriptedAgents, tool
from tests.support.tenants import Tenant, make_tenant
from tests.support.waiting import eventually

SUM = {"type": "object", "properties": {"sum": {"type": "integer"}}, "required": ["sum"]}


def reply(request):
    asked = request.messages[1].content
    if "fail" in asked:
        return ModelRefused("no such thing")
    if "add" in asked:
        return '{"sum": 3}'
    if "write" in asked and not any(message.role == "tool" for message in request.messages):
        return tool("comment", text="done so")
    return "Otters swim."


class Desk:
    """Whoever asks, as OpenAI's client does, without the gateway."""

    def __init__(self, application: Application, tenant: Tenant, models: ScriptedAgents) -> None:
        self.application, self.tenant, self.models = application, tenant, models
        self.channel = grpc.aio.insecure_channel(f"127.0.0.1:{application.port}")  # type: ignore[attr-defined]
        self.completions = chat_completion_service_pb2_grpc.ChatCompletionServiceStub(self.channel)
        self.listed = model_service_pb2_grpc.ModelServiceStub(self.channel)

    async def agent(self, name: str = "Ada", tenant: Tenant | None = None, **more):
        given = {"type": "coding", "model": "one", "provider": "scripted", **more}
        call = (tenant or self.tenant).call()
        return await self.application.use_cases.agents.register(call, name=name, profile=AgentProfile(**given))

    def call(self, message, model: str = "agent/Ada", tenant: Tenant | None = None, **more):
        messages = message if isinstance(message, list) else [{"role": "user", "content": message}]
        body = json.dumps({"model": model, "messages": messages, **more}).encode()
        return self.completions.CreateChatCompletion(HttpBody(data=body), metadata=(tenant or self.tenant).metadata)

    async def ask(self, message, model: str = "agent/Ada", **more) -> list[bytes]:
        return [each.data async for each in self.call(message, model, **more)]

    async def models_of(self, tenant: Tenant | None = None) -> list[str]:
        request = model_service_pb2.ListModelsRequest()
        found = await self.listed.ListModels(request, metadata=(tenant or self.tenant).metadata)
        return [each.id for each in found.data if each.id.startswith("agent/")]

    async def tasks(self):
        page = await self.application.use_cases.task_queries.slice(self.tenant.call(), limit=50, offset=0)
        return [await self.application.use_cases.task_queries.get(self.tenant.call(), each.id) for each in page.rows]


@pytest.fixture
async def desk(settings: Settings) -> AsyncIterator[Desk]:
    models = ScriptedAgents(reply)
    application = Application(settings.model_copy(update={"heartbeat_seconds": 0.2}), models)
    (application.port,) = await application.start(["127.0.0.1:0"])  # type: ignore[attr-defined]
    running = Desk(application, await make_tenant(application.database), models)
    try:
        yield running
    finally:
        await running.channel.close()
        await application.stop()


async def test_an_agent_answers_as_a_task_of_its_own(desk: Desk) -> None:
    agent = await desk.agent(configuration=values.encode({"style": "terse"}))
    other = await make_tenant(desk.application.database)
    assert await desk.models_of() == ["agent/Ada"] and await desk.models_of(other) == []
    said = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "hi"},
            {"role": "assistant", "content": "hello"}, {"role": "user", "content": "write of otters"}]
    (whole,) = await desk.ask(said)
    answer = json.loads(whole)
    assert answer["choices"][0]["message"]["content"] == "Otters swim." and answer["model"] == "agent/Ada"
    assert answer["choices"][0]["finish_reason"] == "stop" and answer["answered_by"] == "agent/Ada"
    assert answer["usage"] == {"prompt_tokens": 20, "completion_tokens": 4, "total_tokens": 24}
    (task,) = await desk.tasks()
    assert answer["id"] == f"chatcmpl-{task.id}" and task.agent_id == agent.id and task.status == "completed"
    system, user = desk.models.requests[0].messages
    assert "terse" in system.content and "Description: write of otters" in user.content and "Be kind." in user.content
    # By its id, in a stream.
    events = b"".join(await desk.ask("swim?", f"agent/agent_{agent.id}", stream=True, stream_options={"include_usage": True}))
    chunks = [json.loads(line[6:]) for line in events.decode().splitlines() if line.startswith("data: {")]
    assert events.endswith(b"data: [DONE]\n\n") and chunks[-1]["usage"]["total_tokens"] == 12
    assert "".join(each["choices"][0]["delta"].get("content") or "" for each in chunks[:-1]) == "Otters swim."
    form = {"type": "json_schema", "json_schema": {"name": "s", "schema": SUM}}
    (whole,) = await desk.ask("add", response_format=form)
    assert json.loads(json.loads(whole)["choices"][0]["message"]["content"]) == {"sum": 3}


async def test_nobody_asks_agents_of_others_nor_without_the_right_to_give_tasks(desk: Desk) -> None:
    await desk.agent()
    await desk.agent("x", model="", provider="")
    database = desk.application.database
    other = await make_tenant(database)
    chatter = await make_tenant(database, scopes="chat:read chat:write")
    await desk.agent(tenant=chatter)
    for model, tenant, more, code, words in (
        ("agent/Ada", other, {}, grpc.StatusCode.NOT_FOUND, "does not exist"),
        ("agent/x", desk.tenant, {}, grpc.StatusCode.NOT_FOUND, "does not exist"),
        ("agent/", desk.tenant, {}, grpc.StatusCode.NOT_FOUND, "does not exist"),
        ("agent/Ada", chatter, {}, grpc.StatusCode.PERMISSION_DENIED, "tasks:write"),
        ("agent/Ada", desk.tenant, {"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "x"}}}},
         grpc.StatusCode.INVALID_ARGUMENT, "response_format"),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await desk.ask("hi", model, tenant=tenant, **more)
        assert refused.value.code() == code and words in refused.value.details(), model
    for message, more, field in (
        ("half \ud800", {}, "messages"),
        ([{"role": "user", "content": "\ud800"}, {"role": "user", "content": "hi"}], {}, "messages"),
        ("hi", {"response_format": {"type": "json_schema", "json_schema": {"schema": {"maximum": 1 << 60}}}}, "response_format"),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await desk.ask(message, **more)
        assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT and field in refused.value.details()
    await desk.agent()
    with pytest.raises(grpc.aio.AioRpcError, match="several agents"):
        await desk.ask("hi")
    assert len(await desk.models_of()) == 2 and all(each.startswith("agent/agent_") for each in await desk.models_of())
    assert desk.models.requests == []


async def test_what_fails_is_told_and_what_nobody_hears_is_cancelled(desk: Desk) -> None:
    await desk.agent()
    with pytest.raises(grpc.aio.AioRpcError, match="no such thing"):
        await desk.ask("fail")
    desk.models.go.clear()
    call = desk.call("slow", stream=True)
    heard: list[bytes] = []

    async def listen() -> None:
        async for each in call:
            heard.append(each.data)

    listening = asyncio.create_task(listen())
    # It begins, and goes on with signs of life.
    await eventually(lambda: len(heard) >= 2)
    assert b'"role":"assistant"' in heard[0] and heard[1] == b": keep-alive\n\n"
    call.cancel()
    await asyncio.gather(listening, return_exceptions=True)

    async def cancelled() -> bool:
        return "cancelled" in [task.status for task in await desk.tasks()]

    await eventually(cancelled)
