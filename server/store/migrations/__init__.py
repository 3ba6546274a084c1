"""The schema's history, and bringing a database up to its present."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy import column, select, table

from server.errors import SchemaTooNew, Unavailable
from server.private_files import close_to_others, private_file
from server.settings import Settings
from server.store.database import Database
from server.store.postgres_connections import connect
from server.store.statement import Statement

FOLDER = Path(__file__).parent
# Every schema that this program knows, oldest first: migrations are appended, and never changed once released.
VERSIONS = sorted(path.name.partition("_")[0] for path in (FOLDER / "versions").glob("[0-9]*.py"))
HEAD = VERSIONS[-1]

_VERSION = Statement[Any](select(column("version_num")).select_from(table("alembic_version")))


def migrate(settings: Settings) -> None:
    """Applies what is missing. Blocks, so call it before the loop starts. Raises Unavailable, and SchemaTooNew.

    Alembic takes a quarter of a second to import, so it is asked only where the schema is not the present one.
    """
    version = _present(settings)
    if version == HEAD:
        return
    if version is not None and version not in VERSIONS:
        raise SchemaTooNew(
            f"the database has schema {version}, and the newest that this program knows is {HEAD}: "
            "a newer program has migrated it, so run that one, or restore a backup from before"
        )
    from alembic import command  # noqa: PLC0415
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    try:
        command.upgrade(configuration(settings), "head")
    except (OSError, SQLAlchemyError, asyncpg.PostgresError) as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise Unavailable(f"the database cannot be migrated, and is as it was: {reason}") from error


async def is_present(database: Database) -> bool:
    """Whether the schema of an open database is the present one."""
    row = await database.one(_VERSION)
    return row is not None and row[0] == HEAD


def configuration(settings: Settings) -> Any:
    """Alembic's settings for the database that ours name."""
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["settings"] = settings
    return config


def _present(settings: Settings) -> str | None:
    path = settings.sqlite_path
    if path is None:
        return asyncio.run(_present_postgres(settings.database))
    private_file(path)
    # SQLite makes these like the file itself; they may be of a time when that was open.
    for ending in ("-wal", "-shm", "-journal"):
        with suppress(FileNotFoundError):
            close_to_others(path.with_name(path.name + ending))
    try:
        with closing(sqlite3.connect(path)) as connection:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error as error:
        if "no such table" in str(error):
            return None
        raise Unavailable(f"the database {path} cannot be opened: {error}") from error
    return row[0] if row else None


async def _present_postgres(url: str) -> str | None:
    try:
        connection = await connect(url)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        raise Unavailable(f"the database cannot be reached: {error or repr(error)}") from error
    try:
        version: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
    except asyncpg.UndefinedTableError:
        return None
    finally:
        connection.terminate()
    return version
