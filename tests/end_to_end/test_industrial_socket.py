"""Rooms of the Industrial API over WebSockets, through a real Envoy."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx2 as httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.support.waiting import eventually
from tests.support.stack import Stack, narrow

pytestmark = pytest.mark.xdist_group("stack")

NOBODY = "00000000-0000-7000-8000-000000000000"
SESSION = {"title": "Session-Alpha-001", "type": "CODING", "priority": "HIGH"}


@pytest.fixture
def api(stack: Stack, key: str) -> Iterator[httpx.Client]:
    with stack.client(key) as opened:
        yield opened


class Ears:
    def __init__(self, socket) -> None:
        self.socket = socket

    async def say(self, **said) -> None:
        await self.socket.send(json.dumps(said))

    async def hear(self, *types: str, seconds: float = 10) -> dict:
        """The next frame of one of these types, or of any but pings and metrics."""
        async with asyncio.timeout(seconds):
            while True:
                frame = json.loads(await self.socket.recv())
                if frame["type"] in types or (not types and frame["type"] not in ("ping", "session.metrics_updated")):
                    return frame

    async def entered(self) -> Ears:
        assert (await self.hear())["type"] == "connection.established"
        assert (await self.hear())["type"] == "subscription.confirmed"
        return self

    async def refused(self) -> tuple[str, int]:
        """The code in the frame that says why, and the one that the socket closes with."""
        error = await self.hear()
        assert error["type"] == "error" and error["payload"]["message"] and error["timestamp"].endswith("Z"), error
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(self.socket.recv(), 10)
        return error["payload"]["code"], self.socket.close_code


def listen(stack: Stack, key: str, path: str = "/ws/sessions", **options):
    headers = {"authorization": f"Bearer {key}"} if key else {}
    # The gateway takes a second to close a connection that both sides have said goodbye on.
    options = {"close_timeout": 0.1, **options}
    return connect(f"ws://127.0.0.1:{stack.port}{path}", additional_headers=headers, **options)


async def post(api: httpx.Client, path: str, body: dict | None = None) -> dict:
    def ask() -> dict:
        answer = api.post(f"/api/v1{path}", json=body or {})
        assert answer.is_success, answer.text
        return answer.json()

    return await asyncio.to_thread(ask)


async def test_a_session_is_followed_from_its_start_to_its_end(stack: Stack, api: httpx.Client, key: str) -> None:
    async with listen(stack, key) as socket:
        ears = Ears(socket)
        established = await ears.hear()
        assert established["type"] == "connection.established" and established["timestamp"].endswith("Z")
        assert uuid.UUID(established["payload"]["client_id"]) and established["payload"]["cursor"] == "0"
        assert (await ears.hear())["payload"] == {"room": "sessions"}
        session = await post(api, "/sessions", SESSION)
        created = await ears.hear()
        assert (created["type"], created["id"]) == ("session.created", "1")
        assert created["payload"]["session_id"] == session["id"] and created["payload"]["session"] == session
        started = await post(api, f"/sessions/{session['id']}/start")
        changed = await ears.hear()
        assert changed["type"] == "session.status_changed" and changed["payload"]["status"] == "RUNNING"
        shown = changed["payload"]["session"]
        assert {**shown, "metrics": None} == {**started, "metrics": None}
        task = await post(api, "/tasks", {"session_id": session["id"], "title": "Implement login endpoint"})
        added = await ears.hear()
        assert added["type"] == "session.task_added" and added["payload"]["task_id"] == task["id"]
        without = {name: value for name, value in task.items() if name != "dependencies"}
        assert {name: added["payload"]["task"][name] for name in without} == without
        metrics = await ears.hear("session.metrics_updated")
        assert metrics["id"] == added["id"] and metrics["payload"]["session_id"] == session["id"]
        assert metrics["payload"]["metrics"]["total_tasks"] == 1
        await post(api, f"/sessions/{session['id']}/cancel", {"reason": "enough"})
        heard = {(each["type"], each["payload"]["status"]) for each in [await ears.hear(), await ears.hear()]}
        assert heard == {("session.status_changed", "CANCELLED"), ("task.status_changed", "CANCELLED")}


async def test_an_agent_is_followed_and_the_system_too(stack: Stack, api: httpx.Client, key: str) -> None:
    agent = await post(api, "/agents/register", {"name": "AGENT-BACKEND-001", "type": "BACKEND"})
    async with listen(stack, key, f"/ws/agents/{agent['id']}") as socket:
        ears = await Ears(socket).entered()
        await post(api, f"/agents/{agent['id']}/heartbeat", {"current_load": 65})
        beat = await ears.hear()
        assert beat["type"] == "agent.heartbeat" and beat["payload"]["agent_id"] == agent["id"]
        assert (beat["payload"]["current_load"], beat["payload"]["status"]) == (65, "ACTIVE")
        session = await post(api, "/sessions", SESSION)
        task = await post(api, "/tasks", {"session_id": session["id"], "title": "t"})
        await post(api, f"/tasks/{task['id']}/assign", {"agent_id": agent["id"]})
        assigned = await ears.hear()
        assert assigned["type"] == "agent.task_assigned" and assigned["payload"]["task_id"] == task["id"]
        assert (await asyncio.to_thread(api.delete, f"/api/v1/agents/{agent['id']}")).is_success
        gone = await ears.hear("agent.deregistered")
        assert gone["payload"]["status"] == gone["payload"]["agent"]["status"] == "OFFLINE"
    async with listen(stack, key, "/ws/system") as socket:
        health = await (await Ears(socket).entered()).hear()
        asked = (await asyncio.to_thread(api.get, "/health")).json()
        assert health["type"] == "system.health" and health["payload"].keys() == asked.keys()
        assert health["payload"]["status"] == asked["status"]


async def test_rooms_are_joined_and_left_and_mistakes_are_told(stack: Stack, api: httpx.Client, key: str) -> None:
    session = await post(api, "/sessions", SESSION)
    async with listen(stack, key, "/ws/agents") as socket:
        ears = await Ears(socket).entered()
        for frame, code in [
            ("{not json", "INVALID_REQUEST"),
            ("[]", "INVALID_REQUEST"),
            (b"{}", "INVALID_REQUEST"),
            ('{"type": 5}', "INVALID_REQUEST"),
            ('{"type": "dance"}', "INVALID_REQUEST"),
            ('{"type": "join_room", "room": "kitchen"}', "INVALID_REQUEST"),
            ('{"type": "join_room", "room": "session:nobody"}', "SESSION_NOT_FOUND"),
            (json.dumps({"type": "join_room", "room": f"sessions/{NOBODY}"}), "SESSION_NOT_FOUND"),
            ('{"type": "leave_room", "room": "sessions"}', "NOT_IN_ROOM"),
        ]:
            await socket.send(frame)
            error = await ears.hear()
            assert error["type"] == "error" and error["payload"]["code"] == code and error["payload"]["message"], frame
        await ears.say(type="ping", id=7)
        assert (await ears.hear("pong"))["reply_to"] == 7
        await ears.say(type="join_room", room=f"session:{session['id']}", id="j")
        joined = await ears.hear()
        assert (joined["type"], joined["reply_to"]) == ("subscription.confirmed", "j")
        assert joined["payload"] == {"room": f"sessions/{session['id']}"}
        await post(api, "/sessions", SESSION)
        await post(api, f"/sessions/{session['id']}/start")
        assert (await ears.hear())["payload"]["session_id"] == session["id"]
        await ears.say(type="leave_room", room=f"sessions/{session['id']}")
        assert (await ears.hear())["type"] == "subscription.cancelled"
        await post(api, f"/sessions/{session['id']}/pause")
        await ears.say(type="ping")
        assert (await ears.hear())["type"] == "pong"


async def test_who_comes_again_misses_nothing_and_hears_nothing_twice(
    stack: Stack, api: httpx.Client, key: str
) -> None:
    session = await post(api, "/sessions", SESSION)
    path = f"/ws/sessions/{session['id']}"
    numbers: list[int] = []
    moves = ["start", *["pause", "resume"] * 20]

    async def work() -> None:
        for move in moves:
            await post(api, f"/sessions/{session['id']}/{move}")

    working = asyncio.create_task(work())
    while len(numbers) < len(moves) + 1:
        async with listen(stack, key, f"{path}?since={numbers[-1] if numbers else 0}") as socket:
            ears = await Ears(socket).entered()
            for _ in range(min(7, len(moves) + 1 - len(numbers))):
                numbers.append(int((await ears.hear())["id"]))
    await working
    assert numbers == list(range(1, len(moves) + 2))
    for since, code in (("10000", "CURSOR_GONE"), ("-1", "INVALID_REQUEST"), ("soon", "INVALID_REQUEST")):
        async with listen(stack, key, f"{path}?since={since}") as socket:
            assert await Ears(socket).refused() == (code, 1008)


async def test_what_is_not_there_or_not_allowed_is_told_before_the_socket_closes(
    stack: Stack, api: httpx.Client, key: str
) -> None:
    session = await post(api, "/sessions", SESSION)
    other = await asyncio.to_thread(stack.tenant)
    _, weak = await asyncio.to_thread(stack.new_key, scopes="events:read agents:read")
    for who, path, code in [
        (key, f"/ws/sessions/{NOBODY}", "SESSION_NOT_FOUND"),
        (key, "/ws/sessions/nobody", "SESSION_NOT_FOUND"),
        (key, f"/ws/agents/{NOBODY}", "AGENT_NOT_FOUND"),
        (other, f"/ws/sessions/{session['id']}", "SESSION_NOT_FOUND"),
        (weak, "/ws/sessions", "FORBIDDEN"),
        (weak, "/ws/system", "FORBIDDEN"),
        ("ak_wrong", "/ws/sessions", "UNAUTHORIZED"),
        (key, "/ws/sessions?nothing=1", "INVALID_REQUEST"),
    ]:
        async with listen(stack, who, path) as socket:
            assert await Ears(socket).refused() == (code, 1008), path
    async with listen(stack, weak, "/ws/agents") as socket:
        ears = await Ears(socket).entered()
        await ears.say(type="join_room", room="sessions")
        assert (await ears.hear())["payload"]["code"] == "FORBIDDEN"
    async with listen(stack, other) as socket:
        ears = await Ears(socket).entered()
        await post(api, "/sessions", SESSION)
        await ears.say(type="ping")
        assert (await ears.hear())["type"] == "pong", "others hear nothing"
    plain = api.get("/ws/sessions")
    assert plain.status_code == 426 and plain.json()["error"]["code"] == "UPGRADE_REQUIRED"
    with pytest.raises(InvalidStatus):
        await listen(stack, key, "/ws/kitchen")


async def test_a_client_has_five_sockets(stack: Stack, key: str) -> None:
    sockets = [await listen(stack, key, path) for path in ["/ws/sessions", "/ws/agents"] * 2 + ["/ws/system"]]
    for socket in sockets:
        await Ears(socket).entered()
    async with listen(stack, key) as socket:
        assert await Ears(socket).refused() == ("RATE_LIMITED", 1013)
    for socket in sockets:
        await socket.close()

    async def let_in() -> bool:
        async with listen(stack, key) as socket:
            return (await Ears(socket).hear())["type"] == "connection.established"

    await eventually(let_in)


@pytest.mark.slow
async def test_a_slow_reader_is_told_and_misses_nothing(stack: Stack, api: httpx.Client, key: str) -> None:
    session = await post(api, "/sessions", SESSION)
    # More than all that stands between can hold, which is some 9 MiB.
    count, text = 2000, "x" * 7000
    # Who does not read hears no answer to a ping either.
    unread = {"max_queue": 1, "compression": None, "ping_interval": None, "sock": narrow(stack.port)}
    async with listen(stack, key, **unread) as slow, listen(stack, key) as quick:
        ears, others = await Ears(slow).entered(), await Ears(quick).entered()

        def make(_: int) -> None:
            answer = api.post("/api/v1/tasks", json={"session_id": session["id"], "title": "t", "description": text})
            assert answer.is_success, answer.text

        def flood() -> None:
            with ThreadPoolExecutor(8) as threads:
                list(threads.map(make, range(count)))

        async def keep_up() -> None:
            for number in range(count):
                assert (await others.hear("session.task_added"))["id"] == str(number + 2)

        # Somebody who reads is kept waiting by nobody.
        await asyncio.gather(asyncio.to_thread(flood), keep_up())
        told, numbers = [], []
        while len(numbers) < count:
            frame = await ears.hear()
            if frame["type"] == "slow_consumer":
                told.append(frame["payload"])
            else:
                numbers.append(int(frame["id"]))
        assert numbers == list(range(2, count + 2))
        assert told and told[0]["behind"] > 100 and int(told[0]["cursor"]) >= 2


async def test_a_revoked_key_ends_its_sockets(stack: Stack) -> None:
    (identifier, secret), (_, other) = [stack.new_key("Two keys") for _ in range(2)]
    async with listen(stack, secret) as socket:
        await Ears(socket).entered()
        await asyncio.to_thread(stack.revoke, identifier)
        with stack.client(other) as api:

            async def closed() -> bool:
                # Whatever is to be sent, a ping at the latest, the key is looked at first.
                await post(api, "/sessions", SESSION)
                return socket.close_code is not None

            listening = asyncio.create_task(Ears(socket).hear("never", seconds=30))
            await eventually(closed)
        await asyncio.gather(listening, return_exceptions=True)
        assert socket.close_code == 1008
