"""Which frames an event becomes in the rooms of the Industrial API."""

from __future__ import annotations

import asyncio
import json

import pytest

from server.apis.industrial.rooms import Rooms, room_of
from server.apis.industrial.ids import shown_id
from server.apis.industrial.event_frames import EventFrames
from server.core.shared.call_context import Call
from server.core.agents.performance import AgentSnapshot
from server.core.coding.relations import Relations
from server.errors import NotFound, Unavailable
from server.model import Agent, Alert, Checkpoint, Event, Session, SessionCount, Task, Worker, new_id

HEALTH = {"status": "healthy", "components": {"database": "healthy"}}
NOBODY = "00000000-0000-7000-8000-000000000000"
S, A, T = new_id(), new_id(), new_id()
ORGANIZATION = {"organization_id": "o", "created_at": 1_000_000}


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


class Around:
    """A session that counts three tasks and has a checkpoint; a task that depends on another one."""

    def __init__(self) -> None:
        self.asked = 0

    async def found_session(self, call: Call, identifier: str):
        kept = Checkpoint.new(**ORGANIZATION, id=T, session_id=S, number=3)
        return a_session(), SessionCount.new(session_id=S, total=3), [kept]

    async def related(self, tasks):
        self.asked += 1
        return {task.id: Relations([A], completed=1, failed=2) for task in tasks}


async def frames(event: Event, *rooms: str, agent: Agent | None = None, tasks: bool = True, showing=None) -> list[dict]:
    entered = Rooms(tasks=tasks)
    entered.after = {room_of(room): 0 for room in rooms}
    showing = showing or EventFrames(Around(), Standings(agent))
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
        assert frame["payload"]["resolved_at"] is None
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


async def test_a_task_in_a_frame_has_its_dependencies_and_counts_read_once_for_many_events() -> None:
    around = Around()
    showing = EventFrames(around, Standings(an_agent()))
    rooms = Rooms(tasks=True)
    rooms.after = {room_of("sessions"): 0}
    events = [event_of("task.started", a_task(id=new_id(), status="running"), number) for number in range(1, 50)]
    shown = [json.loads(each.data) for each in await showing.render(None, events, rooms)]
    assert len(shown) == 49 and around.asked == 1
    task = shown[0]["payload"]["task"]
    assert (task["dependencies"], task["completed_subtasks"], task["failed_subtasks"]) == ([shown_id(A)], 1, 2)
    assert task["result"] is None and task["completed_at"] is None and task["assigned_agent_id"] is None


async def test_a_session_in_a_frame_has_its_checkpoints() -> None:
    (frame,) = await frames(event_of("session.running", a_session(status="running", checkpoints=3)), "sessions")
    (checkpoint,) = frame["payload"]["session"]["checkpoints"]
    assert (checkpoint["id"], checkpoint["sequence"], checkpoint["trigger"]) == (shown_id(T), 3, "MANUAL")


async def test_relations_that_could_not_be_read_are_read_for_who_comes_again() -> None:
    class Away(Around):
        async def related(self, tasks):
            self.asked += 1
            if self.asked == 1:
                raise Unavailable("away")
            return await super().related(tasks)

    showing = EventFrames(Away(), Standings(an_agent()))
    events = [event_of("task.started", a_task(id=new_id(), status="running"), number) for number in range(1, 4)]
    rooms = Rooms(tasks=True)
    rooms.after = {room_of("sessions"): 0}
    with pytest.raises(Unavailable):
        await showing.render(None, events, rooms)
    assert len(await showing.render(None, events, rooms)) == 3
