"""Answers that are none: what the gateway makes of a server that breaks off, or leaves out how the call has ended."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.envoy import Gateway, command
from tests.support.ports import free_port
from tests.support.waiting import eventually

DATA, HEADERS, RESET, SETTINGS, PING = 0, 1, 3, 4, 6
END_STREAM, END_HEADERS, ACK = 1, 4, 1
# HPACK without a table: `:status: 200`, and literal names and values.
OK = b"\x88"


def field(name: bytes, value: bytes) -> bytes:
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value


def frame(type: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3) + bytes([type, flags]) + stream.to_bytes(4) + payload


def message(payload: bytes) -> bytes:
    return b"\x00" + len(payload).to_bytes(4) + payload


BEGUN = OK + field(b"content-type", b"application/grpc")
WAYS = {
    "no trailers": [(HEADERS, END_HEADERS, BEGUN), (DATA, END_STREAM, message(b""))],
    "no status": [
        (HEADERS, END_HEADERS, BEGUN),
        (DATA, 0, message(b"")),
        (HEADERS, END_HEADERS | END_STREAM, field(b"x-something", b"else")),
    ],
    "headers alone": [(HEADERS, END_HEADERS | END_STREAM, BEGUN)],
    "a status that is none": [(HEADERS, END_HEADERS | END_STREAM, BEGUN + field(b"grpc-status", b"soon"))],
    "no gRPC": [(HEADERS, END_HEADERS, OK + field(b"content-type", b"text/plain")), (DATA, END_STREAM, b"all is well")],
    "reset": [(RESET, 0, b"\x00\x00\x00\x02")],
    "reset in the middle": [
        (HEADERS, END_HEADERS, BEGUN),
        (DATA, 0, message(b"")),
        (RESET, 0, b"\x00\x00\x00\x02"),
    ],
}
HEALTHY = [
    (HEADERS, END_HEADERS, BEGUN),
    (DATA, 0, message(b"\x08\x01")),
    (HEADERS, END_HEADERS | END_STREAM, field(b"grpc-status", b"0")),
]


class Broken:
    """A server of frames, which says that it is healthy, and Envoy before it."""

    def __init__(self) -> None:
        self.way = ""
        self.folder = Path(tempfile.mkdtemp(prefix="broken-"))
        self.port = free_port()

    async def start(self) -> None:
        path = self.folder / "server.sock"
        self.server = await asyncio.start_unix_server(self._serve, path)
        gateway = Gateway("127.0.0.1", self.port, free_port(), [path], [self.folder / "no.sock"])
        self.envoy = subprocess.Popen(command(gateway, self.folder), stderr=sys.stderr)

    async def stop(self) -> None:
        self.envoy.terminate()
        await asyncio.to_thread(self.envoy.wait, 10)
        self.server.close()
        shutil.rmtree(self.folder)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readexactly(24)
            writer.write(frame(SETTINGS, 0, 0))
            while True:
                head = await reader.readexactly(9)
                type, flags, stream = head[3], head[4], int.from_bytes(head[5:]) & 0x7FFFFFFF
                payload = await reader.readexactly(int.from_bytes(head[:3]))
                if type in (SETTINGS, PING) and not flags & ACK:
                    writer.write(frame(type, ACK, 0, payload if type == PING else b""))
                elif type == DATA and flags & END_STREAM:
                    # Who asks for the health says nothing more.
                    answer = HEALTHY if payload == message(b"") else WAYS[self.way]
                    writer.write(b"".join(frame(kind, marks, stream, body) for kind, marks, body in answer))
        except asyncio.IncompleteReadError:
            writer.close()

    def ask(self, path: str = "/v1/sessions") -> tuple[int, dict[str, str], bytes]:
        headers = {"x-request-id": 'mine "and" no other\'s'}
        # Something that each API knows: an empty message would look like a health check.
        body = b'{"name": "n", "title": "t"}'
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, dict(answer.headers), answer.read()
        except urllib.error.HTTPError as error:
            return error.code, dict(error.headers), error.read()


@pytest.fixture
async def broken() -> AsyncIterator[Broken]:
    running = Broken()
    await running.start()
    try:
        yield running
    finally:
        await running.stop()


async def test_an_answer_that_does_not_say_how_the_call_has_ended_is_an_error(broken: Broken) -> None:
    async def ready() -> bool:
        broken.way = "a status that is none"
        try:
            return b"INTERNAL_ERROR" in (await asyncio.to_thread(broken.ask))[2]
        except OSError:
            return False

    await eventually(ready, 20)
    for broken.way in WAYS:
        status, headers, said = await asyncio.to_thread(broken.ask)
        error = json.loads(said)["error"]
        expected = (500, "INTERNAL_ERROR") if broken.way == "a status that is none" else (503, "SERVICE_UNAVAILABLE")
        assert (status, error["code"]) == expected and headers["content-type"] == "application/json", broken.way
        assert headers.get("retry-after") == ("1" if status == 503 else None)
        status, headers, said = await asyncio.to_thread(broken.ask, "/api/v1/sessions")
        error = json.loads(said)["error"]
        assert (status, error["code"]) == expected and set(error) == {"code", "message", "request_id"}, broken.way
        assert error["request_id"] == headers["x-request-id"] == 'mine "and" no other\'s'
