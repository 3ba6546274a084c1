"""A receiver of webhooks on this machine: keeps what it is sent, and answers as the test says."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Received:
    """One request."""

    headers: dict[str, str]
    body: bytes
    path: str = "/"
    at: float = 0.0

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def event(self) -> str:
        return self.headers["x-orchestrator-event"]

    def signed_by(self, secret: str) -> bool:
        """Whether both signatures are of this secret."""
        plain = hmac.digest(secret.encode(), self.body, "sha256").hex()
        content = f"{self.id}.{self.headers['webhook-timestamp']}.".encode() + self.body
        standard = base64.b64encode(hmac.new(secret.encode(), content, hashlib.sha256).digest()).decode()
        return self.headers["x-orchestrator-signature"] == f"sha256={plain}" and (
            f"v1,{standard}" in self.headers["webhook-signature"].split()
        )


@dataclass
class Answer:
    """What is answered: a status, headers, a body; after so many seconds."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"ok"
    hang: bool = False


class Receiver:
    """Listens while the context lasts. `answer` is asked for every request."""

    def __init__(self, answer: Callable[[Received], Answer] = lambda _: Answer()) -> None:
        self.answer = answer
        self.received: list[Received] = []
        self.connections = 0
        self._changed = asyncio.Event()
        self._open: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Receiver:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in self._open:
            writer.transport.abort()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def until(self, count: int, seconds: float = 10) -> list[Received]:
        """What has been received, once it is so much."""
        async with asyncio.timeout(seconds):
            while len(self.received) < count:
                self._changed.clear()
                await self._changed.wait()
        return self.received

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:-2])}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                received = Received(headers, body, head[0].split()[1], asyncio.get_running_loop().time())
                self.received.append(received)
                self._changed.set()
                answer = self.answer(received)
                if answer.hang:
                    await reader.read()
                    return
                lines = [f"HTTP/1.1 {answer.status} Word", f"content-length: {len(answer.body)}"]
                lines += [f"{name}: {value}" for name, value in answer.headers.items()]
                writer.write("\r\n".join([*lines, "", ""]).encode() + answer.body)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._open.discard(writer)
            writer.close()
