"""Sockets: how soon each of a thousand WebSockets of one process gets an event, through Envoy."""

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
from benchmarks.servers import HOST, Server, ask, orchestrator

TITLE = "Sockets"
PACE_SECONDS = 0.25
OPEN_SECONDS = 120
GRACE_SECONDS = 15


async def run(scale: Scale) -> str:
    """The table."""
    sockets, events = scale.of((1000, 100), (200, 40), (2, 3))
    with tempfile.TemporaryDirectory() as temporary:
        async with orchestrator(Path(temporary) / "ours") as server:
            late = sorted(await _receive(server, sockets, events))
    cells = [f"{sockets:,} sockets, {events} events", f"{len(late):,}"]
    figures = [ms(percentile(late, 50)), ms(percentile(late, 99)), ms(late[-1])]
    return table(["", "received", "p50", "p99", "longest"], [[*cells, *figures]])


async def _receive(server: Server, sockets: int, events: int) -> list[float]:
    """Creates tasks while another process listens; returns how late each frame was on each socket, in ms."""
    operations = Server(server.operations_port, server.database, key=server.key)
    agent = {"name": "nobody", "type": "nobody"}
    status, answer = await ask(operations, "POST", "/v1/agents", agent)
    if status != 201 or not isinstance(answer, dict):
        raise Failed(f"the agent was not created: {answer}")
    task = {"agent_id": answer["data"]["id"], "type": "nothing", "payload": {}}
    descriptor, name = tempfile.mkstemp()
    os.close(descriptor)
    wanted = {"url": f"ws://{HOST}:{operations.port}/v1/ws", "key": server.key, "sockets": sockets, "answer": name}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "benchmarks.listen"),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps({**wanted, "events": events, "grace": GRACE_SECONDS}).encode() + b"\n")
        async with asyncio.timeout(OPEN_SECONDS):
            if await process.stdout.readline() != b"open\n":
                raise Failed("the sockets did not open")
        request = operations.request("POST", "/v1/tasks", task)
        await measure(Load(operations.port, [request], count=events, interval=PACE_SECONDS))
        async with asyncio.timeout(GRACE_SECONDS + 60):
            await process.communicate(b"sent\n")
        received: list[list[tuple[int, float]]] = json.loads(Path(name).read_text())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        Path(name).unlink()
    first = min((socket[0][0] for socket in received if socket), default=0)
    for socket in received:
        if [number for number, _ in socket] != list(range(first, first + events)):
            raise Failed(f"a socket got {len(socket)} events instead of {events}, or not in order")
    return [late for socket in received for _, late in socket]
