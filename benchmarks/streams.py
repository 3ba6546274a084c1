"""Streams: how soon each of many open streams gets an event, as server-sent events and as native gRPC."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path

from benchmarks.load import ROOT, Failed, Load, measure
from benchmarks.report import ms, percentile, table
from benchmarks.scale import Scale
from benchmarks.servers import Server, orchestrator
from benchmarks.watch import GRACE_SECONDS, OPEN_SECONDS, Receipt

TITLE = "Streams"
PACE_SECONDS = 0.05
KINDS = {"sse": "server-sent events, through Envoy", "grpc": "native gRPC"}


async def run(scale: Scale) -> str:
    """The table."""
    streams, events = scale.of((100, 200), (100, 40), (2, 3))
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        async with orchestrator(Path(temporary) / "ours") as server:
            for kind, title in KINDS.items():
                received = await _receive(server, kind, streams, events)
                _check(received, events)
                late = sorted((receipt.received - receipt.created) / 1000 for each in received for receipt in each)
                cells = [f"{title}: {streams} streams, {events} events", f"{len(late):,}"]
                rows.append([*cells, ms(percentile(late, 50)), ms(percentile(late, 99)), ms(late[-1])])
    return table(["", "received", "p50", "p99", "longest"], rows)


async def _receive(server: Server, kind: str, streams: int, events: int) -> list[list[Receipt]]:
    """Creates sessions while another process watches; returns what each of its streams got."""
    descriptor, name = tempfile.mkstemp()
    os.close(descriptor)
    answer = Path(name)
    wanted = {
        "answer": name,
        "kind": kind,
        "port": server.grpc_port if kind == "grpc" else server.port,
        "streams": streams,
        "expected": events,
        "key": server.key,
        "request": server.request("GET", "/v1/events").replace("application/json", "text/event-stream"),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "benchmarks.watch"),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps(wanted).encode() + b"\n")
        async with asyncio.timeout(OPEN_SECONDS + 30):
            if await process.stdout.readline() != b"open\n":
                raise Failed("the streams did not open")
        request = server.request("POST", "/v1/sessions", {"name": "a session"})
        await measure(Load(server.port, [request], count=events, interval=PACE_SECONDS))
        async with asyncio.timeout(GRACE_SECONDS + 60):
            await process.communicate(b"sent\n")
        received = json.loads(answer.read_text())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        answer.unlink()
    return [[Receipt(*receipt) for receipt in stream] for stream in received]


def _check(streams: list[list[Receipt]], events: int) -> None:
    """Raises Failed unless every stream got every event, once and in order."""
    first = min((stream[0].number for stream in streams if stream), default=0)
    expected = list(range(first, first + events))
    for stream in streams:
        if [receipt.number for receipt in stream] != expected:
            raise Failed(f"a stream got {len(stream)} events instead of {events}, or not in order")
        if {receipt.type for receipt in stream} != {"session.created"}:
            raise Failed("a stream got events that nobody caused")
