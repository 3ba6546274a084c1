"""Webhooks: how many deliveries a server sends in a second, and whom a receiver that hangs keeps waiting."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from benchmarks.load import ROOT, Failed, Load, measure
from benchmarks.postgres import new_database
from benchmarks.report import ms, percentile, table
from benchmarks.scale import Scale
from benchmarks.servers import HOST, Server, ask, orchestrator

TITLE = "Webhooks"
PATIENCE_SECONDS = 120.0
PACE_SECONDS = 0.02
# Receivers beside it, one time after the other.
HANGING = (0, 1, 8)


class Receivers:
    """The other process."""

    def __init__(self, process: asyncio.subprocess.Process, ports: list[int]) -> None:
        self._process = process
        self.url, self.hanging = (f"http://{HOST}:{port}/hook" for port in ports)

    async def ask(self, line: str) -> Any:
        """What it says to a line."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{line}\n".encode())
        return json.loads(await self._process.stdout.readline())

    async def until(self, count: int) -> list[tuple[float, float]]:
        """When what came, and how late, once it is so much. Raises Failed where it never is."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                came: list[tuple[float, float]] = await self.ask(str(count))
        except TimeoutError:
            raise Failed(f"fewer than {count} deliveries came in {PATIENCE_SECONDS:.0f} seconds") from None
        return came


async def run(scale: Scale) -> str:
    """The table."""
    backlog, paced = scale.of((10_000, 1000), (3000, 300), (50, 10))
    async with _running() as (server, receivers):
        rows = [[f"a backlog of {backlog:,}, SQLite", f"{await _backlog(server, receivers, backlog):,.0f} a second"]]
        late, registered = [], 0
        for hanging in HANGING:
            for _ in range(hanging - registered):
                await _register(server, receivers.hanging)
            registered = hanging
            late.append(await _paced(server, receivers, paced))
    async with new_database() as address:
        rate = "–"
        if address:
            async with _running(DATABASE_URL=address) as running:
                rate = f"{await _backlog(*running, backlog):,.0f} a second"
    rows.append([f"a backlog of {backlog:,}, PostgreSQL", rate])
    for each, hanging in zip(late, HANGING, strict=True):
        beside = f", {hanging} more hanging" if hanging else ""
        what = f"{paced:,} events, {1 / PACE_SECONDS:.0f} a second: to receipt, p50 and p99{beside}"
        rows.append([what, f"{ms(percentile(each, 50))}, {ms(percentile(each, 99))}"])
    return table(["", "figure"], rows)


@asynccontextmanager
async def _running(**variables: str) -> AsyncIterator[tuple[Server, Receivers]]:
    arguments = (sys.executable, "-m", "benchmarks.receive")
    pipe = asyncio.subprocess.PIPE
    with tempfile.TemporaryDirectory() as temporary:
        process = await asyncio.create_subprocess_exec(*arguments, cwd=ROOT, stdin=pipe, stdout=pipe, limit=1 << 26)
        try:
            assert process.stdout is not None
            ports = json.loads(await process.stdout.readline())
            async with orchestrator(Path(temporary) / "ours", WEBHOOK_ALLOW_PRIVATE="1", **variables) as server:
                yield server, Receivers(process, ports)
        finally:
            process.kill()
            await process.wait()


async def _register(server: Server, url: str) -> str:
    status, made = await ask(server, "POST", "/v1/webhooks", {"url": url, "events": ["session.*"]})
    if status != 201 or not isinstance(made, dict):
        raise Failed(f"the webhook was not registered: {made}")
    return str(made["id"])


async def _backlog(server: Server, receivers: Receivers, count: int) -> float:
    """Deliveries a second, of events that were there before."""
    create = server.request("POST", "/v1/sessions", {"name": "benchmark"})
    await measure(Load(server.port, [create], connections=16, count=count))
    webhook = await _register(server, receivers.url)
    status, said = await ask(server, "POST", f"/v1/webhooks/{webhook}/rewind", {"event": 1})
    if status != 202:
        raise Failed(f"not rewound: {said}")
    came = sorted(moment for moment, _ in await receivers.until(count))
    return (count - 1) / (came[count - 1] - came[0])


async def _paced(server: Server, receivers: Receivers, count: int) -> list[float]:
    """How late each event was received that came at an even pace, in milliseconds, in order."""
    create = server.request("POST", "/v1/sessions", {"name": "benchmark"})
    await measure(Load(server.port, [create], count=count, interval=PACE_SECONDS))
    return sorted(late * 1000 for _, late in await receivers.until(count))
