"""Uploads: how long 100 MB take, what they cost in memory, and what others notice of them."""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks.load import Failed, Load, measure
from benchmarks.report import ms, table
from benchmarks.scale import Scale
from benchmarks.servers import HOST, Server, aiohttp_peer, ask, orchestrator

TITLE = "Uploads"
HEADER = ["", "one upload", "grown by", "a get meanwhile, p50", "p99", "beforehand, p50", "p99"]
PACE_SECONDS = 0.005
SAMPLE_SECONDS = 0.02
BOUNDARY = "5f3c1a"
# What is sent in one write: as much as clients send.
PIECE = 256 << 10


async def run(scale: Scale) -> str:
    """The table."""
    megabytes, rounds = scale.of((100, 7), (100, 3), (1, 1))
    size = megabytes * 1_000_000
    ours: list[float] = []
    peers: list[float] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        async with orchestrator(folder / "ours") as server, aiohttp_peer(folder / "peer") as peer:
            status, session = await ask(server, "POST", "/v1/sessions", {"name": "s"})
            if status != 201 or not isinstance(session, dict):
                raise Failed(f"the session was not created: {session}")
            path = f"/v1/sessions/{session['id']}"
            get = Load(server.port, [server.request("GET", path)], count=200, interval=PACE_SECONDS)
            quiet = await measure(get)
            before, highest = _memory(), {"server": 0, "gateway": 0}
            watching = asyncio.create_task(_watch(highest))
            for number in range(rounds):
                # Who begins alternates.
                for mine in (True, False) if number % 2 else (False, True):
                    (ours if mine else peers).append(await _upload(server if mine else peer, size))
            watching.cancel()
            load = Load(server.port, get.requests, seconds=max(1.0, statistics.median(ours)), interval=PACE_SECONDS)
            meanwhile = asyncio.create_task(measure(load))
            while not meanwhile.done():
                await _upload(server, size)
            busy = await meanwhile
    grown = ", ".join(f"{name} {max(0, highest[name] - before[name]) / (1 << 20):.0f} MiB" for name in before)
    mine = f"{statistics.median(ours):.2f} s"
    figures = [ms(figure) for measured in (busy, quiet) for figure in (measured.p50, measured.p99)]
    return table(
        HEADER,
        [
            [f"ours, {megabytes} MB through Envoy", mine, grown, *figures],
            ["aiohttp, to a file on the same disk", f"{statistics.median(peers):.2f} s", *[""] * 5],
            ["ours ÷ peer", f"{statistics.median(ours) / statistics.median(peers):.2f}", *[""] * 5],
        ],
    )


async def _upload(server: Server, size: int) -> float:
    """How many seconds one file takes, of bytes that nobody has sent before."""
    head = (
        f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="file"; filename="random.bin"\r\n'
        "content-type: application/octet-stream\r\n\r\n"
    ).encode()
    tail = f"\r\n--{BOUNDARY}--\r\n".encode()
    lines = [
        f"POST /v1/knowledge/documents HTTP/1.1\r\nhost: {HOST}:{server.port}\r\nconnection: close",
        f"authorization: Bearer {server.key}\r\ncontent-type: multipart/form-data; boundary={BOUNDARY}",
        f"content-length: {len(head) + size + len(tail)}\r\n\r\n",
    ]
    pieces = [os.urandom(min(PIECE, size - at)) for at in range(0, size, PIECE)]
    reader, writer = await asyncio.open_connection(HOST, server.port)
    began = time.perf_counter()
    writer.write("\r\n".join(lines).encode() + head)
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
    writer.write(tail)
    answer = await reader.read()
    took = time.perf_counter() - began
    writer.close()
    if not answer.startswith(b"HTTP/1.1 201"):
        raise Failed(f"the upload was not taken: {answer[:200]!r}")
    return took


async def _watch(highest: dict[str, int]) -> None:
    while True:
        for name, size in _memory().items():
            highest[name] = max(highest[name], size)
        await asyncio.sleep(SAMPLE_SECONDS)


def _memory() -> dict[str, int]:
    """What our server and gateway hold, in bytes."""
    sizes = {"server": 0, "gateway": 0}
    for each in psutil.Process().children(recursive=True):
        try:
            if each.name().startswith("server-"):
                sizes["server"] += each.memory_info().rss
            elif "envoy" in each.name():
                sizes["gateway"] += each.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return sizes
