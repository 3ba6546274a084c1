"""The database as the rest of the server sees it, whichever one it is."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from server.model import Event
from server.store.statement import Statement
from server.store.transaction import Hooks, Reader, Transaction

T = TypeVar("T")
R = TypeVar("R")
Body = Callable[[Transaction], Awaitable[T]]
Clock = Callable[[], int]
# For how long a database without room for somebody's change counts as full.
FULL_SECONDS = 10.0
Committed = Callable[[list[Event]], None]


def nobody_listens(events: list[Event], /) -> None:
    """What `committed` is until a feed is connected."""


def system_clock() -> int:
    """Microseconds since 1970, UTC: the unit of every time in the store."""
    return time.time_ns() // 1000


class Database(Reader, Protocol):
    """Reads on their own, and writes as transactions."""

    dialect: str
    clock: Clock
    hooks: Hooks
    # Told of the events of each commit of this process, in order.
    committed: Committed

    async def open(self) -> None:
        """Connects; raises Unavailable where that fails."""

    async def write(self, body: Body[T]) -> T:
        """Runs `body` in a transaction and returns its value once that is committed.

        Whatever `body` raises rolls back everything it did. It may run more than once, so it must change nothing
        but the database. Raises Unavailable when the database stays locked, StorageFull when it cannot grow.
        """

    async def scan(self, statement: Statement[R], **parameters: Any) -> list[R]:
        """Reads outside the event loop, for statements whose cost grows with the number of rows."""

    async def probe(self) -> None:
        """Makes a change that leaves nothing behind. Raises Unavailable or StorageFull where none can be made.

        So it does for `FULL_SECONDS` after somebody's change found no room: what fits is not the same for each.
        """

    def connections(self) -> int:
        """How many connections this process has to it."""

    async def close(self) -> None:
        """Finishes what has begun and disconnects."""
