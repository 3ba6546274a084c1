"""How long others wait while people log in: hashing a password is work for threads that step back."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import httpx2 as httpx
import pytest

from tests.support.stack import Stack

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.timeout(120)]
SECONDS, LOGINS_A_SECOND, WAIT_SECONDS = 6, 20, 0.05
ADMIN = {"email": "admin@orchestrator.com", "password": "admin123"}


async def test_twenty_logins_a_second_keep_nobody_waiting(tmp_path: Path) -> None:
    stack = Stack(tmp_path / "data", "--no-quotas").start()
    try:
        waits, taken, statuses = await measured(f"http://127.0.0.1:{stack.operations_port}", stack.key)
    finally:
        stack.stop()
    waits.sort()
    taken.sort()
    print(
        f"\n{len(taken)} logins in {SECONDS} s, p50 {taken[len(taken) // 2] * 1000:.0f} ms, "
        f"worst {taken[-1] * 1000:.0f} ms; others p50 {waits[len(waits) // 2] * 1000:.1f} ms, "
        f"p99 {waits[len(waits) * 99 // 100] * 1000:.1f} ms, worst {waits[-1] * 1000:.1f} ms"
    )
    assert statuses == {200} and len(taken) == SECONDS * LOGINS_A_SECOND
    assert waits[-1] < WAIT_SECONDS, waits[-5:]


async def measured(base: str, key: str) -> tuple[list[float], list[float], set[int]]:
    """How long others waited, how long each login took, and what those answered."""
    waits: list[float] = []
    taken: list[float] = []
    statuses: set[int] = set()
    async with (
        httpx.AsyncClient(base_url=base, timeout=30, limits=httpx.Limits(max_connections=100)) as people,
        httpx.AsyncClient(base_url=base, timeout=30, headers={"authorization": f"Bearer {key}"}) as other,
    ):

        async def log_in() -> None:
            began = time.perf_counter()
            statuses.add((await people.post("/api/v1/auth/login", json=ADMIN)).status_code)
            taken.append(time.perf_counter() - began)

        async def ask() -> None:
            began = time.perf_counter()
            statuses.add((await other.get("/api/v1/auth/me")).status_code)
            waits.append(time.perf_counter() - began)

        await log_in()
        await ask()
        # What this machine lets everybody wait by itself.
        ends = time.perf_counter() + 2
        while time.perf_counter() < ends:
            await ask()
            await asyncio.sleep(0.01)
        print(f"\nothers by themselves: worst {max(waits[1:]) * 1000:.1f} ms")
        waits.clear()
        taken.clear()
        start, logins = time.perf_counter(), []
        while (passed := time.perf_counter() - start) < SECONDS:
            while len(logins) < min(SECONDS * LOGINS_A_SECOND, passed * LOGINS_A_SECOND):
                logins.append(asyncio.create_task(log_in()))
            await ask()
            await asyncio.sleep(0.01)
        while len(logins) < SECONDS * LOGINS_A_SECOND:
            logins.append(asyncio.create_task(log_in()))
        await asyncio.gather(*logins)
    return waits, taken, statuses
