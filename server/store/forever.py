"""Loops that must not end, and how they wait.

An error is logged and the loop begins again, so that one bad moment is not the last.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

PAUSE_SECONDS = 1.0
log = structlog.get_logger()


async def forever(name: str, loop: Callable[[], Awaitable[None]]) -> None:
    """Runs `loop` until it returns or is cancelled, again and again where it raises."""
    while True:
        try:
            await loop()
            return
        except Exception as error:
            log.warning("a loop failed and begins again", loop=name, error=repr(error))
            await asyncio.sleep(PAUSE_SECONDS)


async def set_within(event: asyncio.Event, seconds: float) -> bool:
    """Waits until `event` is set, for at most `seconds`; returns whether it was."""
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False
