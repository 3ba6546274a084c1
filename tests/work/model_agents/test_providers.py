"""Providers that come and go between two starts of a server, and workers that find agents which think."""

from __future__ import annotations

import json

import grpc
import pytest
from orchestrator.v1.agent_service_pb2 import RegisterAgentRequest

from server.core.agents.profile import AgentProfile
from server.core.models.port import ModelUnavailable, NoModels
from server.errors import InvalidRequest
from server.settings import Settings
from server.work.models import MeteredModels, ModelProviders
from server.worker.finding import find_agent
from server.work.model_agents.runner import ModelRunner
from tests.support.raw_provider import HEAD, RawProvider, piece
from tests.support.scripted_agents import one_after_the_other, tool
from tests.support.waiting import eventually
from tests.work.model_agents.conftest import Office, output


async def why(office: Office, task) -> list[str]:
    found = await office.cases.task_waiting.explain(office.tenant.call(), task.id, limit=10, offset=0)
    return [each.message for each in found.agents]


async def test_tasks_wait_for_a_server_that_has_the_provider_again(office: Office) -> None:
    models = await office.open(lambda _: "done")
    agent = await office.agent()
    await office.restart(None)
    task = await office.give(agent)
    assert (await office.get(task)).status == "pending"
    (reason,) = await why(office, task)
    assert reason.startswith("it is error: no language model is configured here") and "scripted" in reason
    await office.restart(models)
    assert output(await office.done(task)) == {"text": "done"}
    assert (await office.cases.agents.get(office.tenant.call(), agent.id)).status == "active"


async def test_what_a_server_without_the_provider_has_claimed_goes_back_and_costs_nothing(office: Office) -> None:
    models = await office.open(lambda _: "done")
    models.go.clear()
    agent = await office.agent()
    task = await office.give(agent)
    await eventually(lambda: models.running)
    held, cases = await office.get(task), office.cases
    runner = ModelRunner(office.database, cases.agents, MeteredModels(NoModels(), office.cases.ledger), [], concurrency=1)
    with pytest.raises(ModelUnavailable):
        await runner.run(held)
    waiting = await office.get(task)
    assert (waiting.status, waiting.lost, waiting.failures) == ("pending", 0, 0)
    assert (await cases.agents.get(office.tenant.call(), agent.id)).status == "error"
    await office.application.thinking.look()
    models.go.set()
    assert output(await office.done(task)) == {"text": "done"}


async def test_a_worker_of_the_library_takes_over_the_agent_that_it_is_for(office: Office) -> None:
    await office.open(one_after_the_other(tool("comment", text="x"), "done"))
    agent = await office.agent("Ada", type="coding")
    async with grpc.aio.insecure_channel(f"127.0.0.1:{office.port}") as channel:
        wanted = RegisterAgentRequest(name="Ada", type="coding")
        assert await find_agent(channel, office.tenant.metadata, wanted) == f"agent_{agent.id}"


async def test_a_provider_over_http_is_asked_as_openai_is_with_tools_and_what_they_gave(office: Office) -> None:
    call = {"index": 0, "id": "c1", "type": "function", "function": {"name": "comment", "arguments": '{"text": "hi"}'}}
    calls = HEAD + piece(tool_calls=[call]) + piece(finish="tool_calls") + b"data: [DONE]\n\n"
    words = HEAD + piece("Sev") + piece("en.") + piece(finish="stop") + b"data: [DONE]\n\n"
    async with RawProvider.saying(calls, words) as raw:
        providers = ModelProviders.of(Settings(model_base_url=raw.url))
        await office.open(lambda _: "")
        await office.restart(providers)
        configuration = {"tools": ["comment"], "temperature": 0.2, "maxTokens": 50}
        agent = await office.agent(model="raw-1", provider="compatible", configuration=configuration)
        assert agent.runtime == "model"
        task = await office.give(agent)
        assert output(await office.done(task)) == {"text": "Seven."}
        await providers.close()
    assert await office.comments(task) == ["hi"]
    first, second = (json.loads(received.body) for received in raw.received)
    assert (first["model"], first["temperature"], first["tools"][0]["function"]["name"]) == ("raw-1", 0.2, "comment")
    assert 50 in first.values() and "tool_choice" not in first and "response_format" not in first
    *_, asked, told = second["messages"]
    assert asked["role"] == "assistant" and asked["tool_calls"][0]["id"] == "c1"
    assert told["role"] == "tool" and told["tool_call_id"] == "c1" and "comment_id" in told["content"]


async def test_no_agent_thinks_with_what_only_answers_chats(office: Office) -> None:
    await office.open(lambda _: "done")
    agent = await office.agent("Ada")
    for model in ("builtin-extractive-1", "mode/quality", "swarm/coding-team"):
        with pytest.raises(InvalidRequest, match="model: must be a model of a provider"):
            await office.agent("Eve", model=model, provider="")
        with pytest.raises(InvalidRequest, match="model: must be a model of a provider"):
            profile = AgentProfile(model=model, provider="")
            await office.cases.agents.update(office.tenant.call(), agent.id, profile=profile)
    assert (await office.cases.agents.get(office.tenant.call(), agent.id)).model == agent.model


async def test_a_provider_is_known_however_it_is_written(office: Office) -> None:
    await office.open(lambda _: "")
    await office.restart(ModelProviders.of(Settings(model_base_url="http://127.0.0.1:9")))
    agent = await office.agent(model="gpt-4", provider="Compatible")
    assert (agent.runtime, agent.status, agent.provider) == ("model", "active", "Compatible")
