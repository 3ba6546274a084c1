"""Pace: a transaction that does much leaves the loop to others again and again while it does."""

from __future__ import annotations

import asyncio
import time

# For how long one goes on, and how many turns of the loop others then get: what comes over a network takes a few.
SECONDS = 0.004
TURNS = 5


class Pace:
    """Of one writer: whoever works asks it before each step."""

    __slots__ = ("_since",)

    def __init__(self) -> None:
        self._since = time.perf_counter()

    def begin(self) -> None:
        """The loop has just been somebody else's."""
        self._since = time.perf_counter()

    async def keep(self) -> None:
        """Lets others have their turns where it is time for that."""
        if time.perf_counter() - self._since > SECONDS:
            for _ in range(TURNS):
                await asyncio.sleep(0)
            self._since = time.perf_counter()
