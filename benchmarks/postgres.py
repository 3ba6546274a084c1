"""A database of its own on a PostgreSQL server, for as long as a benchmark needs it."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

POSTGRES = os.environ.get("TEST_DATABASE_URL", "postgresql://postgres@127.0.0.1:5432/postgres")


@asynccontextmanager
async def new_database() -> AsyncIterator[str | None]:
    """Its address; None, and a line that says why, where no server answers."""
    name = f"orchestrator_benchmark_{uuid.uuid4().hex[:12]}"
    try:
        connection = await asyncpg.connect(POSTGRES, timeout=3)
    except (OSError, asyncpg.PostgresError, TimeoutError) as error:
        print(f"PostgreSQL does not answer ({error}), so it is left out; set TEST_DATABASE_URL")
        yield None
        return
    await connection.execute(f'CREATE DATABASE "{name}"')
    try:
        yield POSTGRES.rpartition("/")[0] + f"/{name}"
    finally:
        await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        await connection.close()
