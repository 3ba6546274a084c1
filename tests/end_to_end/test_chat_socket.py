"""Chat over a WebSocket through Envoy: the document's frames, the commands, and whoever comes back."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.end_to_end.test_chat import chat  # noqa: F401 — the stack with a model behind it
from tests.support.stack import Stack

pytestmark = pytest.mark.xdist_group("chat")
STORY = "once upon a time " * 12


def opened(stack: Stack, key: str, session: str = "session-456", query: str = "", **options: Any):
    headers = {"authorization": f"Bearer {key}"} if key else {}
    address = f"ws://127.0.0.1:{stack.port}/chat/ws/client-123/{session}{query}"
    return connect(address, additional_headers=headers, **options)


async def say(socket: ClientConnection, frame: Any) -> None:
    await socket.send(frame if isinstance(frame, str) else json.dumps(frame))


async def heard(socket: ClientConnection, *types: str, seconds: float = 20) -> dict[str, Any]:
    """The next frame of one of these types."""
    async with asyncio.timeout(seconds):
        while True:
            frame = json.loads(await socket.recv())
            assert isinstance(frame["data"], dict) and frame["timestamp"].endswith("Z")
            if not types or frame["type"] in types:
                return frame


async def test_the_documented_frame_is_answered_whole(chat: Stack) -> None:
    async with opened(chat, chat.tenant()) as socket:
        await say(socket, {"type": "chat", "data": {"message": "quantum, please", "context": {}}})
        frame = await heard(socket)
        assert frame["type"] == "chat" and frame["data"]["response"] == "Qubits are in superposition."
        # Older clients read the main fields beside `data`.
        assert frame["response"] == frame["data"]["response"] and frame["session_id"] == "session-456"
        assert frame["execution_time"] > 0 and frame["tokens_used"] == frame["data"]["metadata"]["tokens_used"]


@pytest.mark.parametrize("frame", [{"message": "quantum"}, {"data": {"message": "quantum"}}, {"type": "chat", "message": "quantum"}])
async def test_what_has_a_message_is_a_chat(chat: Stack, frame: dict[str, Any]) -> None:
    async with opened(chat, chat.tenant()) as socket:
        await say(socket, frame)
        assert (await heard(socket))["response"] == "Qubits are in superposition."


async def test_tokens_are_streamed_and_the_last_frame_has_the_whole_answer(chat: Stack) -> None:
    async with opened(chat, chat.tenant()) as socket:
        data = {"message": "slow story", "optimization_mode": "lite"}
        await say(socket, {"type": "stream", "data": data, "id": 7})
        tokens, numbers = [], []
        while not (frame := await heard(socket, "stream"))["done"]:
            assert frame["reply_to"] == 7 and frame["data"]["answer_id"].startswith("answer_")
            if "token" in frame:
                tokens.append(frame["token"])
                numbers.append(frame["data"]["sequence"])
        assert "".join(tokens) == STORY == frame["data"]["response"] == frame["response"]
        assert numbers == sorted(set(numbers)) and frame["data"]["status"] == "completed"


async def test_commands_and_control_frames(chat: Stack) -> None:
    async with opened(chat, chat.tenant()) as socket:
        await say(socket, {"type": "command", "data": {"command": "help"}})
        assert set((await heard(socket))["data"]["commands"]) == {"help", "clear", "status", "mode", "cancel"}
        await say(socket, {"type": "control", "data": {"action": "ping"}})
        assert (await heard(socket))["data"]["action"] == "pong"
        await say(socket, {"type": "control", "data": {"action": "status"}})
        status = (await heard(socket))["data"]
        assert status["status"] == "new" and status["client_id"] == "client-123" and status["mode"] == "balanced"
        await say(socket, {"type": "command", "data": {"command": "mode", "mode": "lite"}})
        assert (await heard(socket))["data"]["mode"] == "lite"
        await say(socket, {"message": "quantum"})
        assert (await heard(socket))["data"]["execution_mode"] == "lite"
        await say(socket, {"type": "command", "data": {"command": "status"}})
        assert (await heard(socket))["data"]["turns"] == 1
        await say(socket, {"type": "command", "data": {"command": "clear"}})
        assert (await heard(socket))["data"]["command"] == "clear"
        await say(socket, {"type": "control", "data": {"action": "status"}})
        assert (await heard(socket))["data"]["status"] == "new"


async def test_a_running_answer_is_cancelled_by_a_command(chat: Stack) -> None:
    async with opened(chat, chat.tenant()) as socket:
        await say(socket, {"type": "stream", "data": {"message": "slow story", "optimization_mode": "lite"}})
        while "token" not in await heard(socket, "stream"):
            pass
        await say(socket, {"type": "command", "data": {"command": "cancel"}})
        assert (await heard(socket, "command"))["data"]["cancelled"] == 1
        while not (frame := await heard(socket, "stream"))["done"]:
            pass
        assert frame["data"]["status"] == "cancelled" and frame["data"]["response"].startswith("once")


@pytest.mark.parametrize(
    ("frame", "code", "field"),
    [
        ("no json", "VALIDATION_ERROR", "frame"),
        ("[1]", "VALIDATION_ERROR", "frame"),
        ('{"type": "dance"}', "VALIDATION_ERROR", "type"),
        ('{"type": "chat", "data": "hi"}', "VALIDATION_ERROR", "data"),
        ('{"type": "chat", "data": {}}', "VALIDATION_ERROR", "message"),
        ('{"type": "chat", "data": {"message": 5}}', "VALIDATION_ERROR", "message"),
        ('{"type": "chat", "data": {"message": "x", "context": 5}}', "VALIDATION_ERROR", "context"),
        ('{"type": "chat", "data": {"message": "x", "session_id": "t"}}', "VALIDATION_ERROR", "session_id"),
        ('{"type": "chat", "session_id": "t", "data": {"message": "x"}}', "VALIDATION_ERROR", "session_id"),
        ('{"type": "chat", "data": {"message": "x", "context": {"a": 1e999}}}', "VALIDATION_ERROR", "context"),
        ('{"type": "stream", "data": {"text": "x", "sessionId": 5}}', "VALIDATION_ERROR", "sessionId"),
        ('{"type": "command", "data": {"command": "rm"}}', "VALIDATION_ERROR", "command"),
        ('{"type": "control", "data": {}}', "VALIDATION_ERROR", "action"),
        ('{"type": "command", "data": {"command": "mode", "mode": "x"}}', "VALIDATION_ERROR", "mode"),
    ],
)
async def test_a_mistake_is_told_and_the_socket_goes_on(chat: Stack, frame: str, code: str, field: str) -> None:
    async with opened(chat, chat.tenant()) as socket:
        await say(socket, frame)
        error = await heard(socket)
        assert error["type"] == "error" and error["data"]["code"] == code, error
        assert error["data"]["details"]["field"] == field and error["error"] == error["data"]
        await say(socket, {"type": "control", "data": {"action": "ping"}})
        assert (await heard(socket))["data"]["action"] == "pong"


async def test_a_provider_that_breaks_off_is_an_error_frame_with_what_came(chat: Stack) -> None:
    async with opened(chat, chat.tenant()) as socket:
        await say(socket, {"type": "stream", "data": {"message": "cut short", "optimization_mode": "lite"}})
        error = await heard(socket, "error")
        assert error["data"]["code"] == "SERVICE_UNAVAILABLE" and error["data"]["details"]["partial_response"]


async def test_a_hundred_frames_a_minute_and_a_megabyte_a_frame(chat: Stack) -> None:
    async with opened(chat, chat.tenant()) as socket:
        for _ in range(101):
            await say(socket, {"type": "control", "data": {"action": "ping"}})
        for _ in range(100):
            assert (await heard(socket))["type"] == "control"
        error = await heard(socket)
        assert error["data"]["code"] == "RATE_LIMIT_ERROR" and error["data"]["details"]["retry_after"] > 0
    async with opened(chat, chat.tenant()) as socket:
        await say(socket, json.dumps({"message": "x" * (1 << 20)}))
        with pytest.raises(ConnectionClosed) as closed:
            await heard(socket)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1009


async def test_who_comes_back_hears_the_rest_of_what_he_asked(chat: Stack) -> None:
    key = chat.tenant()
    async with opened(chat, key) as socket:
        await say(socket, {"type": "stream", "data": {"message": "slow story", "optimization_mode": "lite"}})
        while (first := await heard(socket, "stream")).get("token") is None:
            pass
        socket.transport.abort()
    async with opened(chat, key) as socket:
        tokens = []
        while not (frame := await heard(socket, "stream"))["done"]:
            tokens += [frame["token"]] if "token" in frame else []
        assert frame["response"] == STORY == "".join(tokens) and first["token"] in STORY
    # He has heard it now. What he names he hears again, from where he says.
    async with opened(chat, key) as socket:
        with pytest.raises(TimeoutError):
            await heard(socket, seconds=0.5)
    after = first["data"]["sequence"]
    async with opened(chat, key, query=f"?answer_id={frame['data']['metadata']['answer_id']}&after={after}") as socket:
        tokens = []
        while not (again := await heard(socket, "stream"))["done"]:
            tokens += [again["token"]] if "token" in again else []
        assert first["token"] + "".join(tokens) == STORY and again["response"] == STORY


async def test_an_answer_that_came_while_nobody_was_there_is_told_to_who_comes_back(chat: Stack) -> None:
    key = chat.tenant()
    async with opened(chat, key) as socket:
        await say(socket, {"message": "quantum"})
        # It has been asked once it is counted.
        await say(socket, {"type": "command", "data": {"command": "status"}})
        await heard(socket, "command")
        socket.transport.abort()
    with chat.client(key) as client:
        for _ in range(100):
            turns = client.get("/chat/v2/sessions/session-456/history").json()["data"]["turns"]
            if turns[0]["answer"]["status"] == "completed":
                break
            await asyncio.sleep(0.05)
    async with opened(chat, key) as socket:
        assert (await heard(socket, "chat"))["response"] == "Qubits are in superposition."


async def test_a_session_has_its_owner_and_a_socket_a_credential(chat: Stack) -> None:
    async with opened(chat, chat.tenant()) as socket:
        await say(socket, {"message": "quantum"})
        await heard(socket, "chat")
    async with opened(chat, chat.tenant()) as socket:
        await say(socket, {"type": "command", "data": {"command": "status"}})
        assert (await heard(socket))["data"]["status"] == "new"
    async with opened(chat, "ak_wrong") as socket:
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                assert (await heard(socket))["type"] == "error"
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1008


async def test_in_development_a_page_of_this_machine_needs_no_key(chat: Stack) -> None:
    async with opened(chat, "", origin="http://127.0.0.1:5173") as socket:
        await say(socket, {"type": "chat", "data": {"message": "quantum", "context": {}}})
        assert (await heard(socket, "chat"))["response"] == "Qubits are in superposition."
    async with opened(chat, "", origin="https://elsewhere.example") as socket:
        await say(socket, {"message": "quantum"})
        assert (await heard(socket))["data"]["code"] == "FORBIDDEN"
        # Who has a key may come from anywhere, and says it in a frame where he has no headers.
        await say(socket, {"type": "auth", "token": chat.tenant()})
        assert (await heard(socket))["data"]["action"] == "auth_ok"
        await say(socket, {"message": "quantum"})
        assert (await heard(socket, "chat"))["response"] == "Qubits are in superposition."


@pytest.mark.parametrize("session", ["a%2Fb", "%2e%2e", "x" * 3000])
async def test_a_session_that_cannot_be_is_refused(chat: Stack, session: str) -> None:
    with pytest.raises((ConnectionClosed, InvalidStatus)):
        async with opened(chat, chat.tenant(), session) as socket:
            while True:
                assert (await heard(socket))["type"] == "error"
