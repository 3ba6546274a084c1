"""PostgreSQL: a pool of connections, and statements prepared once on each."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from itertools import groupby
from operator import itemgetter
from typing import Any, TypeVar

import asyncpg

from server.errors import StorageFull, Unavailable
from server.model import Event, Record
from server.pace import Pace
from server.store.acting import acting
from server.store.database import FULL_SECONDS, Body, Clock, Committed, nobody_listens, system_clock
from server.store.postgres_connections import Connections
from server.store.statement import APPENDED, Statement, append, change, insertion
from server.store.transaction import Again, Hooks, Row, TransactionBase, in_pieces, settle

T = TypeVar("T")
R = TypeVar("R")

RETRIES = 5
_TRANSIENT = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    # Of a schema that another process has changed meanwhile.
    asyncpg.InvalidCachedStatementError,
    Again,
)
_FULL = (asyncpg.DiskFullError, asyncpg.OutOfMemoryError)
_NO_ROOM, _NO_CHANGES = "the database cannot grow; nothing was changed", "the database takes no changes now; try again"
# A server that was the first and now follows another one.
_READ_ONLY = asyncpg.ReadOnlySQLTransactionError
_UNREACHABLE = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.PostgresSystemError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.LockNotAvailableError,
    _READ_ONLY,
)

# A word in the write-ahead log that nobody reads: a change like any other, and no row that has to be cleaned up.
_TOUCH = """
SELECT pg_logical_emit_message(true, 'orchestrator', '')
WHERE current_setting('transaction_read_only') = 'off' AND NOT pg_is_in_recovery()
"""


class _Statements:
    """Runs statements on one connection."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def one(self, statement: Statement[R], **parameters: Any) -> R | None:
        text, order = statement.postgres
        row = await self._connection.fetchrow(text, *[parameters[name] for name in order])
        return None if row is None else statement.load(row)

    async def all(self, statement: Statement[R], **parameters: Any) -> list[R]:
        text, order = statement.postgres
        rows = await self._connection.fetch(text, *[parameters[name] for name in order])
        return [statement.load(row) for row in rows]

    async def run(self, statement: Statement[Any], **parameters: Any) -> int:
        text, order = statement.postgres
        status: str = await self._connection.execute(text, *[parameters[name] for name in order])
        count = status.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0

    async def many(self, statement: Statement[Any], parameters: list[dict[str, Any]]) -> None:
        text, order = statement.postgres
        await self._connection.executemany(text, [[each[name] for name in order] for each in parameters])


class PostgresTransaction(_Statements, TransactionBase):
    """One transaction on one connection.

    Rows that are inserted or updated wait until something is read, and go together then: those of one statement take
    one round trip however many they are. The last one goes with the events. BEGIN is said before the first statement
    that needs it: one that only reads sees what is committed by then, inside a transaction or not, and where only one
    statement writes, it is a transaction by itself.
    """

    dialect = "postgresql"

    def __init__(self, connection: Any, now: int, hooks: Hooks, begin: Callable[[], Awaitable[object]]) -> None:
        _Statements.__init__(self, connection)
        TransactionBase.__init__(self, now, hooks, acting.get())
        self._begin = begin
        self._begun = False
        self._pace = Pace()
        self._waiting: list[tuple[Statement[Any], dict[str, Any]]] = []

    async def one(self, statement: Statement[R], **parameters: Any) -> R | None:
        await self._prepare(statement)
        return await super().one(statement, **parameters)

    async def all(self, statement: Statement[R], **parameters: Any) -> list[R]:
        await self._prepare(statement)
        return await super().all(statement, **parameters)

    async def run(self, statement: Statement[Any], **parameters: Any) -> int:
        await self._prepare(statement)
        return await super().run(statement, **parameters)

    async def many(self, statement: Statement[Any], parameters: list[dict[str, Any]]) -> None:
        await self._prepare(statement)
        await super().many(statement, parameters)

    async def insert(self, record: Record) -> None:
        await self._pace.turn()
        self._waiting.append((insertion(type(record)), {**record.values()}))

    async def update(self, record: Row, **values: Any) -> Row:
        await self._pace.turn()
        self._waiting.append((change(type(record), tuple(values)), {"row": record.values()["id"], **values}))
        return type(record).new(**{**record.values(), **values})

    async def append(self, organization: str, events: list[Event]) -> int:
        written, row = self._waiting.pop() if self._waiting else (None, {})
        if self._waiting or len(events) < len(self.events):
            await self._begin_once()
        await self._send()
        text, order = append(written)
        columns = [[event.values()[name] for event in events] for name in APPENDED]
        given = [row[name] for name in order]
        rows = await self._connection.fetch(text, *given, organization, len(events), self.now, *columns)
        first: int = min(row[0] for row in rows)
        return first

    async def settle(self) -> None:
        """The last thing to do: sends what is left, and the events."""
        await settle(self)
        if len(self._waiting) > 1:
            await self._begin_once()
        await self._send()

    async def _prepare(self, statement: Statement[Any]) -> None:
        if self._waiting or not statement.only_reads:
            await self._begin_once()
            await self._send()

    async def _begin_once(self) -> None:
        if not self._begun:
            self._begun = True
            await self._begin()

    async def _send(self) -> None:
        """Sends what waits, in order."""
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        for statement, group in groupby(waiting, key=itemgetter(0)):
            for rows in in_pieces([parameters for _, parameters in group]):
                if len(rows) == 1:
                    await super().run(statement, **rows[0])
                else:
                    await super().many(statement, rows)


class Postgres:
    """A PostgreSQL server, which any number of processes may share."""

    dialect = "postgresql"

    def __init__(
        self, url: str, clock: Clock = system_clock, *, connections: int = 16, statement_seconds: float = 10.0
    ) -> None:
        self.url = url
        self.clock = clock
        self.hooks = Hooks()
        self.committed: Committed = nobody_listens
        self._full_until = 0.0
        self._connections = Connections(url, most=connections, seconds=statement_seconds)

    async def open(self) -> None:
        try:
            await self._connections.open()
        except (*_UNREACHABLE, asyncpg.PostgresError) as error:
            raise Unavailable(f"the database cannot be reached: {error or repr(error)}") from error

    async def one(self, statement: Statement[R], **parameters: Any) -> R | None:
        try:
            async with self._connections.lent() as connection:
                return await _Statements(connection).one(statement, **parameters)
        except _UNREACHABLE as error:
            raise await self._translated(error) from error

    async def all(self, statement: Statement[R], **parameters: Any) -> list[R]:
        try:
            async with self._connections.lent() as connection:
                return await _Statements(connection).all(statement, **parameters)
        except _UNREACHABLE as error:
            raise await self._translated(error) from error

    async def scan(self, statement: Statement[R], **parameters: Any) -> list[R]:
        try:
            try:
                async with self._connections.lent() as connection:
                    return await _Statements(connection).all(statement, **parameters)
            except asyncpg.QueryCanceledError:
                # Of a table that has become so large: what sweeps must read has to be read at some time.
                async with self._connections.lent_for_long() as connection:
                    return await _Statements(connection).all(statement, **parameters)
        except _UNREACHABLE as error:
            raise await self._translated(error) from error

    async def probe(self) -> None:
        if time.monotonic() < self._full_until:
            raise StorageFull(_NO_ROOM)
        try:
            async with self._connections.lent() as connection:
                changed = await connection.fetchrow(_TOUCH)
        except _UNREACHABLE as error:
            raise await self._translated(error) from error
        if changed is None:
            await self._connections.renew()
            raise Unavailable(_NO_CHANGES)

    async def write(self, body: Body[T]) -> T:
        for attempt in range(RETRIES):
            try:
                return await self._write(body)
            except _TRANSIENT as error:
                if attempt == RETRIES - 1:
                    raise Unavailable("too many changes of the same rows at once; try again") from error
                # Whoever collided must not collide again.
                await asyncio.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311
            except _UNREACHABLE as error:
                raise await self._translated(error) from error
        raise AssertionError("unreachable")

    async def _write(self, body: Body[T]) -> T:
        async with self._connections.lent() as connection:
            async with AsyncExitStack() as stack:
                transaction = PostgresTransaction(
                    connection, self.clock(), self.hooks, lambda: stack.enter_async_context(connection.transaction())
                )
                result = await body(transaction)
                await transaction.settle()
            # Before the connection goes back: that takes turns of the loop, in which those who are told can begin.
            pace = Pace()
            for events in in_pieces(transaction.events):
                self.committed(events)
                await pace.turn()
        return result

    def connections(self) -> int:
        return self._connections.number()

    async def close(self) -> None:
        await self._connections.close()

    async def _translated(self, error: Exception) -> Unavailable:
        """What the caller is told."""
        if isinstance(error, _FULL):
            self._full_until = time.monotonic() + FULL_SECONDS
            return StorageFull(_NO_ROOM)
        if isinstance(error, _READ_ONLY):
            # Whoever takes writes now is found by connecting again.
            await self._connections.renew()
            return Unavailable(_NO_CHANGES)
        return Unavailable("the database cannot be reached or is overloaded; try again")
