"""Connections to PostgreSQL: a pool, all of whose waits end, and that gives up connections on which nobody answers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any

import asyncpg
import structlog

from server.postgres_address import connection_arguments
from server.store.forever import forever

# For a connection, and for a row that somebody else has locked.
PATIENCE_SECONDS = 5.0
# How much longer than the server itself its caller waits for the end of a statement.
GRACE_SECONDS = 2.0
CLOSE_SECONDS = 5.0
# How much longer a read of a large table may take.
LONG = 12
RENEW_SECONDS = 1.0
MOST_OFTEN_SECONDS = 1.0
# Whoever is interrupted in a statement waits so long for the server to let go of it.
RELEASE_SECONDS = 1.0
_SESSION = (
    "SET lock_timeout = {patience}; SET statement_timeout = {statement};"
    # Every statement is a short one, for which to compile it would take longer than it runs.
    "SET jit = off;"
    # Whoever goes silent in a transaction must not hold its locks for good.
    "SET idle_in_transaction_session_timeout = {statement};"
    "SET tcp_keepalives_idle = 15; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3;"
    # What a body reads before it locks anything is read outside of its transaction.
    "SET default_transaction_isolation = 'read committed'"
)
# A statement that somebody began to say is under way for the server, so none of the limits above ends it: who has gone
# silent in the middle of one, or was killed behind a proxy that does not say so, would hold its locks for good.
_END_HALF_SAID = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
    "WHERE datname = current_database() AND usename = current_user "
    "AND application_name = current_setting('application_name') "
    "AND state = 'active' AND (wait_event = 'ClientRead' AND query_start < now() - $1 * interval '1 second' "
    # Nor is anything read of the answer; whoever reads slowly has longer than the longest scan.
    "OR wait_event = 'ClientWrite' AND query_start < now() - $2 * interval '1 second')"
)
log = structlog.get_logger()


async def connect(
    url: str, application_name: str = "", *, command_seconds: float = PATIENCE_SECONDS
) -> asyncpg.Connection:
    """A connection by itself, each of whose commands ends in time. Raises OSError, and asyncpg's errors."""
    arguments = connection_arguments(url)
    if application_name:
        arguments["server_settings"]["application_name"] = application_name
    return await asyncpg.connect(**arguments, command_timeout=command_seconds)


class _Connection(asyncpg.Connection):  # type: ignore[misc]
    """Knows when it was last given back after an answer, or made."""

    __slots__ = ("heard_at",)
    heard_at: float


class Connections:
    """The pool. `seconds` is what a statement may take."""

    def __init__(self, url: str, *, most: int, seconds: float) -> None:
        self._url = url
        self._most = most
        self._seconds = seconds
        self._open: set[_Connection] = set()
        self._renewed_at = 0.0

    async def open(self) -> None:
        """Connects. Raises OSError, and asyncpg's errors."""
        arguments = {"statement_cache_size": 512, **connection_arguments(self._url)}
        self._loop = asyncio.get_running_loop()
        self._pool = await asyncpg.create_pool(
            **arguments,
            min_size=min(2, self._most),
            max_size=self._most,
            connection_class=_Connection,
            init=self._begin,
            reset=_nothing,
        )
        self._watching = asyncio.create_task(forever("half-said statements", self._end_half_said))

    def number(self) -> int:
        """How many are open."""
        size: int = self._pool.get_size()
        return size

    def lent(self) -> _Lent:
        """A connection for a while: `async with connections.lent() as connection`."""
        return _Lent(self._pool, self, self._seconds + GRACE_SECONDS, self._loop)

    @contextlib.asynccontextmanager
    async def lent_for_long(self) -> AsyncIterator[Any]:
        """A connection in a transaction whose statements may take `LONG` times as long."""
        seconds = self._seconds * LONG
        async with _Lent(self._pool, self, seconds + GRACE_SECONDS, self._loop) as connection, connection.transaction():
            await connection.execute(f"SET LOCAL statement_timeout = {int(seconds * 1000)}")
            yield connection

    async def renew(self) -> None:
        """Has every connection made anew before it is used again; once a second is enough."""
        if self._loop.time() - self._renewed_at > RENEW_SECONDS:
            self._renewed_at = self._loop.time()
            await self._pool.expire_connections()

    def give_up(self, since: float) -> None:
        """Ends each connection on which nobody has answered since then: what is silent is seldom one of them alone."""
        silent = [connection for connection in self._open if connection.heard_at <= since]
        log.warning("the database is silent, so connections are given up", connections=len(silent))
        for connection in silent:
            connection.terminate()

    async def close(self) -> None:
        """Disconnects; what does not end in time is cut off."""
        self._watching.cancel()
        await asyncio.gather(self._watching, return_exceptions=True)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._pool.close()

    async def _end_half_said(self) -> None:
        """Ends the sessions of this program, of whichever process, that have stopped in the middle of a statement."""
        while True:
            await asyncio.sleep(max(MOST_OFTEN_SECONDS, self._seconds / 2))
            async with self.lent() as connection:
                ended = await connection.fetchval(_END_HALF_SAID, self._seconds, (LONG + 1) * self._seconds)
            if ended:
                log.warning("sessions that stopped in the middle of a statement are ended", sessions=ended)

    async def _begin(self, connection: _Connection) -> None:
        connection.heard_at = self._loop.time()
        # Not with the first message: poolers in between refuse settings there.
        patience, statement = int(PATIENCE_SECONDS * 1000), int(self._seconds * 1000)
        await connection.execute(_SESSION.format(patience=patience, statement=statement))
        self._open.add(connection)
        connection.add_termination_listener(lambda _: self._open.discard(connection))


class _Lent:
    """One use of a connection, which ends in time."""

    __slots__ = ("_connection", "_connections", "_itself", "_loop", "_pool", "_seconds", "_timer")

    def __init__(
        self, pool: asyncpg.Pool, connections: Connections, seconds: float, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._pool, self._connections, self._seconds, self._loop = pool, connections, seconds, loop

    async def __aenter__(self) -> Any:
        self._connection: Any = await self._pool.acquire(timeout=PATIENCE_SECONDS)
        # Behind what the pool gives out for it, which takes a tenth of a short statement's time to ask.
        self._itself: _Connection = self._connection._con  # noqa: SLF001
        self._timer = self._loop.call_later(self._seconds, self._connections.give_up, self._loop.time())
        return self._connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        if error is None:
            self._itself.heard_at = self._loop.time()
            await self._pool.release(self._connection)
            return
        # What cannot be given back is given up.
        with contextlib.suppress(Exception):
            await self._pool.release(self._connection, timeout=RELEASE_SECONDS)
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            # An error on the way out, such as of a rollback to which nobody answers, must not hide that it is one.
            raise asyncio.CancelledError from error


async def _nothing(_connection: Any) -> None:
    """Between two uses: sessions change only in transactions here, and those are over."""
