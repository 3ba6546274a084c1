"""Which database the settings name."""

from __future__ import annotations

from server.settings import Settings
from server.store.database import Database
from server.store.postgres import Postgres
from server.store.sqlite import SQLite


def open_database(settings: Settings) -> Database:
    """The database that the settings name, not yet connected."""
    if settings.sqlite_path is not None:
        return SQLite(settings.sqlite_path)
    return Postgres(
        settings.database,
        connections=settings.database_connections,
        statement_seconds=settings.database_timeout_seconds,
    )
