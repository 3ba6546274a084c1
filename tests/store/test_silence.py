"""A PostgreSQL that says nothing more, or takes no more changes: every wait ends, and all goes on with new connections."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import select, text

from server import values
from server.app import Application
from server.core.queue.creation import NewTask
from server.errors import Unavailable
from server.model import Organization, Task
from server.settings import Settings
from server.store import bus, postgres_connections
from server.store.bus import PostgresBus
from server.store.postgres import Postgres
from server.store.statement import Statement
from tests.support.databases import emptied
from tests.support.proxy import Proxy, proxied
from tests.support.tenants import make_tenant
from tests.support.waiting import eventually

ORGANIZATIONS = Statement[Any](select(Organization.table().c.id))
RENAME = Statement[Any](text("UPDATE organizations SET name = name"))
SLEEP = Statement[Any](text("SELECT pg_sleep(60)"))


@pytest.fixture
async def proxy(postgres_url: str) -> AsyncIterator[Proxy]:
    await emptied(postgres_url)
    async with proxied(postgres_url) as opened:
        yield opened


@pytest.fixture
async def postgres(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Postgres]:
    monkeypatch.setattr(postgres_connections, "GRACE_SECONDS", 0.1)
    monkeypatch.setattr(postgres_connections, "CLOSE_SECONDS", 0.5)
    opened = Postgres(proxy.url, connections=4, statement_seconds=1.0)
    await opened.open()
    yield opened
    await opened.close()


async def rename(transaction: Any) -> None:
    await transaction.run(RENAME)


async def test_one_silent_connection_has_all_that_are_silent_given_up(proxy: Proxy, postgres: Postgres) -> None:
    await asyncio.gather(*(postgres.one(ORGANIZATIONS) for _ in range(20)))
    assert proxy.silence() == 4
    async with asyncio.timeout(10):
        with pytest.raises(Unavailable):
            await postgres.one(ORGANIZATIONS)
        for _ in range(8):
            await postgres.write(rename)
            await postgres.all(ORGANIZATIONS)


async def test_all_that_wait_at_a_silent_server_get_an_answer_and_then_it_is_as_before(
    proxy: Proxy, postgres: Postgres
) -> None:
    proxy.silence()
    async with asyncio.timeout(10):
        answers = await asyncio.gather(
            *(postgres.one(ORGANIZATIONS) for _ in range(6)),
            *(postgres.write(rename) for _ in range(6)),
            return_exceptions=True,
        )
        assert {type(answer) for answer in answers} <= {Unavailable, type(None)}
        await postgres.write(rename)


async def test_the_locks_of_a_transaction_that_went_silent_are_let_go(proxy: Proxy, postgres: Postgres) -> None:
    await make_tenant(postgres)

    async def holds(transaction: Any) -> None:
        await transaction.run(RENAME)
        proxy.silence()
        await transaction.run(RENAME)

    with pytest.raises(Unavailable):
        await postgres.write(holds)
    async with asyncio.timeout(10):
        await postgres.write(rename)


async def test_the_locks_of_whoever_went_silent_in_the_middle_of_a_statement_are_let_go(
    proxy: Proxy, postgres: Postgres
) -> None:
    """For the server such a statement is under way, and none of its own limits ends it."""
    await make_tenant(postgres)
    other = await postgres_connections.connect(proxy.url)
    await other.execute("BEGIN; UPDATE organizations SET name = name")
    parse = b"\0SELECT 1\0" + bytes(2)
    other._transport.write(b"P" + (len(parse) + 4).to_bytes(4, "big") + parse)
    await asyncio.sleep(0.1)
    proxy.silence()
    async with asyncio.timeout(10):
        while True:
            with contextlib.suppress(Unavailable):
                await postgres.write(rename)
                break
    other.terminate()


async def test_whoever_is_cancelled_meanwhile_is_cancelled(proxy: Proxy, postgres: Postgres) -> None:
    """A loop that takes it for an error begins again, and cannot be stopped."""
    begun = asyncio.Event()

    async def holds(transaction: Any) -> None:
        await transaction.run(RENAME)
        proxy.silence()
        begun.set()
        await transaction.run(RENAME)

    for work in (lambda: postgres.write(holds), lambda: postgres.one(SLEEP)):
        task = asyncio.create_task(work())
        await begun.wait()
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_statement_that_takes_too_long_is_ended_by_the_server_and_its_connection_stays(
    proxy: Proxy, postgres: Postgres
) -> None:
    with pytest.raises(Unavailable):
        await postgres.one(SLEEP)
    connected = len(proxy.greetings)
    await postgres.one(ORGANIZATIONS)
    assert len(proxy.greetings) == connected


async def test_a_scan_of_what_has_become_large_may_take_longer(postgres_url: str) -> None:
    opened = Postgres(postgres_url, connections=2, statement_seconds=0.2)
    await opened.open()
    slow = Statement[Any](text("SELECT 1 FROM pg_sleep(0.4)"))
    assert await opened.scan(slow) == [(1,)]
    with pytest.raises(Unavailable):
        await opened.all(slow)
    assert postgres_connections.LONG == 12
    await opened.close()


async def test_a_server_that_takes_no_changes_says_so_and_connections_to_it_are_made_anew(
    proxy: Proxy, postgres: Postgres, postgres_url: str
) -> None:
    name = postgres_url.rpartition("/")[2]
    owner = await asyncpg.connect(postgres_url)
    try:
        await owner.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
        await postgres._connections.renew()
        with pytest.raises(Unavailable, match="takes no changes"):
            await postgres.write(rename)
        await owner.execute("SET default_transaction_read_only = off")
        await owner.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
        # What connections began with they keep: only new ones see that it has changed.
        postgres._connections._renewed_at = 0
        with pytest.raises(Unavailable, match="takes no changes"):
            await postgres.write(rename)
        await postgres.write(rename)
    finally:
        await owner.execute("SET default_transaction_read_only = off")
        await owner.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
        await owner.close()


async def test_the_bus_is_heard_again_after_a_silence(proxy: Proxy, postgres_url: str, monkeypatch) -> None:
    monkeypatch.setattr(bus, "PATIENCE_SECONDS", 0.5)
    heard: list[int] = []
    here, there = PostgresBus(proxy.url), PostgresBus(postgres_url)
    here.listen(lambda _organization, head: heard.append(head))
    for each in (here, there):
        await each.open()

    def told(head: int) -> bool:
        there.announce("a", head)
        return head in heard

    await eventually(lambda: told(1), 10)
    proxy.silence()
    await eventually(lambda: told(2), 10)
    proxy.silence()
    async with asyncio.timeout(5):
        await here.close()
    await there.close()


@pytest.fixture
async def application(proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Application:
    """Started, and to be stopped by the test."""
    monkeypatch.setattr(postgres_connections, "GRACE_SECONDS", 0.1)
    monkeypatch.setattr(postgres_connections, "CLOSE_SECONDS", 0.5)
    settings = Settings(
        data_dir=tmp_path,
        database_url=proxy.url,
        database_connections=8,
        database_timeout_seconds=1,
        sandbox_prewarmed=0,
        shutdown_seconds=1,
    )
    running = Application(settings)
    await running.start(["127.0.0.1:0"])
    return running


async def test_what_a_server_does_by_itself_goes_on_after_a_silence(proxy: Proxy, application: Application) -> None:
    """The queue's clock, claiming and running: all that waits at the database without a caller."""
    cases, tenant = application.use_cases, await make_tenant(application.database)
    agent = await cases.agents.create(tenant.call(), name="a", code="def f(x): return x.upper()")
    assert proxy.silence() > 2

    async def create() -> Task | None:
        new = NewTask(agent_id=agent.id, input=values.encode({"x": "a"}), schedule={"type": "delay", "seconds": 1})
        try:
            return await cases.tasks.create(tenant.call(), new)
        except Unavailable:
            return None

    task = await eventually(create)

    async def output() -> str | None:
        return (await cases.task_queries.get(tenant.call(), task.id)).output

    assert await eventually(output) == values.encode("A")
    await application.stop()


async def test_a_server_stops_in_time_while_the_database_is_silent(proxy: Proxy, application: Application) -> None:
    proxy.silence()
    async with asyncio.timeout(10):
        await application.stop()
