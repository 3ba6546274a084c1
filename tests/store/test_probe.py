"""Whether the database takes changes is found out by making one, which leaves nothing behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text

from server.core.monitoring.health import HealthChecks
from server.core.sessions.lifecycle import Sessions
from server.core.shared.count_cache import CountCache
from server.errors import StorageFull, Unavailable
from server.settings import Settings
from server.store import sqlite
from server.store.database import Database
from server.store.postgres import Postgres
from server.store.sqlite import SQLite
from server.store.statement import Statement
from tests.support.databases import emptied
from tests.support.proxy import proxied
from tests.support.tenants import make_tenant
from tests.support.waiting import eventually

NO_ROOM = Statement[Any](text("DO $$ BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = '53100'; END $$"))

WAIT = Statement[Any](text("SELECT pg_sleep(0.1)"))


async def said(database: Database) -> tuple[str, bool]:
    """What `/health` and `/ready` say now, which looks anew."""
    checks = HealthChecks(database)
    health, ready = await asyncio.gather(checks.condition(), checks.readiness())
    return health.components["database"], ready["database"]


@pytest.fixture
async def file(sqlite_settings: Settings) -> AsyncIterator[SQLite]:
    opened = SQLite(sqlite_settings.sqlite_path)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
async def postgres(postgres_url: str) -> AsyncIterator[Postgres]:
    await emptied(postgres_url)
    opened = Postgres(postgres_url, connections=4)
    await opened.open()
    yield opened
    await opened.close()


async def test_a_probe_is_no_event_and_no_row(database: Database, settings: Settings) -> None:
    told: list[Any] = []
    database.committed = told.extend
    for _ in range(3):
        await database.probe()
    assert await said(database) == ("healthy", True)
    assert told == []


async def test_a_file_does_not_grow_by_probes(file: SQLite) -> None:
    pages = file._writer.execute("PRAGMA page_count").fetchone()
    for _ in range(100):
        await file.probe()
    assert file._writer.execute("PRAGMA page_count").fetchone() == pages


async def test_an_ordinary_user_of_postgresql_may_probe(postgres_url: str) -> None:
    owner = await asyncpg.connect(postgres_url)
    await owner.execute("DROP ROLE IF EXISTS orchestrator_probe; CREATE ROLE orchestrator_probe LOGIN PASSWORD 'p'")
    try:
        address = "postgresql://orchestrator_probe:p@" + postgres_url.rpartition("@")[2]
        opened = Postgres(address, connections=2)
        await opened.open()
        await opened.probe()
        await opened.close()
    finally:
        await owner.execute("DROP ROLE orchestrator_probe")
        await owner.close()


async def test_a_file_without_room_is_not_healthy_and_recovers(file: SQLite, monkeypatch: pytest.MonkeyPatch) -> None:
    tenant = await make_tenant(file)
    sessions = Sessions(file, CountCache(file), open_sessions=None)
    pages = file._writer.execute("PRAGMA page_count").fetchone()[0]
    file._writer.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StorageFull):
        for _ in range(40):
            await sessions.create(tenant.call(), name="s", description="x" * 1500)
    assert await said(file) == ("unhealthy", False)
    file._writer.execute("PRAGMA max_page_count = 100000")
    # As if ten seconds had passed.
    assert sqlite.FULL_SECONDS == 10
    file._full_until -= sqlite.FULL_SECONDS
    assert await said(file) == ("healthy", True)
    await sessions.create(tenant.call(), name="after")


async def test_a_file_that_takes_no_changes_is_not_healthy(file: SQLite) -> None:
    file._writer.execute("PRAGMA query_only = ON")
    with pytest.raises(Unavailable):
        await make_tenant(file)
    assert await said(file) == ("unhealthy", False)
    file._writer.execute("PRAGMA query_only = OFF")
    assert await said(file) == ("healthy", True)


async def test_a_failure_that_nobody_has_thought_of_does_not_end_the_writer(
    file: SQLite, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_batch: Any) -> None:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(file, "_deliver", broken)
        with pytest.raises(RuntimeError):
            await file.probe()
    await file.probe()


async def test_a_postgresql_without_room_is_not_healthy_and_recovers(postgres: Postgres) -> None:
    async def fill(transaction: Any) -> None:
        await transaction.run(NO_ROOM)

    with pytest.raises(StorageFull):
        await postgres.write(fill)
    assert await said(postgres) == ("unhealthy", False)
    postgres._full_until = 0
    assert await said(postgres) == ("healthy", True)


async def test_a_postgresql_that_takes_no_changes_is_not_healthy(postgres: Postgres, postgres_url: str) -> None:
    name = postgres_url.rpartition("/")[2]
    owner = await asyncpg.connect(postgres_url)
    try:
        await owner.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
        await postgres._connections.renew()
        assert await said(postgres) == ("unhealthy", False)
    finally:
        await owner.execute("SET default_transaction_read_only = off")
        await owner.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
        await owner.close()
    postgres._connections._renewed_at = 0
    with pytest.raises(Unavailable, match="takes no changes"):
        # Which has connections made anew, as a probe once a second does.
        await postgres.probe()
    assert await said(postgres) == ("healthy", True)


async def test_a_silent_postgresql_is_found_out_within_a_second_or_so(postgres_url: str) -> None:
    async with proxied(postgres_url) as proxy:
        opened = Postgres(proxy.url, connections=4, statement_seconds=1)
        await opened.open()
        # New connections would be good ones.
        await asyncio.gather(*(opened.one(WAIT) for _ in range(4)))
        assert proxy.silence() == 4
        async with asyncio.timeout(4):
            assert await said(opened) == ("unhealthy", False)

        async def well() -> bool:
            return await said(opened) == ("healthy", True)

        await eventually(well)
        await opened.close()
