"""How long the loop is somebody's: the processor time of this thread between two turns of a task that always wants one."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Gap:
    seconds = 0.0


@asynccontextmanager
async def longest_gap() -> AsyncIterator[Gap]:
    gap, done = Gap(), False

    async def tick() -> None:
        last = time.thread_time()
        while not done:
            await asyncio.sleep(0)
            now = time.thread_time()
            gap.seconds, last = max(gap.seconds, now - last), now

    # What all tests before have left behind is not what is measured; a server has frozen what it began with.
    gc.collect()
    gc.freeze()
    ticking = asyncio.create_task(tick())
    await asyncio.sleep(0)
    try:
        yield gap
    finally:
        done = True
        await ticking
        gc.unfreeze()
