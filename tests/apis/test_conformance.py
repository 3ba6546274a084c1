"""What storage and queue promise, asked once in the words of every API, on both databases."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest
from orchestrator.v1 import agent_service_pb2, event_service_pb2, event_service_pb2_grpc

from server.app import Application
from tests.support.industrial import Industrial
from tests.support.refusals import reason, refused
from tests.support.tenants import Tenant
from tests.support.waiting import eventually
from tests.support.wordings import SESSIONS, TASKS, Speaker, Wording
from tests.support.workers import Client, Raw

EVERYTHING = [
    *(pytest.param(wording, id=f"sessions, {api}") for api, wording in SESSIONS.items()),
    *(pytest.param(wording, id=f"tasks, {api}") for api, wording in TASKS.items()),
]
QUEUED = [pytest.param(wording, id=api) for api, wording in TASKS.items()]


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def settings(settings):
    lifted = dict.fromkeys(("industrial_requests_per_minute", "requests_per_minute", "requests_per_hour"), 1_000_000)
    return settings.model_copy(update=lifted)


@pytest.fixture
async def channel(application: Application):
    async with grpc.aio.insecure_channel(f"127.0.0.1:{application.port}") as opened:
        yield opened


@pytest.fixture
def client(channel, tenant: Tenant) -> Client:
    return Client(channel, tenant)


async def names(channel, tenant: Tenant) -> dict[str, str]:
    """An agent that can do everything, and a session that runs, for tasks."""
    api = Industrial(channel, tenant.metadata)
    agent = await api.agent("X", max_concurrent_tasks=1000)
    return {"agent": agent.id, "session": (await api.session(started=True)).id, "capability": "X"}


@pytest.fixture
async def speaker(wording: Wording, channel, tenant: Tenant) -> Speaker:
    known = await names(channel, tenant) if wording in TASKS.values() else {}
    return Speaker(wording, channel, tenant.metadata, known)


@pytest.fixture
def stranger(wording: Wording, channel, other_tenant: Tenant) -> Speaker:
    return Speaker(wording, channel, other_tenant.metadata)


async def feed(channel, tenant: Tenant, until: int) -> list[Any]:
    """The events of the organization, of which there are to be so many."""
    request = event_service_pb2.WatchRequest(after=0)
    watch = event_service_pb2_grpc.EventServiceStub(channel).Watch(request, metadata=tenant.metadata)
    events: list[Any] = []
    async with asyncio.timeout(10):
        while len(events) < until:
            event = await watch.read()
            events += [event] if event.type != "heartbeat" else []
    watch.cancel()
    return events


@pytest.mark.parametrize("wording", EVERYTHING)
async def test_what_is_made_is_seen_and_listed_once_the_newest_first(speaker: Speaker, wording: Wording) -> None:
    made = [(await speaker.make()).id for _ in range(5)]
    assert len(set(made)) == 5
    assert [(await speaker.see(id)).id for id in made] == made
    for size in (2, 5, 6):
        assert await speaker.ids(size) == made[::-1], size


@pytest.mark.parametrize("wording", EVERYTHING)
async def test_a_repeated_request_happens_once_also_where_it_comes_at_once(speaker: Speaker, wording: Wording) -> None:
    at_once = await asyncio.gather(*(speaker.make("key") for _ in range(5)))
    again = await speaker.make("key")
    assert {each.id for each in at_once} == {again.id}
    assert await speaker.ids() == [again.id]
    changed = {"timeout": 7} if "ExecuteAgent" in wording.make else {next(iter(wording.make[1])): "another"}
    error = await refused(speaker.make("key", **changed))
    assert reason(error).reason == "IDEMPOTENCY_KEY_REUSED"
    assert (await speaker.make("another key")).id != again.id


@pytest.mark.parametrize("wording", [pytest.param(wording, id=api) for api, wording in SESSIONS.items()])
async def test_a_change_that_is_based_on_an_old_version_is_refused(speaker: Speaker, wording: Wording) -> None:
    made = await speaker.make()
    await speaker.change(made.id, version=1)
    changed = await speaker.see(made.id)
    error = await refused(speaker.change(made.id, again=True, version=1))
    assert (error.code(), reason(error).reason) == (grpc.StatusCode.ABORTED, "VERSION_MISMATCH")
    assert (await speaker.see(made.id)).updated_at == changed.updated_at
    await speaker.change(made.id, again=True, version=2)


@pytest.mark.parametrize("wording", EVERYTHING)
async def test_another_organization_neither_sees_nor_changes_it(
    speaker: Speaker, stranger: Speaker, wording: Wording
) -> None:
    made = await speaker.make()
    for attempt in (stranger.see(made.id), stranger.change(made.id)):
        assert (await refused(attempt)).code() == grpc.StatusCode.NOT_FOUND
    assert await stranger.ids() == []
    assert await speaker.see(made.id) == made


@pytest.mark.parametrize("wording", EVERYTHING)
async def test_every_change_is_one_event_numbered_without_a_hole(
    speaker: Speaker, wording: Wording, channel, tenant: Tenant, application: Application
) -> None:
    before = (await application.feeds.bounds(tenant.caller.organization_id)).head
    made = [await speaker.make() for _ in range(3)]
    for each in made:
        await speaker.change(each.id)
    events = await feed(channel, tenant, before + 6)
    assert [event.number for event in events] == list(range(1, before + 7))
    told = [event.type.partition(".") for event in events[before:]]
    assert [kind[2] for kind in told[:3]] == ["created"] * 3 and "created" not in [kind[2] for kind in told[3:]]
    assert len({kind[0] for kind in told}) == 1 and len({kind[2] for kind in told[3:]}) == 1


@pytest.mark.parametrize("wording", QUEUED)
async def test_a_task_is_leased_once_and_its_result_is_shown(
    speaker: Speaker, wording: Wording, client: Client
) -> None:
    made = await speaker.make()
    waiting, leased, completed = wording.statuses
    assert speaker.status(made) == waiting
    agent = await client.agents.GetAgent(
        agent_service_pb2.GetAgentRequest(id=speaker.names["agent"]), metadata=client.metadata
    )
    async with Raw(client, agent, capacity=5) as one, Raw(client, agent, capacity=5) as other:
        await eventually(lambda: one.held or other.held)
        worker = one if one.held else other
        (lease,) = worker.held.values()
        assert speaker.status(await speaker.see(made.id)) == leased
        await worker.complete(lease, {"n": 1})
        await worker.wait("accepted")
        assert speaker.status(await speaker.see(made.id)) == completed
        assert sum(len(each.leases.leases) for raw in (one, other) for each in raw.all("leases")) == 1


@pytest.mark.parametrize("wording", QUEUED)
async def test_what_is_cancelled_before_it_is_leased_is_never_leased(
    speaker: Speaker, wording: Wording, client: Client
) -> None:
    cancelled, kept = await speaker.make(), await speaker.make()
    await speaker.change(cancelled.id)
    agent = await client.agents.GetAgent(
        agent_service_pb2.GetAgentRequest(id=speaker.names["agent"]), metadata=client.metadata
    )
    async with Raw(client, agent, capacity=5) as worker:
        (lease,) = await worker.leased()
        await worker.complete(lease)
        await worker.wait("accepted")
    assert speaker.status(await speaker.see(kept.id)) == wording.statuses[2]
    assert speaker.status(await speaker.see(cancelled.id)).endswith(("CANCELLED", "cancelled"))
