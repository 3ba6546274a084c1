"""Clocks that tests set, so that nobody has to wait for time to pass."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import grpc_testing

from server.app import Application
from server.store.database import Database

SECOND = 1_000_000


class Clock:
    """A database's clock that stands still until `wait`, in microseconds.

    Each look is a microsecond later than the one before, so that rows have an order.
    """

    def __init__(self, start: int = 1_800_000_000 * SECOND) -> None:
        self._time = grpc_testing.strict_fake_time(start)
        self._looks = 0

    @property
    def now(self) -> int:
        return self._time.time() + self._looks

    def __call__(self) -> int:
        self._looks += 1
        return self.now

    def wait(self, seconds: float) -> None:
        self._time.sleep_for(int(seconds * SECOND))


def pass_time(database: Database, seconds: float) -> None:
    """From now on the database's clock is ahead by so much."""
    clock, passed = database.clock, int(seconds * SECOND)
    database.clock = lambda: clock() + passed


@contextmanager
def ahead(database: Database, seconds: float) -> Iterator[None]:
    """The database's clock is ahead by so much, or behind, until the context ends."""
    before = database.clock
    pass_time(database, seconds)
    try:
        yield
    finally:
        database.clock = before


def pass_loop_time(seconds: float) -> None:
    """From now on the running loop's clock is ahead by so much: whatever waits for a time before that goes on."""
    loop = asyncio.get_running_loop()
    time = loop.time
    loop.time = lambda: time() + seconds  # type: ignore[method-assign]


async def pass_time_in(application: Application, seconds: float) -> None:
    """As if a server had run for so long: its clock is ahead, and it has looked for what time has brought."""
    pass_time(application.database, seconds)
    await application.dispatcher.sweep()
