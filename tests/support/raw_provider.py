"""A model provider that says any bytes, also such as no provider should."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from tests.support.receiver import Received

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"


def event(value: Any) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def piece(text: str | None = None, finish: str | None = None, **delta: Any) -> bytes:
    """A chunk of an answer."""
    delta = {"content": text, **delta} if text is not None else delta
    return event({"model": "raw-1", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


def response(status: int, body: bytes = b"", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} Word", f"content-length: {len(body)}", "content-type: application/json"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


class RawProvider:
    """Listens while the context lasts. Each request is answered by `say`, and the connection closed after that."""

    def __init__(self, say: Callable[[RawProvider, asyncio.StreamWriter], Awaitable[None]]) -> None:
        self._say = say
        self.received: list[Received] = []
        # Set when a client has closed its side: any, and that of a connection.
        self.left = asyncio.Event()
        self._gone: dict[asyncio.StreamWriter, asyncio.Event] = {}

    @classmethod
    def saying(cls, *answers: bytes) -> RawProvider:
        """Says one after the other, a request each, and the last one ever after."""

        async def say(provider: RawProvider, writer: asyncio.StreamWriter) -> None:
            writer.write(answers[min(len(provider.received), len(answers)) - 1])

        return cls(say)

    @classmethod
    def falling_silent(cls, after: bytes) -> RawProvider:
        """Says something, and nothing more until the client goes."""

        async def say(provider: RawProvider, writer: asyncio.StreamWriter) -> None:
            writer.write(after)
            await provider._gone[writer].wait()

        return cls(say)

    @classmethod
    def endless(cls, begin: bytes, again: bytes) -> RawProvider:
        """Says the same again and again."""

        async def say(_: RawProvider, writer: asyncio.StreamWriter) -> None:
            writer.write(begin)
            while True:
                writer.write(again)
                await writer.drain()

        return cls(say)

    async def __aenter__(self) -> RawProvider:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.origin = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        self.url = f"{self.origin}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in self._gone:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._gone[writer] = asyncio.Event()
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:-2])}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            self.received.append(Received(headers, body, head[0].split()[1]))
            watching = asyncio.create_task(self._watch(reader, writer))
            await self._say(self, writer)
            await writer.drain()
            watching.cancel()
        except (asyncio.IncompleteReadError, ConnectionError):
            self.left.set()
        finally:
            del self._gone[writer]
            writer.close()

    async def _watch(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.read()
        except ConnectionError:
            pass
        self.left.set()
        self._gone[writer].set()
