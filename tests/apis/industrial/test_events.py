"""The rooms of the Industrial API in this process, on both databases: what their sockets hear."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from orchestrator.industrial.v1.event_service_pb2 import SocketRequest

from server import values
from server.apis.industrial.events import EventServicer
from server.apis.industrial.views import Views
from server.apis.industrial.ids import shown_id
from server.app import Application
from server.core.monitoring import alerts
from server.core.shared.call_context import Call
from server.core.queue.creation import NewTask
from server.core.agents.profile import AgentProfile
from server.core.workers.reports import LogLine, completed, failed
from server.errors import CursorGone, Forbidden, InvalidRequest, NotFound, Unavailable
from server.model import Agent, Priority, Session, Task, new_id
from tests.support.tenants import Tenant, make_tenant

HEALTH = {"status": "healthy", "components": {"database": "healthy"}}
NOBODY = "00000000-0000-7000-8000-000000000000"
S, A, T = new_id(), new_id(), new_id()
ORGANIZATION = {"organization_id": "o", "created_at": 1_000_000}


class Ears:
    """A socket, as the servicer sees one."""

    def __init__(self, requests: asyncio.Queue, answers) -> None:
        self._requests, self.answers = requests, answers

    async def say(self, **said) -> None:
        await self._requests.put(SocketRequest(**said))

    async def next(self) -> dict:
        async with asyncio.timeout(10):
            return json.loads((await anext(self.answers)).data)

    async def hear(self, *types: str) -> dict:
        """The next frame of one of these types, or of any but metrics."""
        while True:
            frame = await self.next()
            if frame["type"] in types or (not types and frame["type"] != "session.metrics_updated"):
                return frame

    async def hear_all(self, count: int) -> list[str]:
        return [(await self.next())["type"] for _ in range(count)]

    async def nothing_before(self, **said) -> None:
        """An answer comes next: there was nothing else to hear."""
        await self.say(**(said or {"type": "ping"}))
        frame = await self.next()
        assert frame["type"] in ("pong", "subscription.confirmed", "subscription.cancelled"), frame


class Industry:
    def __init__(self, application: Application, tenant: Tenant) -> None:
        self.application, self.cases, self.tenant, self.call = application, application.use_cases, tenant, tenant.call()
        self.servicer = self.serve()

    def serve(self, **options) -> EventServicer:
        async def health() -> dict:
            return HEALTH

        cases = self.cases
        views = Views(cases.task_relations, cases.session_statistics, cases.checkpoints)
        options = {"health": health, **options}
        return EventServicer(cases.events, cases.sessions.get, cases.agents.get, views, cases.agent_performance, **options)

    @asynccontextmanager
    async def listen(self, method: str = "WatchSessions", *, call: Call | None = None, servicer=None, **first):
        requests: asyncio.Queue = asyncio.Queue()

        async def said() -> AsyncIterator[SocketRequest]:
            yield SocketRequest(**first)
            while (request := await requests.get()) is not None:
                yield request

        watch = getattr(servicer or self.servicer, method)
        ears = Ears(requests, await watch(said(), call or self.call))
        try:
            yield ears
        finally:
            await ears.answers.aclose()

    @asynccontextmanager
    async def inside(self, method: str = "WatchSessions", **options):
        async with self.listen(method, **options) as ears:
            assert await ears.hear_all(2) == ["connection.established", "subscription.confirmed"]
            yield ears

    async def session(self, **more) -> Session:
        given = {"title": "s", "type": "CODING", "priority": Priority.HIGH, **more}
        return await self.cases.coding_sessions.create(self.call, **given)

    async def agent(self, name: str = "a", *capabilities: str) -> Agent:
        profile = AgentProfile(type="BACKEND", capabilities=list(capabilities), max_concurrent_tasks=2)
        return await self.cases.agent_heartbeats.register(self.call, name=name, profile=profile)

    async def task(self, session: Session, **more) -> Task:
        new = NewTask(session_id=session.id, title="t", **more)
        return await self.cases.coding_tasks.create(self.call, new)

    async def move(self, session: Session, number: int) -> None:
        """The next of any number of moves, counted from 0."""
        coding = self.cases.coding_sessions
        move = coding.pause if number % 2 else coding.resume if number else coding.start
        await move(self.call, session.id)


@pytest.fixture
async def industry(application: Application, tenant: Tenant) -> Industry:
    return Industry(application, tenant)


async def test_a_day_of_work_as_its_rooms_hear_it(industry: Industry) -> None:
    cases, call = industry.cases, industry.call
    async with industry.inside() as ears, industry.inside("WatchAgents") as at_agents:
        agent = await industry.agent()
        session = await industry.session()
        await cases.coding_sessions.start(call, session.id)
        first, second = await industry.task(session), await industry.task(session)
        for task in (first, second):
            await cases.assignments.assign(call, task.id, agent.id)
            await cases.assignments.begin(call, task.id, agent.id)
        await cases.coding_tasks.end(call, first.id, await completed(values.encode({"a": 1})))
        await cases.coding_tasks.end(call, second.id, failed("E", "no", "", retryable=False))
        await cases.agent_heartbeats.beat(call, agent.id, 85.0)
        await cases.checkpoints.keep(call, session.id, "c", values.encode({"b": 2}))
        await cases.coding_sessions.pause(call, session.id)
        await cases.agent_heartbeats.deregister(call, agent.id)
        await cases.coding_sessions.cancel(call, session.id, "enough")
        heard, metrics, numbers = [], {}, []
        while not heard or heard[-1] != ("session.status_changed", "CANCELLED"):
            frame = await ears.next()
            numbers.append(int(frame["id"]))
            if frame["type"] == "session.metrics_updated":
                metrics = frame["payload"]["metrics"]
            else:
                heard.append((frame["type"], frame["payload"].get("status")))
        assert heard == [
            ("session.created", "PENDING"),
            ("session.status_changed", "RUNNING"),
            ("session.task_added", None),
            ("session.task_added", None),
            *[("task.status_changed", "QUEUED"), ("task.status_changed", "IN_PROGRESS")] * 2,
            ("task.status_changed", "COMPLETED"),
            ("task.status_changed", "FAILED"),
            ("session.checkpoint_created", None),
            ("session.status_changed", "PAUSED"),
            ("session.status_changed", "CANCELLED"),
        ]
        assert numbers == sorted(numbers)
        assert (metrics["total_tasks"], metrics["completed_tasks"], metrics["failed_tasks"]) == (2, 1, 1)
        told = []
        while not told or told[-1][0] != "agent.deregistered":
            frame = await at_agents.next()
            told.append((frame["type"], frame["payload"].get("status")))
        told = [each for each in told if each != ("agent.status_changed", "OFFLINE")]
        assert [word for word, _ in told] == [
            "agent.registered",
            *["agent.task_assigned", "agent.task_started"] * 2,
            "agent.task_completed",
            "agent.task_failed",
            "agent.heartbeat",
            "agent.deregistered",
        ]


async def test_rooms_are_joined_and_left(industry: Industry) -> None:
    session, other = await industry.session(), await industry.session()
    agent = await industry.agent()
    async with industry.listen("WatchSession", session_id=shown_id(session.id)) as ears:
        established, confirmed = await ears.next(), await ears.next()
        assert established["type"] == "connection.established" and established["payload"]["cursor"] == "3"
        assert uuid.UUID(established["payload"]["client_id"]) and established["timestamp"].endswith("Z")
        assert confirmed["payload"] == {"room": f"sessions/{shown_id(session.id)}"}
        start = industry.cases.coding_sessions.start
        await start(industry.call, other.id)
        await start(industry.call, session.id)
        assert (await ears.next())["payload"]["session_id"] == shown_id(session.id)
        await ears.say(type="join_room", room="sessions", id="7")
        joined = await ears.next()
        assert (joined["type"], joined["reply_to"], joined["payload"]) == (
            "subscription.confirmed",
            "7",
            {"room": "sessions"},
        )
        await ears.say(type="join_room", room=f"agent:{agent.id}")
        assert (await ears.next())["payload"] == {"room": f"agents/{shown_id(agent.id)}"}
        await industry.cases.coding_sessions.pause(industry.call, other.id)
        await industry.cases.coding_sessions.pause(industry.call, session.id)
        heard = [await ears.next() for _ in range(2)]
        assert [each["payload"]["session_id"] for each in heard] == [shown_id(other.id), shown_id(session.id)]
        await industry.cases.agent_heartbeats.beat(industry.call, agent.id, 50.0)
        assert (await ears.next())["payload"]["current_load"] == 50
        for room in ("sessions", f"session:{session.id}", f"agents/{agent.id}"):
            await ears.say(type="leave_room", room=room, id="8")
            left = await ears.next()
            assert left["type"] == "subscription.cancelled" and left["reply_to"] == "8"
        await industry.cases.coding_sessions.cancel(industry.call, session.id, "")
        await ears.nothing_before()
        await ears.say(type="join_room", room="sessions")
        await ears.next()
        await ears.nothing_before()


async def test_a_mistake_is_told_and_the_socket_goes_on(industry: Industry, other_tenant: Tenant) -> None:
    theirs = await industry.cases.coding_sessions.create(
        other_tenant.call(), title="s", type="CODING", priority=Priority.LOW
    )
    async with industry.inside("WatchAgents") as ears:
        for said, code in [
            ({"type": "join_room", "room": "kitchen"}, "INVALID_REQUEST"),
            ({"type": "join_room"}, "INVALID_REQUEST"),
            ({"type": "join_room", "room": "sessions", "since": 3}, "INVALID_REQUEST"),
            ({"type": "join_room", "room": "sessions/abc"}, "SESSION_NOT_FOUND"),
            ({"type": "join_room", "room": f"sessions/{NOBODY}"}, "SESSION_NOT_FOUND"),
            ({"type": "join_room", "room": f"sessions/{theirs.id}"}, "SESSION_NOT_FOUND"),
            ({"type": "join_room", "room": f"agent:{NOBODY}"}, "AGENT_NOT_FOUND"),
            ({"type": "leave_room", "room": "system"}, "NOT_IN_ROOM"),
            ({"type": "dance"}, "INVALID_REQUEST"),
            ({}, "INVALID_REQUEST"),
            ({"invalid_frame": "is not valid JSON"}, "INVALID_REQUEST"),
        ]:
            await ears.say(**said, id="x")
            error = await ears.next()
            assert (error["type"], error["reply_to"], error["payload"]["code"]) == ("error", "x", code), said
            assert error["payload"]["message"]
        await ears.say(type="pong")
        await ears.nothing_before()


async def test_a_socket_is_in_at_most_fifty_rooms(industry: Industry) -> None:
    sessions = [await industry.session() for _ in range(50)]
    async with industry.inside() as ears:
        for each in sessions:
            await ears.say(type="join_room", room=f"session:{each.id}")
        assert await ears.hear_all(50) == ["subscription.confirmed"] * 49 + ["error"]
        await ears.say(type="join_room", room="sessions")
        assert (await ears.next())["type"] == "subscription.confirmed", "it is there already"


async def test_what_is_not_there_or_not_theirs_cannot_be_watched(industry: Industry, other_tenant: Tenant) -> None:
    session, agent = await industry.session(), await industry.agent()
    for method, given in [
        ("WatchSession", {"session_id": NOBODY}),
        ("WatchSession", {"session_id": "x"}),
        ("WatchSession", {}),
        ("WatchAgent", {"agent_id": NOBODY}),
    ]:
        with pytest.raises(NotFound):
            async with industry.listen(method, **given) as ears:
                await ears.next()
    for method, given in [("WatchSession", {"session_id": session.id}), ("WatchAgent", {"agent_id": agent.id})]:
        with pytest.raises(NotFound):
            async with industry.listen(method, call=other_tenant.call(), **given) as ears:
                await ears.next()
        async with industry.inside(method, **given):
            pass


async def test_others_hear_nothing(industry: Industry, other_tenant: Tenant) -> None:
    async with industry.inside(call=other_tenant.call()) as ears, industry.inside() as own:
        await industry.session()
        assert (await own.next())["type"] == "session.created"
        await ears.nothing_before()


async def test_a_room_takes_the_scope_to_read_what_is_in_it(industry: Industry) -> None:
    for scopes, refused in [
        ("events:read", {"WatchSessions", "WatchAgents", "WatchSystem"}),
        ("events:read sessions:read", {"WatchSessions", "WatchAgents", "WatchSystem"}),
        ("events:read sessions:read tasks:read", {"WatchAgents", "WatchSystem"}),
        ("events:read agents:*", {"WatchSessions", "WatchSystem"}),
        ("events:read system:read", {"WatchSessions", "WatchAgents"}),
    ]:
        call = (await make_tenant(industry.application.database, scopes=scopes)).call()
        for method in ("WatchSessions", "WatchAgents", "WatchSystem"):
            if method in refused:
                with pytest.raises(Forbidden):
                    async with industry.listen(method, call=call) as ears:
                        await ears.next()
            else:
                async with industry.inside(method, call=call) as ears:
                    await ears.say(type="join_room", room=refused and sorted(refused)[0].removeprefix("Watch").lower())
                    frame = await ears.hear("error")
                    assert frame["payload"]["code"] == "FORBIDDEN"


async def test_a_stream_is_resumed_without_a_hole_or_a_repeat(industry: Industry) -> None:
    session = await industry.session()
    agent = await industry.agent()
    for number in range(300):
        await industry.move(session, number)
    newest = 302
    async with industry.inside(since=0) as ears:
        heard = [int((await ears.next())["id"]) for _ in range(100)]
        await ears.say(type="join_room", room=f"session:{session.id}")
        while len(heard) < 301:
            frame = await ears.next()
            if frame["type"] != "subscription.confirmed":
                heard.append(int(frame["id"]))
        assert heard == [1, *range(3, newest + 1)], "once each, though two rooms have it"
        await industry.cases.coding_sessions.cancel(industry.call, session.id, "")
        assert (await ears.hear("session.status_changed"))["id"] == str(newest + 1)
    async with industry.inside("WatchSession", since=200, session_id=session.id) as ears:
        assert [int((await ears.next())["id"]) for _ in range(103)] == list(range(201, newest + 2))
    async with industry.inside("WatchAgent", since=0, agent_id=agent.id) as ears:
        assert (await ears.next())["id"] == "2"
        await ears.nothing_before()
    for wrong, error in ((10_000, CursorGone), (-1, InvalidRequest)):
        with pytest.raises(error):
            async with industry.listen(since=wrong) as ears:
                await ears.next()


async def test_a_cursor_that_is_no_longer_kept_is_refused(industry: Industry) -> None:
    for _ in range(3):
        await industry.session()
    await industry.cases.events.trim(industry.application.database.clock() + 1_000_000)
    with pytest.raises(CursorGone) as caught:
        async with industry.listen(since=1) as ears:
            await ears.next()
    assert caught.value.details["start_after"] == 3
    async with industry.inside(since=3) as ears:
        await ears.nothing_before()


async def test_pings_go_both_ways(industry: Industry) -> None:
    servicer = industry.serve(ping_seconds=0.05)
    async with industry.inside(servicer=servicer) as ears:
        for _ in range(3):
            ping = await ears.next()
            assert ping["type"] == "ping" and "id" not in ping
            await ears.say(type="pong")
        await ears.say(type="ping", id="p")
        assert (await ears.hear("pong"))["reply_to"] == "p"


async def test_the_system_says_how_it_is(industry: Industry) -> None:
    said = []

    async def health() -> dict:
        said.append(len(said))
        if len(said) == 2:
            raise ValueError("a bug")
        return {"status": "healthy", "count": len(said)}

    servicer = industry.serve(health=health, health_seconds=0.05)
    async with industry.inside("WatchSystem", servicer=servicer) as ears:
        assert [(await ears.hear("system.health"))["payload"]["count"] for _ in range(3)] == [1, 3, 4]
        database = industry.application.database
        organization = industry.call.organization_id
        await database.write(lambda transaction: alerts.warn(transaction, organization, "disk_full", "full"))
        alert = await ears.hear("system.alert")
        assert alert["payload"]["kind"] == "disk_full" and alert["payload"]["severity"] == "warning"
        await database.write(lambda transaction: alerts.resolve(transaction, organization, "disk_full"))
        assert "resolved_at" in (await ears.hear("system.alert_resolved"))["payload"]
        await ears.say(type="leave_room", room="system")
        await ears.hear("subscription.cancelled")
        await ears.nothing_before()
        await ears.say(type="join_room", room="system")
        assert await ears.hear_all(2) == ["subscription.confirmed", "system.health"]


async def test_a_slow_reader_is_told_and_stalls_nobody(industry: Industry) -> None:
    servicer = industry.serve(slow_after=20)
    session = await industry.session()
    async with industry.inside(servicer=servicer) as slow, industry.inside(servicer=servicer) as quick:
        for number in range(101):
            await industry.move(session, number)
            assert (await quick.next())["id"] == str(number + 2)
        numbers, told = [], []
        while len(numbers) < 101:
            frame = await slow.next()
            if frame["type"] == "slow_consumer":
                told.append(frame["payload"])
            else:
                numbers.append(int(frame["id"]))
        assert numbers == list(range(2, 103))
        assert len(told) == 1 and told[0]["behind"] > 20 and int(told[0]["cursor"]) < 82


async def test_sockets_end_with_the_server_and_say_why(industry: Industry) -> None:
    async with industry.inside() as ears:
        industry.application.feeds.close()
        error = await ears.next()
        assert error["type"] == "error" and error["payload"]["code"] == "SERVICE_UNAVAILABLE"
        with pytest.raises(Unavailable):
            await ears.next()


async def test_a_task_that_nothing_blocks_any_more_is_told_in_its_session(industry: Industry) -> None:
    cases, call = industry.cases, industry.call
    session, agent = await industry.session(), await industry.agent()
    await industry.move(session, 0)
    first = await industry.task(session)
    waiting = await industry.task(session, depends_on=[first.id])
    await cases.assignments.assign(call, first.id, agent.id)
    async with industry.inside() as ears:
        await cases.assignments.result(call, agent.id, first.id, await completed(values.NULL))
        while (frame := await ears.hear("task.status_changed"))["payload"]["task_id"] != shown_id(waiting.id):
            pass
    assert frame["payload"]["status"] == frame["payload"]["task"]["status"] == "PENDING"


async def test_what_a_worker_writes_about_a_task_is_heard_in_its_session(industry: Industry) -> None:
    cases, call = industry.cases, industry.call
    agent, session, other = await industry.agent(), await industry.session(), await industry.session()
    await industry.move(session, 0)
    task = await industry.task(session)
    await cases.assignments.assign(call, task.id, agent.id)
    await cases.assignments.begin(call, task.id, agent.id)
    # An agent that sends heartbeats is its own worker.
    (worker,) = (await cases.workers.slice(call, limit=1, offset=0, agent_id=agent.id)).rows
    elsewhere = industry.inside("WatchSession", session_id=other.id)
    async with industry.inside("WatchSession", session_id=session.id) as ears, elsewhere as deaf:
        lines = [LogLine("info", "reading"), LogLine("error", "no such file")]
        await cases.worker_reports.report(worker, task.id, 1, lines=lines)
        for line in lines:
            frame = await ears.next()
            payload = frame["payload"]
            assert frame["type"] == "session.log" and payload["timestamp"] == frame["timestamp"]
            assert (payload["session_id"], payload["task_id"]) == (shown_id(session.id), shown_id(task.id))
            assert (payload["level"], payload["message"]) == (line.level, line.message)
        await ears.nothing_before()
        await deaf.nothing_before()
