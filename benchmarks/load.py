"""The load generator: a process of its own that sends prepared requests over keep-alive connections, and times them."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import uvloop

from benchmarks.report import percentile

ROOT = Path(__file__).resolve().parent.parent
# How long one answer may take, and the whole run beyond its planned time.
PATIENCE_SECONDS = 30.0


class Failed(Exception):
    """A benchmark did not do what it measures, so it has no figures."""


@dataclass(frozen=True, slots=True)
class Load:
    """What to send: for `seconds`, or `count` requests in all; with `interval`, one every so many seconds."""

    port: int
    # Whole HTTP/1.1 requests, taken in turn by whichever connection is free.
    requests: list[str]
    connections: int = 1
    seconds: float = 0.0
    count: int = 0
    interval: float = 0.0
    # Sends as long as this before it begins to measure.
    warm_seconds: float = 0.0
    # Every answer's body must hold this.
    expected: str = ""


@dataclass(frozen=True, slots=True)
class Measured:
    """What came back; latencies in milliseconds, from the write of a request to the last byte of its answer."""

    answers: int
    rate: float
    p50: float
    p99: float
    errors: int
    first_error: str


async def measure(load: Load) -> Measured:
    """Runs the load in another process. Raises Failed for any answer but 200 or 201."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.load", cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    planned = load.warm_seconds + load.seconds + load.count * max(load.interval, 0.5)
    try:
        async with asyncio.timeout(planned + 2 * PATIENCE_SECONDS):
            answer, _ = await process.communicate(json.dumps(asdict(load)).encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise Failed("the load generator ended without figures")
    measured = Measured(**json.loads(answer))
    if measured.errors or not measured.answers:
        asked = measured.answers + measured.errors
        raise Failed(f"{measured.errors} of {asked} requests failed: {measured.first_error}")
    return measured


class Run:
    """One run: hands requests to connections and collects what they measure."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._requests = [request.encode() for request in load.requests]
        self._taken = 0
        self._expected = load.expected.encode()
        self.latencies: list[float] = []
        self.errors: list[str] = []
        self._from = self._until = self._last = self._began = 0.0

    async def run(self) -> Measured:
        """Sends everything, waits for the answers, and sums up."""
        loop = asyncio.get_running_loop()
        self._began = time.perf_counter()
        self._from = self._began + self._load.warm_seconds
        self._until = self._from + self._load.seconds if self._load.seconds else float("inf")
        connections = [Connection(self) for _ in range(self._load.connections)]
        for connection in connections:
            await loop.create_connection(lambda made=connection: made, "127.0.0.1", self._load.port)  # type: ignore[misc]
        try:
            planned = self._load.warm_seconds + self._load.seconds + self._load.count * max(self._load.interval, 0.5)
            async with asyncio.timeout(planned + PATIENCE_SECONDS):
                await asyncio.gather(*(connection.done for connection in connections))
        except TimeoutError:
            self.errors.append("answers did not come in time")
        latencies = sorted(self.latencies)
        return Measured(
            answers=len(latencies),
            rate=len(latencies) / max(self._last - self._from, 1e-9),
            p50=percentile(latencies, 50),
            p99=percentile(latencies, 99),
            errors=len(self.errors),
            first_error=self.errors[0] if self.errors else "",
        )

    def take(self) -> tuple[bytes, float] | None:
        """The next request, and in how many seconds it is due; None when it was the last."""
        now = time.perf_counter()
        if now >= self._until or (self._load.count and self._taken >= self._load.count):
            return None
        request = self._requests[self._taken % len(self._requests)]
        due = self._began + self._taken * self._load.interval - now if self._load.interval else 0.0
        self._taken += 1
        return request, due

    def answered(self, status: bytes, body: bytes, sent: float) -> None:
        """Notes an answer."""
        now = time.perf_counter()
        if status not in (b"200", b"201") or self._expected not in body:
            self.errors.append(f"{status.decode('latin-1')} {body[:300].decode('latin-1')}")
        elif sent >= self._from:
            self.latencies.append((now - sent) * 1000)
            self._last = now


class Connection(asyncio.Protocol):
    """One connection: a request, its answer, the next request."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._buffer = b""
        self._waits = False
        self._sent = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Sends the first request."""
        # uvloop's transports only look like asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self._next()

    def data_received(self, data: bytes) -> None:
        """Takes a part of an answer; after the last part, sends the next request."""
        self._buffer = self._buffer + data if self._buffer else data
        end = self._buffer.find(b"\r\n\r\n") + 4
        if end < 4:
            return
        length = content_length(self._buffer[:end])
        if length is None:
            self._run.errors.append("an answer without content-length")
            self._transport.abort()
        elif len(self._buffer) >= end + length:
            status, body = self._buffer[9:12], self._buffer[end : end + length]
            self._buffer = self._buffer[end + length :]
            self._waits = False
            self._run.answered(status, body, self._sent)
            self._next()

    def connection_lost(self, _exc: Exception | None) -> None:
        """Ends, whoever closed."""
        if self._waits:
            self._run.errors.append("the connection was closed before the answer came")
        if not self.done.done():
            self.done.set_result(None)

    def _next(self) -> None:
        taken = self._run.take()
        if taken is None:
            self._transport.close()
        elif taken[1] > 0:
            asyncio.get_running_loop().call_later(taken[1], self._send, taken[0])
        else:
            self._send(taken[0])

    def _send(self, request: bytes) -> None:
        self._waits = True
        self._sent = time.perf_counter()
        self._transport.write(request)


def content_length(head: bytes) -> int | None:
    """The length that an answer's head announces, or None."""
    _, found, rest = head.lower().partition(b"\r\ncontent-length:")
    return int(rest[: rest.index(b"\r\n")]) if found else None


def main() -> None:
    """Reads a Load from standard input, and writes what was measured to standard output."""
    load = Load(**json.load(sys.stdin))
    print(json.dumps(asdict(uvloop.run(Run(load).run()))))


if __name__ == "__main__":
    main()
