"""Turns: what many want to do in the same moment is done by a few at a time, so that others get to the loop soon.

gRPC hands its events to the loop in the order in which they came: a call waits for what each of a thousand streams has
just begun, unless they begin it a few at a time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """As many as there are `places` have theirs at a time, but nobody waits for one who is longer than `patience`."""

    def __init__(self, places: int, *, patience: float) -> None:
        self._free = places
        self._patience = patience
        self._waiting: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def take(self) -> AsyncIterator[None]:
        """Waits for a place, in order, and has it until the context ends, or for `patience` seconds."""
        loop = asyncio.get_running_loop()
        # Whoever takes many, one after the other, and never waits, would leave the others none of the loop.
        await asyncio.sleep(0)
        if self._free:
            self._free -= 1
        else:
            turn = loop.create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._pass_on()
                raise
        held = True

        def pass_on() -> None:
            nonlocal held
            if held:
                held = False
                self._pass_on()

        over = loop.call_later(self._patience, pass_on)
        try:
            yield
        finally:
            over.cancel()
            pass_on()

    def _pass_on(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
