"""Databases of both kinds for tests: migrated once in a test process, then copied or emptied."""

from __future__ import annotations

import asyncio
import os
import shutil
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlmodel import SQLModel

from server.settings import Settings
from server.store.migrations import migrate
from server.store.postgres_connections import connect
from tests.support.services import missing

LOCAL_POSTGRES = "postgresql://postgres@127.0.0.1:5432/postgres"
_FOLDER = TemporaryDirectory(prefix="orchestrator-template-")


@cache
def _template() -> Path:
    path = Path(_FOLDER.name) / "orchestrator.db"
    migrate(Settings(database_url=f"sqlite:///{path}"))
    return path


def new_sqlite(folder: Path) -> str:
    """The address of a new, migrated SQLite file in this folder."""
    path = folder / "orchestrator.db"
    shutil.copyfile(_template(), path)
    return f"sqlite:///{path}"


def engine_of(settings: Settings) -> AsyncEngine:
    """The database that the settings name, as SQLAlchemy sees it."""
    path = settings.sqlite_path
    if path is not None:
        return create_async_engine(f"sqlite+aiosqlite:///{path}")
    return create_async_engine("postgresql+asyncpg://", async_creator=lambda: connect(settings.database))


_LEFT_BEHIND = """
SELECT pid, state, wait_event, now() - xact_start AS age, left(query, 200) AS query, pg_terminate_backend(pid) AS ended
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
"""


async def _execute(url: str, *commands: str) -> None:
    connection = await asyncpg.connect(url, timeout=10)
    try:
        for command in commands:
            await connection.execute(command)
    finally:
        await connection.close()


@contextmanager
def new_postgres(*, migrated: bool = True) -> Iterator[str]:
    """The address of a new database on a PostgreSQL server; goes when the context ends.

    The server is TEST_DATABASE_URL, or the local one.
    """
    server = os.environ.get("TEST_DATABASE_URL", LOCAL_POSTGRES)
    name = f"orchestrator_test_{uuid.uuid4().hex[:12]}"
    try:
        asyncio.run(
            _execute(
                server,
                f'CREATE DATABASE "{name}"',
                # Nobody cuts the power here, so nobody need wait for the disk at each of some ten thousand commits.
                f'ALTER DATABASE "{name}" SET synchronous_commit = off',
            )
        )
    except (OSError, asyncpg.PostgresError, TimeoutError) as error:
        missing(f"PostgreSQL does not answer at {server} ({error}); set TEST_DATABASE_URL")
    url = server.rpartition("/")[0] + f"/{name}"
    try:
        if migrated:
            migrate(Settings(database_url=url))
        yield url
    finally:
        asyncio.run(_execute(server, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))


async def emptied(url: str) -> None:
    """Removes every row from a migrated PostgreSQL database, those that refer to others first.

    TRUNCATE takes a hundred times as long: it makes new files. A new connection would take twenty times as long.
    """
    await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_empty(url), _loop()))


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """A loop for what outlives the loops of single tests."""
    loop = asyncio.new_event_loop()
    Thread(target=loop.run_forever, daemon=True).start()
    return loop


_connections: dict[str, asyncpg.Connection] = {}


async def _empty(url: str) -> None:
    tables = reversed(SQLModel.metadata.sorted_tables)
    delete = "; ".join(f"DELETE FROM {table.name}" for table in tables)
    if url not in _connections or _connections[url].is_closed():
        _connections[url] = await asyncpg.connect(url, timeout=10)
        await _connections[url].execute("SET lock_timeout = '5s'")
    try:
        await _connections[url].execute(delete)
    except asyncpg.LockNotAvailableError:
        await _end_left_behind(url)
        await _execute(url, delete)


async def _end_left_behind(url: str) -> None:
    """Ends transactions of a test before this one, which would keep every later one waiting; a warning says which."""
    connection = await asyncpg.connect(url, timeout=10)
    try:
        for row in await connection.fetch(_LEFT_BEHIND):
            warnings.warn(f"a test has left a transaction open: {dict(row)}", stacklevel=2)
    finally:
        await connection.close()
