"""Unread streams: what a thousand streams that nobody reads cost, in memory and in other callers' time."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

from benchmarks.load import ROOT, Failed, Load, measure
from benchmarks.report import ms, table
from benchmarks.scale import Scale
from benchmarks.servers import Server, ask, orchestrator

TITLE = "Unread streams"
OPEN_SECONDS = 120.0
PACE_SECONDS = 0.01
# Of the events that a stream from the beginning of the feed has not read.
LONG = "x" * 1900
# What the streams are, and the number after which they begin: now, or at the first event.
KINDS: list[tuple[str, int | None]] = [("sse", None), ("sse", 0), ("grpc", 0)]
HEADER = [
    "{count} streams",
    "server, more",
    "gateway, more",
    "a get while they open, p50",
    "p99",
    "while they are open, p50",
    "p99",
]


async def run(scale: Scale) -> str:
    """The table."""
    count, events, seconds = scale.of((1000, 600, 10.0), (300, 300, 4.0), (5, 3, 0.3))
    rows = []
    for kind, after in scale.of(KINDS, KINDS, KINDS[1:]):
        with tempfile.TemporaryDirectory() as temporary:
            async with orchestrator(Path(temporary) / "ours") as server:
                rows.append(await _measured(server, kind, after, count, events, seconds))
    return table([each.format(count=f"{count:,}") for each in HEADER], rows)


async def _measured(server: Server, kind: str, after: int | None, count: int, events: int, seconds: float) -> list[str]:
    """A line: memory before and after, and a get on one connection meanwhile."""
    status, session = await ask(server, "POST", "/v1/sessions", {"name": "s"})
    if status != 201 or not isinstance(session, dict):
        raise Failed(f"the session was not created: {session}")
    path = f"/v1/sessions/{session['id']}"
    if after is not None:
        changes = [server.request("PATCH", path, {"description": LONG})]
        await measure(Load(server.port, changes, connections=4, count=events))
    get = Load(server.port, [server.request("GET", path)], seconds=seconds, interval=PACE_SECONDS)
    await measure(get)
    before = _memory()
    opening = asyncio.create_task(measure(get))
    async with _held(server, kind, after, count):
        while_opening = await opening
        while_open = await measure(get)
        grown = {name: (size - before[name]) / (1 << 20) for name, size in _memory().items()}
    words = {"sse": "server-sent events", "grpc": "native gRPC"}[kind]
    what = "nothing happens" if after is None else f"{events} events of 2 KB from the beginning, never read"
    cells = [f"{words}: {what}", f"{grown['server']:.0f} MiB", f"{grown['gateway']:.0f} MiB"]
    return [*cells, *(ms(each) for run in (while_opening, while_open) for each in (run.p50, run.p99))]


@asynccontextmanager
async def _held(server: Server, kind: str, after: int | None, count: int) -> AsyncIterator[None]:
    """The streams are open in another process."""
    wanted: dict[str, object] = {
        "kind": kind,
        "port": server.grpc_port,
        "count": count,
        "key": server.key,
        "after": after,
    }
    if kind == "sse":
        path = "/v1/events" if after is None else f"/v1/events?after={after}"
        request = server.request("GET", path) + "\r\n"
        wanted = {"kind": kind, "port": server.port, "count": count, "request": request}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.hold", cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps(wanted).encode() + b"\n")
        async with asyncio.timeout(OPEN_SECONDS):
            if await process.stdout.readline() != b"open\n":
                raise Failed("the streams did not open")
        yield
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def _memory() -> Mapping[str, int]:
    """What the processes that we have started hold, in bytes."""
    sizes = {"server": 0, "gateway": 0}
    for each in psutil.Process().children(recursive=True):
        if each.name().startswith("server-"):
            sizes["server"] += each.memory_info().rss
        elif "envoy" in each.name():
            sizes["gateway"] += each.memory_info().rss
    return sizes
