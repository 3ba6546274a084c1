"""SQLite's write-ahead log stays short, whatever is written and whoever reads."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from server.core.sessions.lifecycle import Sessions
from server.core.shared.count_cache import CountCache
from server.errors import StorageFull
from server.settings import Settings
from server.store import checkpoints
from server.store.sqlite import SQLite
from tests.support.tenants import make_tenant
from tests.support.waiting import eventually

BOUND = 64 << 20
Create = Callable[[], Awaitable[object]]


@pytest.fixture
async def file(sqlite_settings: Settings) -> AsyncIterator[SQLite]:
    opened = SQLite(sqlite_settings.sqlite_path)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
async def create(file: SQLite) -> Create:
    """Makes one row and its event."""
    tenant = await make_tenant(file)
    sessions = Sessions(file, CountCache(file), open_sessions=None)
    return lambda: sessions.create(tenant.call(), name="s", description="x" * 500)


def log_bytes(file: SQLite) -> int:
    return file.path.with_name(file.path.name + "-wal").stat().st_size


async def write(create: Create, file: SQLite, count: int) -> int:
    """Writes one row after the other, and returns how long the log was at most."""
    longest = 0
    for _ in range(count):
        await create()
        longest = max(longest, log_bytes(file))
    return longest


async def test_the_log_stays_short_however_much_is_written(file: SQLite, create: Create) -> None:
    """Some 120 MiB are written."""
    assert await write(create, file, 3000) < BOUND


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_the_log_stays_short_for_ten_minutes_of_a_thousand_writes_a_second(
    file: SQLite, create: Create
) -> None:
    longest, began = 0, time.monotonic()
    for hundredth in range(1, 60_001):
        longest = max(longest, await write(create, file, 10))
        await asyncio.sleep(began + hundredth / 100 - time.monotonic())
    assert longest < BOUND
    print(f"at most {longest >> 20} MiB")


async def test_writers_wait_for_a_slow_disk_rather_than_let_the_log_run_away(
    file: SQLite, create: Create, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = file._checkpoints._checkpoint

    async def slow(mode: str) -> bool:
        await asyncio.sleep(0.1)
        return await quick(mode)

    monkeypatch.setattr(file._checkpoints, "_checkpoint", slow)
    for name, size in (("BEGIN_BYTES", 1 << 20), ("CUT_BYTES", 1 << 20), ("HOLD_BYTES", 2 << 20)):
        monkeypatch.setattr(checkpoints, name, size)
    file._checkpoints._full_bytes = 1 << 20
    assert await write(create, file, 100) < 3 << 20


async def test_the_log_is_cut_off_while_nobody_writes(
    file: SQLite, create: Create, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "IDLE_BYTES", 100_000)
    await write(create, file, 20)
    assert log_bytes(file) > 100_000
    # Idle for no time at all, from the next look on.
    monkeypatch.setattr(checkpoints, "IDLE_SECONDS", 0.01)
    file._checkpoints._full.set()
    await eventually(lambda: log_bytes(file) < 100_000)


async def test_the_log_gives_its_room_back_once_there_is_none(file: SQLite, create: Create) -> None:
    await write(create, file, 20)
    assert log_bytes(file) > 100_000
    file._writer.execute(f"PRAGMA max_page_count = {file._writer.execute('PRAGMA page_count').fetchone()[0]}")
    with pytest.raises(StorageFull):
        await write(create, file, 50)
    await eventually(lambda: log_bytes(file) < 100_000)


async def test_the_log_gives_its_room_back_once_there_is_none(file: SQLite, create: Create) -> None:
    await write(create, file, 20)
    assert log_bytes(file) > 100_000
    file._writer.execute(f"PRAGMA max_page_count = {file._writer.execute('PRAGMA page_count').fetchone()[0]}")
    with pytest.raises(StorageFull):
        await write(create, file, 50)
    await eventually(lambda: log_bytes(file) < 100_000, 3)


async def test_a_log_that_a_long_read_keeps_is_begun_again_afterwards_and_writers_do_not_wait_for_it(
    file: SQLite, create: Create, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "BEGIN_BYTES", 1 << 20)
    monkeypatch.setattr(checkpoints, "CUT_BYTES", 2 << 20)
    monkeypatch.setattr(checkpoints, "LAST_PAUSE_SECONDS", 0.05)
    file._checkpoints._full_bytes = 1 << 20
    reader = sqlite3.connect(file.path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM sessions").fetchone()
    await write(create, file, 200)
    assert log_bytes(file) > 4 << 20
    reader.execute("COMMIT")
    reader.close()
    await write(create, file, 20)
    await eventually(lambda: log_bytes(file) < 1 << 20)


async def test_what_a_checkpoint_has_moved_is_there_when_the_file_is_opened_again(
    file: SQLite, create: Create, monkeypatch: pytest.MonkeyPatch
) -> None:
    file._checkpoints._full_bytes = 0
    await asyncio.gather(*(write(create, file, 50) for _ in range(4)))
    with sqlite3.connect(file.path) as other:
        assert other.execute("SELECT count(*) FROM sessions").fetchone() == (200,)
        assert other.execute("SELECT count(*) FROM events WHERE number <= 200").fetchone() == (200,)
        assert other.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    other.close()
