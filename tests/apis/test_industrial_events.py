"""The rooms of the Industrial API in this process, on both databases: which frames an event becomes, and who gets them."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from orchestrator.industrial.v1.event_service_pb2 import SocketRequest

from server.apis.industrial.events import EventServicer
from server.apis.industrial.rooms import Rooms, room_of
from server.apis.industrial.ids import shown_id
from server.apis.industrial.event_frames import EventFrames
from server.app import Application
from server.core.monitoring import alerts
from server.core.shared.call_context import Call, Caller
from server.core.queue.creation import NewTask
from server.core.agents.profile import AgentProfile
from server.core.agents.performance import AgentSnapshot
from server.core.workers.reports import completed, failed
from server.errors import CursorGone, Forbidden, InvalidRequest, NotFound, TooMany, Unavailable
from server.model import Agent, Alert, Checkpoint, Event, Priority, Session, SessionCount, Task, Worker, new_id
from tests.conftest import Tenant, make_tenant

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
        options = {"sockets_per_client": 5, "health": health, **options}
        return EventServicer(cases.events, cases.session_statistics.counted, cases.agents.get, cases.agent_performance, **options)

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


def event_of(type: str, record, number: int = 7) -> Event:
    return Event.new(
        organization_id="o",
        number=number,
        type=type,
        resource_id=record.id,
        session_id=record.id if isinstance(record, Session) else getattr(record, "session_id", None),
        agent_id=getattr(record, "agent_id", None),
        payload=record.snapshot(),
        created_at=2_000_000,
    )


def a_session(**more) -> Session:
    return Session.new(**{**ORGANIZATION, "id": S, "name": "s", "updated_at": 1, **more})


def a_task(**more) -> Task:
    return Task.new(**{**ORGANIZATION, "id": T, "title": "t", "updated_at": 1, "session_id": S, **more})


def an_agent(**more) -> Agent:
    given = {"id": A, "name": "a", "status": "active", "updated_at": 1, "runtime": "external"}
    return Agent.new(**{**ORGANIZATION, **given, **more})


class Standings:
    """One agent that does a task."""

    def __init__(self, agent: Agent | None) -> None:
        self.agent, self.asked = agent, 0

    async def get(self, call: Call, identifier: str) -> AgentSnapshot:
        self.asked += 1
        if self.agent is None:
            raise NotFound("agent", identifier)
        return AgentSnapshot(self.agent, running=1)


async def frames(event: Event, *rooms: str, agent: Agent | None = None, tasks: bool = True, showing=None) -> list[dict]:
    async def session(call: Call, identifier: str) -> tuple[Session, SessionCount]:
        return a_session(), SessionCount.new(session_id=S, total=3)

    entered = Rooms(tasks=tasks)
    entered.after = {room_of(room): 0 for room in rooms}
    showing = showing or EventFrames(session, Standings(agent))
    return [json.loads(each.data) for each in await showing.render(None, [event], entered)]


@pytest.mark.parametrize(
    ("type", "status", "word", "shown"),
    [
        ("session.created", "created", "session.created", "PENDING"),
        ("session.queued", "queued", "session.status_changed", "QUEUED"),
        ("session.running", "running", "session.status_changed", "RUNNING"),
        ("session.paused", "paused", "session.status_changed", "PAUSED"),
        ("session.completed", "completed", "session.status_changed", "COMPLETED"),
        ("session.failed", "failed", "session.status_changed", "FAILED"),
        ("session.cancelled", "cancelled", "session.status_changed", "CANCELLED"),
        ("session.expired", "expired", "session.status_changed", "TIMEOUT"),
        ("session.retried", "created", "session.status_changed", "PENDING"),
        ("session.updated", "running", "session.updated", "RUNNING"),
        ("session.deleted", "completed", "session.deleted", "COMPLETED"),
    ],
)
async def test_a_session_says_what_becomes_of_it(type: str, status: str, word: str, shown: str) -> None:
    event = event_of(type, a_session(status=status))
    for room in ("sessions", f"sessions/{shown_id(S)}", f"session:{S}"):
        (frame,) = await frames(event, room)
        assert (frame["type"], frame["id"], frame["timestamp"]) == (word, "7", "1970-01-01T00:00:02Z")
        assert frame["payload"]["session_id"] == frame["payload"]["session"]["id"] == shown_id(S)
        assert frame["payload"]["status"] == frame["payload"]["session"]["status"] == shown
    assert not await frames(event, "agents", "system", f"sessions/{NOBODY}", f"agents/{S}")


async def test_a_checkpoint_is_told_in_its_session() -> None:
    kept = Checkpoint.new(**ORGANIZATION, id=T, session_id=S, number=3, name="c", data='{"a":1}')
    (frame,) = await frames(event_of("checkpoint.created", kept), f"session:{S}")
    assert frame["type"] == "session.checkpoint_created" and frame["payload"]["session_id"] == shown_id(S)
    checkpoint = frame["payload"]["checkpoint"]
    assert (checkpoint["id"], checkpoint["sequence"], checkpoint["data"]) == (shown_id(T), 3, {"a": 1})


COUNTED = ["session.metrics_updated"]


@pytest.mark.parametrize(
    ("type", "columns", "in_session", "at_agent"),
    [
        ("task.created", {}, ["session.task_added", *COUNTED], []),
        ("task.created", {"agent_id": A}, ["session.task_added", *COUNTED], ["agent.task_assigned"]),
        ("task.assigned", {"agent_id": A}, ["task.status_changed"], ["agent.task_assigned"]),
        ("task.routed", {"agent_id": A, "routed": True}, ["task.status_changed"], ["agent.task_assigned"]),
        ("task.ready", {"agent_id": A, "routed": True}, ["task.status_changed"], ["agent.task_assigned"]),
        ("task.ready", {"agent_id": A, "title": '"routed":true'}, ["task.status_changed"], []),
        ("task.unblocked", {"agent_id": A}, ["task.status_changed"], []),
        ("task.released", {"agent_id": A, "routed": True}, ["task.status_changed"], ["agent.task_assigned"]),
        ("task.released", {"agent_id": A}, ["task.status_changed"], []),
        ("task.started", {"agent_id": A, "status": "running"}, ["task.status_changed"], ["agent.task_started"]),
        ("task.progress", {"agent_id": A, "progress": 40.0, "progress_message": "m"}, ["task.progress"], []),
        ("task.decomposed", {"status": "running"}, ["task.status_changed"], []),
        ("task.retrying", {}, ["task.status_changed", *COUNTED], []),
        ("task.cancel_requested", {"agent_id": A}, ["task.status_changed"], []),
        (
            "task.completed",
            {"agent_id": A, "status": "completed"},
            ["task.status_changed", *COUNTED],
            ["agent.task_completed"],
        ),
        ("task.failed", {"agent_id": A, "status": "failed"}, ["task.status_changed", *COUNTED], ["agent.task_failed"]),
        ("task.cancelled", {"agent_id": A, "status": "cancelled"}, ["task.status_changed", *COUNTED], []),
    ],
)
async def test_a_task_is_told_in_its_session_and_to_its_agent(type: str, columns: dict, in_session, at_agent) -> None:
    event = event_of(type, a_task(**columns))
    heard = await frames(event, "sessions")
    assert [each["type"] for each in heard] == in_session
    assert [each["type"] for each in await frames(event, f"sessions/{S}", f"agents/{A}")] == [
        in_session[0],
        *at_agent,
        *in_session[1:],
    ]
    assert heard[0]["payload"]["session_id"] == shown_id(S) and heard[0]["payload"]["task_id"] == shown_id(T)
    if type == "task.progress":
        assert heard[0]["payload"]["progress"] == 40 and heard[0]["payload"]["message"] == "m"
    else:
        assert heard[0]["payload"]["task"]["id"] == shown_id(T)
    if in_session[1:]:
        assert heard[1]["payload"]["metrics"]["total_tasks"] == 3 and heard[1]["id"] == heard[0]["id"]
    told = await frames(event, "agents")
    assert [each["type"] for each in told] == at_agent
    for each in told:
        assert each["payload"]["agent_id"] == shown_id(A) and each["payload"]["task_id"] == shown_id(T)
        assert each["payload"]["status"] == each["payload"]["task"]["status"]
    # Who may read agents alone hears nothing of their tasks.
    assert not await frames(event, "agents", f"agent:{A}", tasks=False)


async def test_a_task_without_a_session_is_told_to_its_agent_alone() -> None:
    event = event_of("task.started", a_task(session_id=None, agent_id=A, status="running"))
    (frame,) = await frames(event, "sessions", "agents")
    assert frame["type"] == "agent.task_started" and frame["payload"]["session_id"] is None


@pytest.mark.parametrize(
    ("type", "columns", "word", "status"),
    [
        ("agent.created", {}, "agent.registered", "ACTIVE"),
        ("agent.active", {"max_concurrent_tasks": 1}, "agent.status_changed", "BUSY"),
        ("agent.updated", {}, "agent.status_changed", "ACTIVE"),
        ("agent.inactive", {"status": "inactive"}, "agent.status_changed", "OFFLINE"),
        ("agent.lost", {"status": "error"}, "agent.status_changed", "OFFLINE"),
        ("agent.failed", {"status": "error"}, "agent.status_changed", "OFFLINE"),
        ("agent.deleted", {"status": "inactive", "deleted_at": 1}, "agent.deregistered", "OFFLINE"),
    ],
)
async def test_an_agent_says_what_becomes_of_it(type: str, columns: dict, word: str, status: str) -> None:
    event = event_of(type, an_agent(**columns))
    for room in ("agents", f"agent:{shown_id(A)}"):
        (frame,) = await frames(event, room, agent=an_agent())
        assert frame["type"] == word and frame["payload"]["agent_id"] == frame["payload"]["agent"]["id"] == shown_id(A)
        assert frame["payload"]["status"] == frame["payload"]["agent"]["status"] == status
    (gone,) = await frames(event, "agents", agent=None)
    assert gone["payload"]["status"] == gone["payload"]["agent"]["status"] == "OFFLINE"
    assert not await frames(event, "sessions", "system", f"agent:{S}", agent=an_agent())


async def test_a_heartbeat_shows_the_load_and_what_comes_of_it() -> None:
    worker = {**ORGANIZATION, "id": A, "agent_id": A, "last_seen_at": 2_000_000, "silent_at": 9_000_000}
    for load, status in ((None, "ACTIVE"), (12.5, "ACTIVE"), (85.0, "BUSY"), (99.0, "DEGRADED")):
        event = event_of("worker.heartbeat", Worker.new(**worker, current_load=load))
        (frame,) = await frames(event, "agents", agent=an_agent())
        assert frame["type"] == "agent.heartbeat"
        assert frame["payload"] == {
            "agent_id": shown_id(A),
            "status": status,
            "current_load": load if load is not None else 10,
            "last_heartbeat": "1970-01-01T00:00:02Z",
        }
    (gone,) = await frames(event, f"agent:{A}", agent=None)
    assert gone["payload"]["status"] == "OFFLINE"


async def test_an_alert_is_told_to_the_system() -> None:
    alert = Alert.new(**ORGANIZATION, id=T, kind="agent_lost", subject=A, severity="critical", message="gone")
    for type in ("system.alert", "system.alert_resolved"):
        (frame,) = await frames(event_of(type, alert), "system")
        assert frame["type"] == type and frame["payload"]["id"] == shown_id(T)
        assert frame["payload"]["agent_id"] == shown_id(A) and frame["payload"]["message"] == "gone"
    assert not await frames(event_of("system.alert", alert), "sessions", "agents")


@pytest.mark.parametrize("type", ["workflow.created", "workflow_run.completed", "worker.moved"])
async def test_what_is_not_of_this_api_is_in_no_room(type: str) -> None:
    assert not await frames(event_of(type, an_agent()), "sessions", "agents", "system")


async def test_an_event_that_cannot_be_shown_is_left_out_and_no_more() -> None:
    broken = event_of("task.started", a_task(status="dancing"))
    assert not await frames(broken, "sessions")


async def test_frames_are_made_once_and_agents_asked_once_for_many_events() -> None:
    standings = Standings(an_agent())
    showing = EventFrames(None, standings)
    rooms = Rooms(tasks=True)
    rooms.after = {room_of("agents"): 0}
    events = [event_of("agent.updated", an_agent(), number) for number in range(1, 100)]
    calls = [showing.render(None, events, rooms) for _ in range(20)]
    first, *others = await asyncio.gather(*calls)
    assert len(first) == 99 and standings.asked == 1
    assert all(a is b for other in others for a, b in zip(first, other, strict=True))
    later = event_of("agent.updated", an_agent(), 100)
    await asyncio.gather(*(showing.render(None, [later], rooms) for _ in range(20)))
    assert standings.asked == 2, "what was read before an event says nothing of it"


async def test_a_store_that_is_away_ends_the_stream_and_the_event_is_shown_to_who_comes_again() -> None:
    class Away(Standings):
        async def get(self, call: Call, identifier: str) -> AgentSnapshot:
            if not self.asked:
                self.asked += 1
                raise Unavailable("away")
            return await super().get(call, identifier)

    showing, event = EventFrames(None, Away(an_agent())), event_of("agent.active", an_agent())
    with pytest.raises(Unavailable):
        await frames(event, "agents", showing=showing)
    assert len(await frames(event, "agents", showing=showing)) == 1


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
        await cases.coding_tasks.end(call, first.id, completed({"a": 1}))
        await cases.coding_tasks.end(call, second.id, failed("E", "no", "", retryable=False))
        await cases.agent_heartbeats.beat(call, agent.id, 85.0)
        await cases.checkpoints.keep(call, session.id, "c", {"b": 2})
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


async def test_a_task_that_nothing_blocks_any_more_is_told_in_its_session(industry: Industry) -> None:
    cases, call = industry.cases, industry.call
    session, agent = await industry.session(), await industry.agent()
    await industry.move(session, 0)
    first = await industry.task(session)
    waiting = await industry.task(session, depends_on=[first.id])
    await cases.assignments.assign(call, first.id, agent.id)
    async with industry.inside() as ears:
        await cases.assignments.result(call, agent.id, first.id, completed(None))
        while (frame := await ears.hear("task.status_changed"))["payload"]["task_id"] != shown_id(waiting.id):
            pass
    assert frame["payload"]["status"] == frame["payload"]["task"]["status"] == "PENDING"


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


async def test_a_client_has_five_sockets_and_each_that_ends_makes_room(industry: Industry, tenant: Tenant) -> None:
    other = Call(Caller(tenant.caller.organization_id, tenant.caller.user_id, "another", frozenset({"*"})), "r", "m")

    async def sixth() -> None:
        with pytest.raises(TooMany) as caught:
            async with industry.listen() as ears:
                await ears.next()
        assert caught.value.details == {"limit": 5}

    opened = [industry.inside(method) for method in ("WatchSessions", "WatchAgents", "WatchSystem") for _ in range(2)][:5]
    for each in opened:
        await each.__aenter__()
    await sixth()
    async with industry.inside(call=other):
        pass
    await opened.pop().__aexit__(None, None, None)
    for _ in range(10):
        # Those that are refused, and those that end in whichever way, are not counted.
        with pytest.raises(NotFound):
            async with industry.listen("WatchSession", session_id=NOBODY) as ears:
                await ears.next()
    async with industry.inside():
        await sixth()
    for each in opened:
        await each.__aexit__(None, None, None)
    for _ in range(6):
        # A client that goes away before its first frame.
        listening = industry.listen()
        ears = await listening.__aenter__()
        waiting = asyncio.ensure_future(anext(ears.answers))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await listening.__aexit__(None, None, None)
    async with industry.inside():
        pass


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
