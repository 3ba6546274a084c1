"""SQLite: reads straight from the loop, and one writer that commits many small transactions together.

Reads by key and short lists take microseconds, less than a hop to a thread, so they run in the loop on a read-only
connection. The writer runs in the loop too: in WAL mode with synchronous=NORMAL a commit does not wait for the disk.
What would wait — checkpoints, and scans whose cost grows with the rows — runs on threads of aiosqlite connections.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import time
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite
import structlog

from server.errors import ServiceError, StorageFull, Unavailable
from server.model import Event
from server.pace import Pace
from server.store.acting import Actor, acting
from server.store.checkpoints import Checkpoints
from server.store.database import FULL_SECONDS, Body, Clock, Committed, nobody_listens, system_clock
from server.store.statement import Statement
from server.store.transaction import Hooks, TransactionBase, in_pieces, settle

T = TypeVar("T")
LOCK_PATIENCE_SECONDS = 5.0
BATCH = 128
# Lists are parameters on PostgreSQL; here they are JSON, for `json_each`.
sqlite3.register_adapter(list, json.dumps)
_PRAGMAS = ["journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "temp_store=MEMORY", "cache_size=-65536"]
_PRAGMAS += ["mmap_size=268435456", "wal_autocheckpoint=0"]
_FULL = "the database cannot be written, its disk may be full; nothing was changed"
log = structlog.get_logger()


class SQLiteTransaction(TransactionBase):
    """One body's share of a batch."""

    dialect = "sqlite"

    def __init__(self, connection: sqlite3.Connection, now: int, hooks: Hooks, pace: Pace, actor: Actor) -> None:
        super().__init__(now, hooks, actor)
        self._connection = connection
        self._pace = pace

    async def one(self, statement: Statement[T], **parameters: Any) -> T | None:
        await self._pace.turn()
        row = self._connection.execute(statement.sqlite, parameters).fetchone()
        return None if row is None else statement.load(row)

    async def all(self, statement: Statement[T], **parameters: Any) -> list[T]:
        await self._pace.turn()
        return [statement.load(row) for row in self._connection.execute(statement.sqlite, parameters).fetchall()]

    async def run(self, statement: Statement[Any], **parameters: Any) -> int:
        await self._pace.turn()
        return self._connection.execute(statement.sqlite, parameters).rowcount

    async def many(self, statement: Statement[Any], parameters: list[dict[str, Any]]) -> None:
        for some in in_pieces(parameters):
            await self._pace.turn()
            self._connection.executemany(statement.sqlite, some)


class _Waiting:
    """A body in the queue, and where its caller waits."""

    __slots__ = ("actor", "body", "events", "future", "outcome")

    def __init__(self, body: Body[Any], future: asyncio.Future[Any]) -> None:
        self.body = body
        # The body runs in the writer's task, which is nobody's.
        self.actor = acting.get()
        self.future = future
        self.events: list[Event] = []
        self.outcome: Any = None


class SQLite:
    """A database file on this machine."""

    dialect = "sqlite"

    def __init__(self, path: Path, clock: Clock = system_clock) -> None:
        self.path = path
        self.clock = clock
        self.hooks = Hooks()
        self.committed: Committed = nobody_listens
        self._queue: list[_Waiting] = []
        self._wake = asyncio.Event()
        self._pace = Pace()
        self._closing = False
        self._full_until = 0.0
        # Held for a batch or a scan, and by the checkpoint that neither may be under way for.
        self._writing, self._scanning = asyncio.Lock(), asyncio.Lock()
        self._checkpoints = Checkpoints(path, self._writing, self._scanning)

    async def open(self) -> None:
        try:
            self._writer = self._connect()
            self._try_to_write()
            self._reader = self._connect()
            self._reader.execute("PRAGMA query_only = ON")
            self._slow = await aiosqlite.connect(self.path, isolation_level=None)
            await self._slow.execute(f"PRAGMA busy_timeout = {int(LOCK_PATIENCE_SECONDS * 1000)}")
            await self._checkpoints.open()
        except sqlite3.Error as error:
            raise Unavailable(f"the database {self.path} cannot be opened: {error}") from error
        self._task = asyncio.create_task(self._write_batches())

    def _try_to_write(self) -> None:
        """A file that can only be read is of no use here; one that somebody else writes just now is."""
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            self._writer.execute("ROLLBACK")
        except sqlite3.OperationalError as error:
            if not _is_locked(error):
                raise

    def _connect(self) -> sqlite3.Connection:
        # No waiting in the loop: a locked database is retried with pauses by the writer instead.
        connection = sqlite3.connect(self.path, isolation_level=None, timeout=0, cached_statements=512)
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        return connection

    async def one(self, statement: Statement[T], **parameters: Any) -> T | None:
        try:
            row = self._reader.execute(statement.sqlite, parameters).fetchone()
        except sqlite3.Error as error:
            raise _translate(error) from error
        return None if row is None else statement.load(row)

    async def all(self, statement: Statement[T], **parameters: Any) -> list[T]:
        try:
            rows = self._reader.execute(statement.sqlite, parameters).fetchall()
        except sqlite3.Error as error:
            raise _translate(error) from error
        return [statement.load(row) for row in rows]

    async def scan(self, statement: Statement[T], **parameters: Any) -> list[T]:
        try:
            async with self._scanning, self._slow.execute(statement.sqlite, parameters) as cursor:
                return [statement.load(row) for row in await cursor.fetchall()]
        except sqlite3.Error as error:
            raise _translate(error) from error

    async def write(self, body: Body[T]) -> T:
        if self._closing:
            raise Unavailable("the server is stopping")
        waiting = _Waiting(body, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._wake.set()
        result: T = await waiting.future
        return result

    async def probe(self) -> None:
        if time.monotonic() < self._full_until:
            raise StorageFull(_FULL)
        await self.write(self._touch)

    async def _touch(self, _transaction: object) -> None:
        # A number that SQLite keeps for its users, and that nobody here uses: one page, and no row.
        self._writer.execute("PRAGMA user_version = 0")

    def connections(self) -> int:
        return 3  # what writes, what reads, and what reads for long

    async def close(self) -> None:
        self._closing = True
        self._wake.set()
        await self._task
        await self._checkpoints.close()
        await self._slow.close()
        self._reader.close()
        self._writer.close()

    async def _write_batches(self) -> None:
        while self._queue or not self._closing:
            await self._wake.wait()
            self._wake.clear()
            while self._queue:
                taken, self._queue = self._queue[:BATCH], self._queue[BATCH:]
                batch = [waiting for waiting in taken if not waiting.future.done()]
                if batch:
                    async with self._writing:
                        await self._commit_surely(batch)
                    await self._checkpoints.look()
                # Callers get their answers before the next batch begins.
                await asyncio.sleep(0)

    async def _commit_surely(self, batch: list[_Waiting]) -> None:
        """Whatever happens to a batch, the next one has its turn."""
        try:
            await self._commit(batch)
        except Exception as error:
            log.exception("bug", writing=len(batch))
            self._refuse(batch, error)

    async def _commit(self, batch: list[_Waiting]) -> None:
        """Runs a batch as one transaction; where that is lost as a whole, each body in a transaction of its own."""
        self._pace = Pace()
        try:
            await self._begin()
        except sqlite3.Error as error:
            # Nobody gets the file now, so nobody waits for it in turn.
            self._refuse(batch, error)
            return
        try:
            for waiting in batch:
                await self._run(waiting, alone=len(batch) == 1)
            self._writer.execute("COMMIT")
        except Exception as error:
            self._roll_back()
            if len(batch) > 1:
                for waiting in batch:
                    if not waiting.future.done():
                        await self._commit([waiting])
            else:
                self._refuse(batch, error)
            return
        await self._deliver(batch)

    def _refuse(self, batch: list[_Waiting], error: Exception) -> None:
        translated = _translate(error)
        if isinstance(translated, StorageFull):
            self._full_until = time.monotonic() + FULL_SECONDS
            self._checkpoints.make_room()
        for waiting in batch:
            if not waiting.future.done():
                waiting.future.set_exception(translated)

    async def _begin(self) -> None:
        deadline = asyncio.get_running_loop().time() + LOCK_PATIENCE_SECONDS
        pause = 0.0005
        while True:
            try:
                self._writer.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if not _is_locked(error) or asyncio.get_running_loop().time() > deadline:
                    raise
            await asyncio.sleep(pause)
            pause = min(pause * 2, 0.02)

    async def _run(self, waiting: _Waiting, *, alone: bool) -> None:
        await self._pace.turn()
        transaction = SQLiteTransaction(self._writer, self.clock(), self.hooks, self._pace, waiting.actor)
        if not alone:
            self._writer.execute("SAVEPOINT body")
        try:
            waiting.outcome = await waiting.body(transaction)
            await settle(transaction)
        except Exception as error:
            if alone or not self._writer.in_transaction or isinstance(error, sqlite3.OperationalError):
                raise
            self._writer.execute("ROLLBACK TO body")
            if not waiting.future.done():
                waiting.future.set_exception(error)
        else:
            waiting.events = transaction.events
        if not alone:
            self._writer.execute("RELEASE body")

    def _roll_back(self) -> None:
        # Where the disk is full or gone, SQLite may have done it by itself, or does it before the next BEGIN.
        with contextlib.suppress(sqlite3.Error):
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")

    async def _deliver(self, batch: list[_Waiting]) -> None:
        for events in in_pieces([event for waiting in batch for event in waiting.events]):
            self.committed(events)
            await self._pace.turn()
        for waiting in batch:
            if not waiting.future.done():
                waiting.future.set_result(waiting.outcome)


def _is_locked(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _translate(error: BaseException) -> BaseException:
    """What the caller is told of an error of the database; errors of the body stay as they are."""
    if isinstance(error, ServiceError) or not isinstance(error, sqlite3.OperationalError | sqlite3.DatabaseError):
        return error
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if _is_locked(error):
        return Unavailable("the database is locked by another process; nothing was changed")
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
        return StorageFull(_FULL)
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
        return Unavailable("the database cannot be written; nothing was changed")
    return error
