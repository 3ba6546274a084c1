"""Events of the Agent Operations API over WebSockets, through a real Envoy."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import grpc
import httpx2 as httpx
import pytest
from orchestrator.v1 import task_service_pb2, task_service_pb2_grpc
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from server.worker.values import to_value
from tests.support.stack import Stack, narrow
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("stack")

AGENT = {"name": "a", "type": "data_processor"}
NOBODY = "00000000000070008000000000000000"


@pytest.fixture
def api(stack: Stack, key: str) -> Iterator[httpx.Client]:
    url = f"http://127.0.0.1:{stack.operations_port}"
    with httpx.Client(base_url=url, headers={"authorization": f"Bearer {key}"}, timeout=60) as opened:
        yield opened


class Ears:
    def __init__(self, socket) -> None:
        self.socket = socket

    async def say(self, **said) -> None:
        await self.socket.send(json.dumps(said))

    async def hear(self, *types: str, seconds: float = 10) -> dict:
        """The next frame that is no heartbeat, of one of these types."""
        async with asyncio.timeout(seconds):
            while True:
                frame = json.loads(await self.socket.recv())
                if frame["type"] != "heartbeat" and (not types or frame["type"] in types):
                    return frame

    async def closed(self) -> int:
        with pytest.raises(ConnectionClosed):
            while True:
                await asyncio.wait_for(self.socket.recv(), 15)
        return self.socket.close_code


def listen(stack: Stack, key: str = "", **options):
    headers = {"authorization": f"Bearer {key}"} if key else {}
    return connect(f"ws://127.0.0.1:{stack.operations_port}/v1/ws", additional_headers=headers, **options)


def post(api: httpx.Client, path: str, body: dict | None = None) -> dict:
    answer = api.post(path, json=body or {})
    assert answer.is_success, answer.text
    return answer.json()["data"]


async def test_events_come_as_documented(stack: Stack, api: httpx.Client, key: str) -> None:
    async with listen(stack) as socket:
        ears = Ears(socket)
        await ears.say(type="auth", token=key)
        assert (await ears.hear())["type"] == "auth_ok"
        agent = await asyncio.to_thread(post, api, "/v1/agents", AGENT)
        # What nobody has asked for would be heard before the answer.
        await ears.say(type="subscribe", channel="agent_events", agent_id=agent["id"], id="7")
        subscribed = await ears.hear()
        assert subscribed["type"] == "subscribed" and subscribed["reply_to"] == "7"
        assert subscribed["payload"]["agent_id"] == agent["id"] and subscribed["timestamp"].endswith("Z")
        await ears.say(type="subscribe", channel="task_events")
        await ears.hear("subscribed")
        await asyncio.to_thread(post, api, "/v1/agents", AGENT)
        task = await asyncio.to_thread(
            post, api, "/v1/tasks", {"agent_id": agent["id"], "type": "x", "payload": {"a": 1}}
        )
        await asyncio.to_thread(post, api, f"/v1/tasks/{task['id']}/cancel")
        await asyncio.to_thread(api.put, f"/v1/agents/{agent['id']}", json={"status": "inactive"})
        heard = [await ears.hear() for _ in range(4)]
        assert [each["type"] for each in heard] == [
            "task_created",
            "task_cancelled",
            "agent_updated",
            "agent_status_change",
        ]
        assert [int(each["id"]) for each in heard] == sorted(int(each["id"]) for each in heard)
        assert heard[0]["payload"]["id"] == task["id"] and heard[0]["payload"]["payload"] == {"a": 1}
        change = heard[3]["payload"]
        assert (change["agent_id"], change["status"], change["name"]) == (agent["id"], "inactive", "a")
        await ears.say(type="unsubscribe", channel="task_events")
        assert (await ears.hear())["type"] == "unsubscribed"
        await ears.say(type="ping", id="p")
        assert (await ears.hear())["reply_to"] == "p"
        frame = json.loads(await asyncio.wait_for(socket.recv(), 5))
        assert frame["type"] == "heartbeat"


async def test_a_header_is_a_credential_too_and_since_goes_back(stack: Stack, api: httpx.Client, key: str) -> None:
    agents = [await asyncio.to_thread(post, api, "/v1/agents", AGENT) for _ in range(3)]
    await asyncio.to_thread(post, api, "/v1/tasks", {"agent_id": agents[0]["id"], "type": "x"})
    async with listen(stack, key) as socket:
        ears = Ears(socket)
        assert (await ears.hear())["type"] == "connected"
        await ears.say(type="subscribe", channel="agent_events", since="1")
        await ears.hear("subscribed")
        assert [(await ears.hear())["id"] for _ in range(2)] == ["2", "3"]
        await ears.say(type="subscribe", channel="agent_events", agent_id=agents[1]["id"], since=0)
        await ears.hear("subscribed")
        await ears.say(type="subscribe", channel="task_events", since=0)
        assert (await ears.hear())["type"] == "subscribed", "the agent's event was sent before, and is not sent again"
        assert (await ears.hear())["id"] == "4"
        await ears.say(type="subscribe", channel="task_events", since=10_000)
        gone = await ears.hear()
        assert (
            gone["type"] == "error" and gone["payload"]["code"] == "CURSOR_GONE" and gone["payload"]["start_after"] == 4
        )
        await asyncio.to_thread(api.delete, f"/v1/agents/{agents[1]['id']}")
        assert (await ears.hear())["type"] == "agent_deleted", "once, though two subscriptions have it"
        await ears.say(type="ping")
        assert (await ears.hear())["type"] == "pong"


async def test_mistakes_are_told_and_the_socket_goes_on(stack: Stack, api: httpx.Client, key: str) -> None:
    async with listen(stack) as socket:
        ears = Ears(socket)
        for frame, code in [
            ("{not json", "INVALID_REQUEST"),
            ("[]", "INVALID_REQUEST"),
            (b"{}", "INVALID_REQUEST"),
            ('{"type": 5}', "INVALID_REQUEST"),
            ('{"type": "dance"}', "INVALID_REQUEST"),
            ("{}", "INVALID_REQUEST"),
            ('{"type": "subscribe", "channel": "task_events"}', "UNAUTHORIZED"),
        ]:
            await socket.send(frame)
            error = await ears.hear()
            assert error["type"] == "error" and error["payload"]["code"] == code and error["payload"]["message"], frame
        await ears.say(type="ping")
        assert (await ears.hear())["type"] == "pong"
        await ears.say(type="auth", token=key)
        await ears.hear("auth_ok")
        for said, code in [
            ({"type": "auth", "token": key}, "ALREADY_AUTHENTICATED"),
            ({"type": "subscribe", "channel": "news"}, "INVALID_REQUEST"),
            ({"type": "subscribe"}, "INVALID_REQUEST"),
            ({"type": "subscribe", "channel": "task_events", "agent_id": "x"}, "INVALID_REQUEST"),
            ({"type": "subscribe", "channel": "task_events", "since": -1}, "INVALID_REQUEST"),
            ({"type": "subscribe", "channel": "task_events", "since": "soon"}, "INVALID_REQUEST"),
            ({"type": "unsubscribe", "channel": "task_events"}, "NOT_FOUND"),
        ]:
            await ears.say(**said)
            error = await ears.hear()
            assert error["type"] == "error" and error["payload"]["code"] == code, (said, error)
        agent = await asyncio.to_thread(post, api, "/v1/agents", AGENT)
        task = {"agent_id": agent["id"], "type": "x"}
        tasks = [(await asyncio.to_thread(post, api, "/v1/tasks", task))["id"] for _ in range(13)]
        channels = ("task_events", "agent_events", "workflow_events", "system_events")
        for channel, each in [(channel, each) for channel in channels for each in tasks][:51]:
            await ears.say(type="subscribe", channel=channel, task_id=each)
        heard = [(await ears.hear())["type"] for _ in range(51)]
        assert heard == ["subscribed"] * 50 + ["error"]


async def test_every_frame_is_answered_by_its_id_in_our_own_words(stack: Stack, key: str) -> None:
    async with listen(stack, key) as socket:
        ears = Ears(socket)
        assert (await ears.hear())["type"] == "connected"
        for given in (7, 0, "7", "seven", 1.5, True):
            await ears.say(type="ping", id=given)
            pong = await ears.hear()
            assert pong["type"] == "pong" and json.dumps(pong["reply_to"]) == json.dumps(given)
        for wrong in ({"channel": 5}, {"since": "x"}, {"since": 1.5}, {"agent_id": []}, {"channel": {"a": 1}}):
            await ears.say(type="subscribe", id=9, **wrong)
            error = await ears.hear()
            assert error["type"] == "error" and error["reply_to"] == 9, error
            message = error["payload"]["message"]
            assert "does not fit" in message and next(iter(wrong)) in message
            assert not any(word in message for word in ("str", "int'", "list", "dict", "bytes", "Failed", "literal")), (
                message
            )
        await ears.say(type="subscribe", channel="agent_events", agent_id=f"agent_{NOBODY}")
        assert (await ears.hear())["payload"]["code"] == "NOT_FOUND"


async def test_who_is_refused_by_his_header_is_told_before_the_socket_closes(stack: Stack) -> None:
    async with listen(stack, "ak_wrong") as socket:
        ears = Ears(socket)
        said = await ears.hear()
        assert said["type"] == "error" and said["payload"]["code"] == "UNAUTHORIZED" and said["payload"]["message"]
        assert await ears.closed() == 1008


async def test_who_is_nobody_is_closed(stack: Stack, key: str) -> None:
    async with listen(stack) as socket:
        await Ears(socket).say(type="auth", token="wrong")
        error = await Ears(socket).hear()
        assert error["type"] == "error" and error["payload"]["code"] == "UNAUTHORIZED"
        assert await Ears(socket).closed() == 1008
    async with listen(stack, "wrong") as socket:
        assert await Ears(socket).closed() == 1008
    _, weak = stack.new_key(scopes="tasks:read")
    async with listen(stack) as socket:
        await Ears(socket).say(type="auth", token=weak)
        assert (await Ears(socket).hear())["payload"]["code"] == "FORBIDDEN"
        assert await Ears(socket).closed() == 1008


async def test_a_revoked_key_ends_its_sockets(stack: Stack) -> None:
    identifier, secret = stack.new_key()
    async with listen(stack, secret) as socket:
        await Ears(socket).hear("connected")
        await asyncio.to_thread(stack.revoke, identifier)
        assert await Ears(socket).closed() == 1008


async def test_a_key_has_only_so_many_sockets(stack: Stack, key: str) -> None:
    sockets = [await listen(stack, key) for _ in range(3)]
    for socket in sockets:
        await Ears(socket).hear("connected")
    for by_header in (True, False):
        async with listen(stack, key if by_header else "") as socket:
            if not by_header:
                await Ears(socket).say(type="auth", token=key)
            error = await Ears(socket).hear()
            assert error["payload"]["code"] == "RATE_LIMITED" and error["payload"]["details"] == {"limit": 3}
            assert await Ears(socket).closed() == 1013
    for socket in sockets:
        await socket.close()

    async def let_in() -> bool:
        async with listen(stack, key) as socket:
            return (await Ears(socket).hear())["type"] == "connected"

    await eventually(let_in)


async def test_others_hear_nothing_and_a_plain_request_is_told_to_upgrade(stack: Stack, api: httpx.Client) -> None:
    other = stack.tenant()
    async with listen(stack, other) as socket:
        ears = Ears(socket)
        await ears.hear("connected")
        for channel in ("agent_events", "task_events", "workflow_events", "system_events"):
            await ears.say(type="subscribe", channel=channel)
            await ears.hear("subscribed")
        await asyncio.to_thread(post, api, "/v1/agents", AGENT)
        with httpx.Client(base_url=api.base_url, headers={"authorization": f"Bearer {other}"}) as own:
            made = await asyncio.to_thread(post, own, "/v1/agents", AGENT)
        heard = await ears.hear()
        assert (heard["type"], heard["payload"]["id"], heard["id"]) == ("agent_created", made["id"], "1")
    plain = api.get("/v1/ws")
    assert plain.status_code == 426 and plain.json()["error"]["code"] == "UPGRADE_REQUIRED"


async def test_a_slow_reader_is_told_and_misses_nothing(stack: Stack, api: httpx.Client, key: str) -> None:
    agent = await asyncio.to_thread(post, api, "/v1/agents", AGENT)
    unread = {"max_queue": 1, "compression": None, "sock": narrow(stack.operations_port)}
    async with listen(stack, key, **unread) as socket, listen(stack, key) as quick:
        ears, others = Ears(socket), Ears(quick)
        for each in (ears, others):
            await each.hear("connected")
            await each.say(type="subscribe", channel="task_events")
            subscribed = await each.hear("subscribed")
        # More than all that stands between can hold, which is some 9 MiB.
        count = 2000
        new = task_service_pb2.CreateTaskRequest(agent_id=agent["id"], type="x", input=to_value({"text": "x" * 7000}))
        async with grpc.aio.insecure_channel(f"127.0.0.1:{stack.grpc_port}") as channel:
            tasks = task_service_pb2_grpc.TaskServiceStub(channel)
            batch = task_service_pb2.BatchCreateTasksRequest(tasks=[new] * 100)
            for _ in range(count // 100):
                await tasks.BatchCreateTasks(batch, metadata=(("authorization", f"Bearer {key}"),))
        # By the time that somebody who reads has all of it, what could be sent to the other has been sent.
        for _ in range(count):
            await others.hear("task_created")
        told, numbers = [], []
        while len(numbers) < count:
            frame = await ears.hear()
            if frame["type"] == "slow_consumer":
                told.append(frame["payload"])
            else:
                numbers.append(int(frame["id"]))
        first = int(subscribed["payload"]["since"]) + 1
        assert numbers == list(range(first, first + count))
        assert told and told[0]["behind"] > 100 and int(told[0]["cursor"]) >= first
