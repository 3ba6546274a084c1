"""The streams' client: a process of its own that holds many streams open, and notes when each piece arrives."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, cast

import grpc
import uvloop
from orchestrator.v1.event_pb2 import Event
from orchestrator.v1.event_service_pb2 import WatchRequest

WATCH = "/orchestrator.v1.EventService/Watch"
OPEN_SECONDS = 60.0
# How long after the last create the last event may arrive.
GRACE_SECONDS = 10.0


class Receipt(NamedTuple):
    """An event on one stream; times in microseconds since 1970."""

    number: int
    type: str
    created: int
    received: int


class SseStream(asyncio.Protocol):
    """One `GET /v1/events`. What arrives is only stamped and kept, so that reading it delays no other stream."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._pieces: list[tuple[int, bytes]] = []
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asks for the stream."""
        # uvloop's transports only look like asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Takes a piece."""
        self._pieces.append((time.time_ns() // 1000, data))
        if not self.opened.done() and b": connected" in b"".join(piece for _, piece in self._pieces):
            self.opened.set_result(None)

    def receipts(self) -> list[Receipt]:
        """Every event so far."""
        return list(sse_receipts(self._pieces))

    async def close(self) -> None:
        """Ends the stream."""
        self._transport.abort()


class GrpcStream:
    """One `Watch`, on a connection of its own; its messages are kept as they arrive and parsed later."""

    def __init__(self, port: int, key: str) -> None:
        options = [("grpc.use_local_subchannel_pool", 1)]
        self._channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options)
        watch: Any = self._channel.unary_stream(WATCH, request_serializer=WatchRequest.SerializeToString)
        self._call = watch(WatchRequest(), metadata=(("authorization", f"Bearer {key}"),))
        self._messages: list[tuple[int, bytes]] = []
        self._reader = asyncio.create_task(self._read())

    async def open(self) -> None:
        """Returns once the server has admitted the call."""
        await self._call.initial_metadata()

    async def _read(self) -> None:
        async for message in self._call:
            self._messages.append((time.time_ns() // 1000, message))

    def receipts(self) -> list[Receipt]:
        """Every event so far."""
        events = [(received, Event.FromString(message)) for received, message in self._messages]
        return [
            Receipt(event.number, event.type, event.created_at.ToMicroseconds(), received)
            for received, event in events
            if event.type != "heartbeat"
        ]

    async def close(self) -> None:
        """Ends the stream."""
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)
        await self._channel.close()


def sse_receipts(pieces: list[tuple[int, bytes]]) -> Iterator[Receipt]:
    """The events of a chunked HTTP/1.1 answer; an event is received with the piece that holds its last byte."""
    raw, head, body, event = b"", True, b"", b""
    for received, piece in pieces:
        raw += piece
        if head:
            start, found, rest = raw.partition(b"\r\n\r\n")
            if not found:
                continue
            if b" 200 " not in start.split(b"\r\n")[0] or b"chunked" not in start.lower():
                raise ValueError(start.decode("latin-1"))
            raw, head = rest, False
        body, raw = dechunk(raw)
        *events, event = (event + body).split(b"\n\n")
        for text in events:
            lines = [line.partition(b": ") for line in text.split(b"\n") if line and not line.startswith(b":")]
            fields = {name: value for name, _, value in lines}
            if b"data" in fields:
                created = datetime.fromisoformat(json.loads(fields[b"data"])["created_at"])
                microseconds = int(created.timestamp()) * 1_000_000 + created.microsecond
                yield Receipt(int(fields[b"id"]), fields[b"event"].decode(), microseconds, received)


def dechunk(raw: bytes) -> tuple[bytes, bytes]:
    """What the whole chunks at the front of `raw` hold, and the rest."""
    body = b""
    while b"\r\n" in raw:
        size, _, rest = raw.partition(b"\r\n")
        length = int(size.partition(b";")[0], 16)
        if len(rest) < length + 2:
            break
        body, raw = body + rest[:length], rest[length + 2 :]
    return body, raw


async def watch(kind: str, port: int, streams: int, expected: int, key: str, request: str) -> list[list[Receipt]]:
    """Opens the streams, says so, waits until the parent says that all was sent, and returns what each stream got."""
    opened: list[SseStream | GrpcStream] = []
    async with asyncio.timeout(OPEN_SECONDS):
        for _ in range(streams):
            if kind == "grpc":
                stream = GrpcStream(port, key)
                await stream.open()
                opened.append(stream)
            else:
                made = SseStream(request.encode())
                opened.append(made)
                await asyncio.get_running_loop().create_connection(lambda made=made: made, "127.0.0.1", port)  # type: ignore[misc]
                await made.opened
    print("open", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    receipts: list[list[Receipt]] = []
    deadline = time.monotonic() + GRACE_SECONDS
    while time.monotonic() < deadline:
        await asyncio.sleep(0.5)
        receipts = [stream.receipts() for stream in opened]
        if all(len(each) >= expected for each in receipts):
            break
    await asyncio.gather(*(stream.close() for stream in opened))
    return receipts


def main() -> None:
    """Reads what to watch from a line of standard input, and writes what arrived into the file that it names."""
    wanted = json.loads(sys.stdin.readline())
    # A pipe is no place for megabytes: what writes to it may be told to come back later.
    answer = Path(wanted.pop("answer"))
    answer.write_text(json.dumps(uvloop.run(watch(**wanted))))


if __name__ == "__main__":
    main()
