"""The health service, which also knows when those who ask again and again have heard that the server stops."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from grpc_health.v1 import health, health_pb2

# Who has not asked for so long does not ask again and again, or no longer.
ASKING_SECONDS = 2.5
# How many are remembered: each connection counts as somebody.
MOST = 100
# How long a gateway may take to act on what it has heard.
ACTING_SECONDS = 0.1


class Health(health.aio.HealthServicer):  # type: ignore[misc]
    """`grpc.health.v1.Health`, as gateways ask it once in a while."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        # By address: when it last asked.
        self._asked: dict[str, float] = {}
        self._untold: set[str] = set()
        self._told = asyncio.Event()

    async def Check(self, request: health_pb2.HealthCheckRequest, context: Any) -> health_pb2.HealthCheckResponse:
        """Whether a service, or the server, is there for calls."""
        peer = context.peer()
        self._asked.pop(peer, None)
        self._asked[peer] = self._clock()
        if len(self._asked) > MOST:
            del self._asked[next(iter(self._asked))]
        self._untold.discard(peer)
        if not self._untold:
            self._told.set()
        return await super().Check(request, context)

    async def stop(self, seconds: float) -> None:
        """Says NOT_SERVING; returns when all who ask have heard it and had time to act, or after `seconds`."""
        await self.enter_graceful_shutdown()
        now = self._clock()
        self._untold = {peer for peer, at in self._asked.items() if now - at < ASKING_SECONDS}
        if not self._untold:
            return
        self._told.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._told.wait()
                await asyncio.sleep(ACTING_SECONDS)
