"""Both databases keep the same promises."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from server.core.shared import idempotency
from server.core.events.stream import EventStreams
from server.core.sessions.lifecycle import Sessions
from server.core.shared.count_cache import CountCache
from server.errors import Conflict, CursorGone, StorageFull, Unavailable
from server.model import Record
from server.settings import Settings
from server.store import sqlite
from server.store.bus import PostgresBus, SocketBus
from server.store.database import Database
from server.store.acting import Actor, acting
from server.store.feed import AFTER, Feeds
from server.store.migrations import migrate
from server.store.opened import open_database
from server.store.sqlite import SQLite
from tests.support.databases import engine_of
from tests.support.tenants import Tenant, make_tenant
from tests.support.waiting import eventually


@pytest.fixture
async def tenant(database: Database) -> Tenant:
    return await make_tenant(database)


@pytest.fixture
def sessions(database: Database) -> Sessions:
    return Sessions(database, CountCache(database), open_sessions=None)


@pytest.fixture
async def feeds(database: Database, settings: Settings):
    feeds = Feeds(database, make_bus(settings))
    await feeds._bus.open()
    feeds.start()
    yield feeds
    feeds.close()
    await feeds._bus.close()


def make_bus(settings: Settings):
    if settings.sqlite_path is None:
        return PostgresBus(settings.database)
    return SocketBus(settings.run_dir)


async def test_the_migrations_make_the_tables_that_the_models_describe(settings: Settings) -> None:
    # The index of chunks is made in the words of each database, which no model has.
    described = lambda name, kind, _: kind != "table" or not name.startswith("chunk_index")  # noqa: E731
    engine = engine_of(settings)
    async with engine.connect() as connection:
        difference = await connection.run_sync(
            lambda sync: compare_metadata(
                MigrationContext.configure(sync, opts={"compare_type": True, "include_name": described}),
                Record.metadata,
            )
        )
    await engine.dispose()
    assert difference == []


async def test_events_of_concurrent_transactions_are_numbered_without_holes(
    database: Database, sessions: Sessions, tenant: Tenant, feeds: Feeds
) -> None:
    await asyncio.gather(*(sessions.create(tenant.call(), name=f"s{n}") for n in range(60)))
    events = await feeds.page(tenant.caller.organization_id, 0)
    assert [event.number for event in events] == list(range(1, 61))
    assert len({event.resource_id for event in events}) == 60


async def test_a_body_that_raises_leaves_nothing_and_does_not_hurt_its_neighbours(
    database: Database, sessions: Sessions, tenant: Tenant, feeds: Feeds
) -> None:
    async def broken(transaction):
        created = await Sessions(_Inside(transaction), None, open_sessions=None).create(tenant.call(), name="broken")
        raise Conflict(created.id)

    results = await asyncio.gather(
        *(sessions.create(tenant.call(), name=f"s{n}") for n in range(5)),
        database.write(broken),
        *(sessions.create(tenant.call(), name=f"t{n}") for n in range(5)),
        return_exceptions=True,
    )
    assert [type(result).__name__ for result in results].count("Session") == 10
    assert isinstance(results[5], Conflict)
    page = await sessions.page(tenant.call(), size=50, token="", status=None)
    assert len(page.rows) == 10
    assert (await feeds.bounds(tenant.caller.organization_id)).head == 10


class _Inside:
    """A database whose writes happen in a transaction that is already open."""

    def __init__(self, transaction) -> None:
        self._transaction = transaction

    async def write(self, body):
        return await body(self._transaction)


async def test_a_follower_gets_what_was_recorded_and_then_what_happens(
    sessions: Sessions, tenant: Tenant, feeds: Feeds
) -> None:
    for n in range(3):
        await sessions.create(tenant.call(), name=f"s{n}")
    seen: list[int] = []

    async def follow() -> None:
        async for events in feeds.follow(tenant.caller.organization_id, 1, 0.2):
            seen.extend(event.number for event in events)

    following = asyncio.create_task(follow())
    await eventually(lambda: seen == [2, 3])
    await asyncio.gather(*(sessions.create(tenant.call(), name=f"t{n}") for n in range(20)))
    await eventually(lambda: seen == list(range(2, 24)))
    feeds.close()
    await asyncio.wait_for(following, 2)


async def test_a_process_sees_at_once_what_another_commits(
    sessions: Sessions, tenant: Tenant, feeds: Feeds, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other process is another database object with a bus of its own; the safety net is off."""
    other = open_database(settings)
    await other.open()
    bus = make_bus(settings)
    if isinstance(bus, SocketBus):
        bus._path = settings.run_dir / "1.bus"
    await bus.open()
    heard: list[int] = []
    Feeds(other, bus).start()
    there = Sessions(other, CountCache(other), open_sessions=None)

    async def follow() -> None:
        async for events in feeds.follow(tenant.caller.organization_id, 0, 5):
            heard.extend(event.number for event in events)

    following = asyncio.create_task(follow())
    await asyncio.sleep(1.1)  # peers look for each other once a second
    for n in range(10):
        await (there if n % 2 else sessions).create(tenant.call(), name=f"s{n}")
    await eventually(lambda: heard == list(range(1, 11)), 2)
    following.cancel()
    await bus.close()
    await other.close()


async def test_events_older_than_the_retention_are_removed_and_a_late_follower_is_told(
    database: Database, sessions: Sessions, tenant: Tenant, feeds: Feeds
) -> None:
    for n in range(5):
        last = await sessions.create(tenant.call(), name=f"s{n}")
    organization = tenant.caller.organization_id
    events = EventStreams(database, feeds, heartbeat_seconds=1)
    await events.trim(last.created_at)
    with pytest.raises(CursorGone) as gone:
        await events.begin(tenant.call(), 0)
    assert gone.value.details == {"after": 0, "start_after": 4, "newest": 5}
    assert await events.begin(tenant.call(), 4) == 4
    with pytest.raises(CursorGone):
        await feeds.page(organization, 1)
    assert [event.number for event in await feeds.page(organization, 4)] == [5]


async def test_idempotency_marks_are_forgotten_after_their_time(
    database: Database, sessions: Sessions, tenant: Tenant
) -> None:
    first = await sessions.create(tenant.call(key="k"), name="a")
    assert (await sessions.create(tenant.call(key="k"), name="a")).id == first.id
    await idempotency.forget(database, database.clock() + 1)
    assert (await sessions.create(tenant.call(key="k"), name="a")).id != first.id


async def test_totals_follow_every_change(sessions: Sessions, tenant: Tenant) -> None:
    async def total() -> int:
        return (await sessions.slice(tenant.call(), limit=1, offset=0, status=None)).total

    assert await total() == 0
    made = [await sessions.create(tenant.call(), name="a") for _ in range(3)]
    assert await total() == 3
    await sessions.delete(tenant.call(), made[0].id)
    assert await total() == 2


@pytest.fixture
def migrated(tmp_path) -> Settings:
    settings = Settings(data_dir=tmp_path)
    migrate(settings)
    return settings


@pytest.fixture
async def file(migrated: Settings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sqlite, "LOCK_PATIENCE_SECONDS", 0.3)
    opened = SQLite(migrated.sqlite_path)
    await opened.open()
    yield opened
    await opened.close()


async def test_a_locked_file_is_an_error_to_the_caller_and_no_row(file: SQLite) -> None:
    tenant = await make_tenant(file)
    sessions = Sessions(file, CountCache(file), open_sessions=None)
    locker = sqlite3.connect(file.path, isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")
    results = await asyncio.gather(
        *(sessions.create(tenant.call(), name=f"s{n}") for n in range(3)), return_exceptions=True
    )
    assert [type(result) for result in results] == [Unavailable] * 3
    assert "locked" in results[0].message
    assert not (await sessions.page(tenant.call(), size=5, token="", status=None)).rows
    locker.execute("COMMIT")
    locker.close()
    assert (await sessions.create(tenant.call(), name="after")).name == "after"


async def test_a_lock_that_is_let_go_in_time_only_delays(file: SQLite) -> None:
    tenant = await make_tenant(file)
    sessions = Sessions(file, CountCache(file), open_sessions=None)
    locker = sqlite3.connect(file.path, isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")
    creating = asyncio.create_task(sessions.create(tenant.call(), name="patient"))
    await asyncio.sleep(0.05)
    assert not creating.done()
    locker.execute("COMMIT")
    locker.close()
    assert (await creating).name == "patient"


async def test_a_full_disk_is_an_error_to_the_caller_and_no_half_written_row(file: SQLite) -> None:
    tenant = await make_tenant(file)
    sessions = Sessions(file, CountCache(file), open_sessions=None)
    pages = file._writer.execute("PRAGMA page_count").fetchone()[0]
    file._writer.execute(f"PRAGMA max_page_count = {pages + 4}")
    made, failed = 0, 0
    for n in range(40):
        try:
            await sessions.create(tenant.call(), name=f"s{n}", description="x" * 1500)
            made += 1
        except StorageFull:
            failed += 1
    assert made and failed
    feeds = Feeds(file, SocketBus(file.path.parent))
    assert (await feeds.bounds(tenant.caller.organization_id)).head == made
    assert len((await sessions.page(tenant.call(), size=50, token="", status=None)).rows) == made
    file._writer.execute("PRAGMA max_page_count = 100000")
    assert (await sessions.create(tenant.call(), name="after")).name == "after"
    assert create_engine(f"sqlite:///{file.path}").connect().exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"


async def test_an_event_says_who_made_it(database: Database, tenant: Tenant, sessions: Sessions) -> None:
    organization = tenant.caller.organization_id
    token = acting.set(Actor(organization, "user_1", "key", "coordinaitor", "192.0.2.1"))
    try:
        made = await sessions.create(tenant.call(), name="s", timeout_seconds=60, max_iterations=1)
    finally:
        acting.reset(token)
    (event,) = [each for each in await database.all(AFTER, organization=organization, after=0, limit=9)]
    assert event.resource_id == made.id
    assert (event.actor, event.credential, event.via, event.address) == ("user_1", "key", "coordinaitor", "192.0.2.1")
