"""The same sessions in both databases, written straight into the files."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from server.model import Session, new_id

SECOND = 1_000_000
# Far off, so that none of them expires while we measure.
TIMEOUT_SECONDS = 30 * 24 * 3600
TIMES = ("created_at", "updated_at", "expires_at")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def sessions(organization: str, count: int) -> list[Session]:
    """`count` open sessions of an organization, oldest first."""
    now = time.time_ns() // 1000
    return [
        Session.new(
            id=identifier,
            organization_id=organization,
            name=f"session {index}",
            description="Seeded before the measurement.",
            timeout_seconds=TIMEOUT_SECONDS,
            created_at=now - (count - index) * 1000,
            updated_at=now - (count - index) * 1000,
            expires_at=now - (count - index) * 1000 + TIMEOUT_SECONDS * SECOND,
        )
        for index, identifier in enumerate(sorted(new_id() for _ in range(count)))
    ]


def organization_of(database: Path) -> str:
    """The organization of the development key."""
    with closing(sqlite3.connect(database)) as connection:
        (organization,) = connection.execute("SELECT organization_id FROM api_keys").fetchone()
    return str(organization)


def seed(database: Path, rows: list[Session], time_of: Callable[[int], object] = int) -> None:
    """Inserts the rows, as far as the database has columns for them.

    `time_of` makes what it keeps for a time in microseconds. Raises KeyError for a column that no session has.
    """
    with closing(sqlite3.connect(database, timeout=10)) as connection, connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(sessions)")]
        insertion = f"INSERT INTO sessions ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608
        values = [row.values() | {name: time_of(row.values()[name]) for name in TIMES} for row in rows]
        connection.executemany(insertion, [[row[column] for column in columns] for row in values])


def sqlalchemy_time(microseconds: int) -> str:
    """A time as SQLAlchemy keeps a datetime in SQLite."""
    moment = EPOCH + timedelta(microseconds=microseconds)
    return moment.replace(tzinfo=None).isoformat(" ", "microseconds")


def restore(database: Path, rows: list[Session]) -> None:
    """Removes whatever was created after the seeded rows, so that the next round finds as many as the first."""
    with closing(sqlite3.connect(database, timeout=10)) as connection, connection:
        connection.execute("DELETE FROM sessions WHERE id > ?", (rows[-1].values()["id"],))
