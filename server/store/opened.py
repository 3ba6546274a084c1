"""Which database the settings name, and by which bus its processes hear of each other."""

from __future__ import annotations

from server.settings import Settings
from server.store.bus import Bus, PostgresBus, SocketBus
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


def open_bus(settings: Settings) -> Bus:
    """The bus beside it, not yet connected."""
    return SocketBus(settings.run_dir) if settings.sqlite_path is not None else PostgresBus(settings.database)
