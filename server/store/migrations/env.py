"""What Alembic runs: everything that is missing, in one transaction, one process at a time.

Whoever is killed in the middle leaves nothing, and whoever comes next begins anew.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from alembic import context
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from server.model import Record
from server.settings import Settings
from server.store.postgres_connections import connect

LOCK = 4_270_501
# For whoever migrates now, and for the last changes under the old schema.
LOCK_SECONDS = 60
# One change of a large table may take long; a server that says nothing for this long has gone silent.
COMMAND_SECONDS = 3600.0


def _run(connection: Connection) -> None:
    # Within a transaction that has begun already, Alembic neither begins nor commits any.
    context.configure(
        connection=connection,
        target_metadata=Record.metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_server_default=False,
    )
    context.run_migrations()


def _migrate_sqlite(path: Path) -> None:
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool, connect_args={"timeout": LOCK_SECONDS})
    _begin_by_ourselves(engine)
    with engine.begin() as connection:
        _run(connection)
    engine.dispose()


def _begin_by_ourselves(engine: Engine) -> None:
    """Python's driver begins no transaction for a change of the schema, and a late one for others."""

    @event.listens_for(engine, "connect")
    def leave_it_to_us(connection: Any, _record: Any) -> None:
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


async def _migrate_postgres(url: str) -> None:
    engine = create_async_engine(
        "postgresql+asyncpg://",
        poolclass=NullPool,
        async_creator=lambda: connect(url, command_seconds=COMMAND_SECONDS),
    )
    async with engine.begin() as connection:
        for setting in ("lock_timeout", "idle_in_transaction_session_timeout"):
            await connection.execute(text(f"SET LOCAL {setting} = '{LOCK_SECONDS}s'"))
        await connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
        await connection.run_sync(_run)
    await engine.dispose()


settings: Settings = context.config.attributes["settings"]
if settings.sqlite_path is not None:
    _migrate_sqlite(settings.sqlite_path)
else:
    asyncio.run(_migrate_postgres(settings.database))
