"""The Industrial API: lists among many sessions, heartbeats beside other work, and many agents going silent at once."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2 as httpx

from benchmarks import seed
from benchmarks.load import Failed, Load, Measured, measure
from benchmarks.report import ms, percentile, table
from benchmarks.scale import Scale
from benchmarks.servers import Server, orchestrator

TITLE = "Industrial API"
LIST = "/api/v1/sessions?page_size=20"
HEARTBEATS = 500
# How many registrations and the like go on at a time.
TOGETHER = 16
# Sweeps come so often; two of them may pass.
SWEEP_SECONDS = 1.0
PATIENCE_SECONDS = 60.0


async def run(scale: Scale) -> str:
    """The table."""
    seconds, rounds = scale.of((3.0, 5), (1.0, 1), (0.2, 1))
    sessions, beating, silent = scale.of((100_000, 100, 2_000), (5_000, 100, 200), (50, 3, 3))
    with tempfile.TemporaryDirectory() as temporary:
        async with orchestrator(Path(temporary) / "data") as server:
            rows = [*await _lists(server, sessions, seconds, rounds)]
            async with httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{server.port}/api/v1",
                headers={"x-api-key": server.key},
                timeout=PATIENCE_SECONDS,
                limits=httpx.Limits(max_connections=TOGETHER + 4),
            ) as client:
                rows += await _heartbeats(server, client, beating, seconds, rounds)
                rows += await _silence(server, client, silent)
    return table(["", "measured", "asked for"], rows)


async def _lists(server: Server, count: int, seconds: float, rounds: int) -> list[list[str]]:
    sessions = seed.sessions(seed.organization_of(server.database), count)
    seed.seed(server.database, sessions)
    gets = _gets(server, [session.id for session in sessions])
    one, many = [], []
    for _ in range(rounds):
        one.append(await _alone(server, gets, seconds))
        many.append(await _alone(server, [server.request("GET", LIST)], seconds))
    get, listed = _median(one), _median(many)
    return [
        [f"get one of {count:,} sessions, p50", ms(get), ""],
        ["list 20 of them, p50", f"{ms(listed)}, {listed / get:.2f} times a get", "less than 3 times"],
    ]


async def _heartbeats(
    server: Server, client: httpx.AsyncClient, count: int, seconds: float, rounds: int
) -> list[list[str]]:
    """A get on one connection, with and without heartbeats beside it."""
    agents = [await _register(client, f"beats {number}") for number in range(count)]
    # Loads differ, so that each heartbeat changes something and is an event.
    beats = [
        server.request("POST", f"/api/v1/agents/{agent}/heartbeat", {"current_load": number * 7 % 79})
        for number, agent in enumerate(agents * 7)
    ]
    gets = _gets(server, [session["id"] for session in (await client.get("/sessions?page_size=100")).json()["items"]])
    paced = 200.0
    alone, beside, rate = [], [], []
    for _ in range(rounds):
        quiet = Load(server.port, gets, connections=1, seconds=seconds, interval=1 / paced, warm_seconds=0.3)
        alone.append((await measure(quiet)).p50)
        beating = Load(
            server.port, beats, connections=16, seconds=seconds + 1, interval=1 / HEARTBEATS, warm_seconds=0.2
        )
        running = asyncio.create_task(measure(beating))
        await asyncio.sleep(0.4)
        beside.append((await measure(quiet)).p50)
        rate.append((await running).rate)
    before, during = sorted(alone)[len(alone) // 2], sorted(beside)[len(beside) // 2]
    return [
        ["heartbeats a second, through Envoy, each an event", f"{sorted(rate)[len(rate) // 2]:,.0f}", f"{HEARTBEATS}"],
        ["a get meanwhile, p50", f"{ms(during)}, {during / before:.2f} times {ms(before)}", "less than 1.5 times"],
    ]


async def _silence(server: Server, client: httpx.AsyncClient, count: int) -> list[list[str]]:
    """Agents with a lease each, which all count as silent from one moment on."""
    session = (await client.post("/sessions", json={"title": "silence"})).raise_for_status().json()["id"]
    (await client.post(f"/sessions/{session}/start")).raise_for_status()
    room = asyncio.Semaphore(TOGETHER)
    others_there = (await _state(client))["active"]

    async def begin(number: int) -> None:
        async with room:
            agent = await _register(client, f"silent {number}")
            body = {"session_id": session, "title": f"task {number}"}
            task = (await client.post("/tasks", json=body)).raise_for_status().json()["id"]
            (await client.post(f"/tasks/{task}/assign", json={"agent_id": agent})).raise_for_status()
            (await client.patch(f"/tasks/{task}/status", json={"status": "IN_PROGRESS"})).raise_for_status()

    await asyncio.gather(*(begin(number) for number in range(count)))
    before = await _state(client)
    if before["active"] < others_there + count or before["running"] < count:
        raise Failed(f"not all agents hold a task: {before}")
    waits: list[float] = []
    over = asyncio.Event()
    others = [asyncio.create_task(_others(client, session, waits, over, writes=writes)) for writes in (False, True)]
    await asyncio.sleep(0.5)
    quiet = len(waits)
    began = time.perf_counter()
    await asyncio.to_thread(_silence_all, server.database)
    while (state := await _state(client)) and (state["active"] > others_there or state["running"]):
        if time.perf_counter() - began > PATIENCE_SECONDS:
            raise Failed(f"agents are still there: {state}")
        await asyncio.sleep(0.05)
    took = time.perf_counter() - began
    over.set()
    await asyncio.gather(*others)
    meanwhile = sorted(waits[quiet:])
    return [
        [
            f"{count:,} agents silent at once: all OFFLINE, leases returned",
            f"{took:.2f} s",
            "within two sweeps",
        ],
        [
            "other gets and creates meanwhile, longest",
            f"{ms(meanwhile[-1])} of {len(meanwhile)}, p50 {ms(percentile(meanwhile, 50))}",
            "100 ms",
        ],
    ]


async def _others(
    client: httpx.AsyncClient, session: str, waits: list[float], over: asyncio.Event, *, writes: bool
) -> None:
    """What others do meanwhile, one request after another, and how long each takes in milliseconds."""
    while not over.is_set():
        began = time.perf_counter()
        if writes:
            answer = await client.post("/sessions", json={"title": "meanwhile"})
        else:
            answer = await client.get(f"/sessions/{session}")
        answer.raise_for_status()
        waits.append((time.perf_counter() - began) * 1000)
        await asyncio.sleep(0.005)


def _silence_all(database: Path) -> None:
    """As if the last heartbeat of each of these agents had been long ago."""
    now = time.time_ns() // 1000
    with closing(sqlite3.connect(database, timeout=10)) as connection, connection:
        connection.execute(
            "UPDATE workers SET silent_at = ? WHERE id IN (SELECT id FROM agents WHERE name LIKE 'silent %')", [now]
        )


async def _state(client: httpx.AsyncClient) -> dict[str, int]:
    performance = (await client.get("/agents/performance")).raise_for_status().json()
    running = (await client.get("/tasks?status=IN_PROGRESS&page_size=1")).raise_for_status().json()["total"]
    return {"active": performance["active_agents"], "running": running}


async def _register(client: httpx.AsyncClient, name: str) -> str:
    body = {"name": name, "type": "BACKEND", "capabilities": ["CODE_GENERATION"]}
    answer: Any = (await client.post("/agents/register", json=body)).raise_for_status().json()
    return str(answer["id"])


def _gets(server: Server, ids: list[str]) -> list[str]:
    chosen = random.Random(1).sample(ids, min(len(ids), 10_000))  # noqa: S311
    return [server.request("GET", f"/api/v1/sessions/{each}") for each in chosen]


async def _alone(server: Server, requests: list[str], seconds: float) -> Measured:
    return await measure(Load(server.port, requests, connections=1, seconds=seconds, warm_seconds=0.5))


def _median(measured: list[Measured]) -> float:
    return sorted(each.p50 for each in measured)[len(measured) // 2]
