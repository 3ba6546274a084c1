"""kill -9 in the middle of an answer: what had come is kept, it begins anew and says so, and everybody ends with all of it."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

import httpx2 as httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.support.aimock import aimock
from tests.support.stack import Stack, events_of

STORY = "once upon a time " * 10
FIXTURES = [{"match": {"userMessage": "story"}, "response": {"content": STORY}, "latency": 60}]


async def listen(stack: Stack, key: str, ask: dict | None, until) -> list[dict]:
    """Frames of a socket, until one of them is what is waited for; tried again while nobody is there."""
    frames: list[dict] = []
    headers = {"authorization": f"Bearer {key}"}
    async with asyncio.timeout(40):
        while True:
            try:
                async with connect(f"ws://127.0.0.1:{stack.port}/chat/ws/me/here", additional_headers=headers) as socket:
                    if ask is not None:
                        await socket.send(json.dumps(ask))
                        ask = None
                    while True:
                        frames.append(json.loads(await socket.recv()))
                        if until(frames[-1]):
                            return frames
            except (ConnectionClosed, InvalidStatus, OSError):
                await asyncio.sleep(0.1)


@pytest.mark.timeout(120)
async def test_an_answer_survives_kill_9_of_the_server(tmp_path: Path, database_url: str) -> None:
    environment = {"LEASE_SECONDS": "2", "HEARTBEAT_SECONDS": "0.5", "DATABASE_URL": database_url}
    with aimock(FIXTURES, tmp_path) as mock:
        stack = Stack(tmp_path / "data", MODEL_BASE_URL=mock.url, DEFAULT_MODEL="compatible/one", **environment).start()
        try:
            key = stack.tenant()
            ask = {"type": "stream", "data": {"message": "a story", "optimization_mode": "lite"}}
            first = await listen(stack, key, ask, lambda frame: frame.get("token"))
            stack.server().send_signal(signal.SIGKILL)
            rest = await listen(stack, key, None, lambda frame: frame["type"] == "stream" and frame["done"])
            assert rest[-1]["response"] == STORY and rest[-1]["data"]["metadata"]["stop_reason"] == "stop"
            # The attempt that died is told of, and what follows is the whole text.
            begun = [place for place, frame in enumerate(rest) if frame["data"].get("event") == "restarted"]
            assert len(begun) == 1
            tokens = [frame["token"] for frame in rest[begun[0] :] if "token" in frame]
            assert "".join(tokens) == STORY
            numbers = [frame["data"]["sequence"] for frame in rest if "sequence" in frame["data"]]
            assert numbers == sorted(set(numbers)) and first[-1]["token"] in STORY
            # Over server-sent events it is the same from any place on, though it was given by two processes.
            answer = rest[-1]["data"]["metadata"]["answer_id"]
            with stack.client(key) as client:
                told = _streamed(client, answer)
                assert [each["data"]["token"] for each in told if each["event"] == "token"][-len(tokens) :] == tokens
                turns = client.get("/chat/v2/sessions/here/history").json()["data"]["turns"]
            assert [turn["answer"]["response"] for turn in turns] == [STORY]
        finally:
            assert stack.stop() == 0


def _streamed(client: httpx.Client, answer: str) -> list[dict]:
    with client.stream("GET", f"/chat/v2/answers/{answer}/stream") as stream:
        return [event for event in events_of(stream.iter_lines()) if "event" in event]


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "database_kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)], indirect=True
)
async def test_what_a_killed_server_had_reserved_is_there_for_the_attempt_after_it(tmp_path: Path, database_url: str) -> None:
    environment = {"LEASE_SECONDS": "2", "HEARTBEAT_SECONDS": "0.5", "DATABASE_URL": database_url}
    with aimock(FIXTURES, tmp_path) as mock:
        stack = Stack(tmp_path / "data", MODEL_BASE_URL=mock.url, DEFAULT_MODEL="compatible/one", **environment).start()
        try:
            _, key = stack.new_key("Thrifty")
            # As much as one call may take, and not as much as two.
            stack.orchestrator("budgets", "set", "--organization", "Thrifty", "--tokens", "1500")
            ask = {"type": "stream", "data": {"message": "a story", "optimization_mode": "lite", "max_tokens": 1000}}
            await listen(stack, key, ask, lambda frame: frame.get("token"))
            stack.server().send_signal(signal.SIGKILL)
            rest = await listen(stack, key, None, lambda frame: frame["type"] == "stream" and frame["done"])
            assert rest[-1]["response"] == STORY
            assert "restarted" in [frame["data"].get("event") for frame in rest]
            # Nothing is reserved any more, and the other attempt has taken nothing.
            cells = stack.orchestrator("budgets", "list", "--organization", "Thrifty").split("│")
            limit, used, reserved = (int(cell) for cell in cells[5:8])
            assert limit == 1500 and 0 < used < 500 and reserved == 0
        finally:
            assert stack.stop() == 0
