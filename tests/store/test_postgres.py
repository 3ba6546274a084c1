"""What is particular about PostgreSQL: how few statements a write takes, and who is told of it."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest
from sqlalchemy import bindparam, delete, select

from server.model import Alert, Feed, new_id
from server.store.bus import PostgresBus
from server.store.feed import Feeds
from server.store.postgres import Postgres
from server.store.statement import Statement
from tests.support.databases import emptied
from tests.support.tenants import Tenant, make_tenant
from tests.support.waiting import eventually

ALERT = Statement[Alert](select(Alert.table()).where(Alert.table().c.id == bindparam("id")), Alert)
LOCKED = Statement[Alert](
    select(Alert.table()).where(Alert.table().c.id == bindparam("id")).with_for_update(key_share=True), Alert
)
NO_FEED = Statement[Any](delete(Feed.table()).where(Feed.table().c.organization_id == bindparam("organization")))


@pytest.fixture
async def postgres(postgres_url: str):
    await emptied(postgres_url)
    opened = Postgres(postgres_url)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
async def tenant(postgres: Postgres) -> Tenant:
    return await make_tenant(postgres)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The first word of every statement."""
    words: list[str] = []
    for name in ("execute", "fetch", "fetchrow", "executemany"):

        async def spy(self, query, *given, _run=getattr(asyncpg.Connection, name), **named):
            words.append(query.split()[0].strip(";"))
            return await _run(self, query, *given, **named)

        monkeypatch.setattr(asyncpg.Connection, name, spy)
    return words


def alert(tenant: Tenant, subject: str = "") -> Alert:
    return Alert.new(
        id=new_id(),
        organization_id=tenant.caller.organization_id,
        kind="test",
        subject=subject or new_id(),
        severity="warning",
        message="m",
        created_at=1,
    )


async def test_one_row_and_its_event_are_one_statement_and_no_transaction(
    postgres: Postgres, tenant: Tenant, said: list[str]
) -> None:
    async def body(transaction) -> str:
        row = alert(tenant)
        assert await transaction.one(ALERT, id=row.id) is None
        await transaction.insert(row)
        transaction.emit("test.made", row)
        return row.id

    made = await postgres.write(body)
    assert said == ["SELECT", "WITH"]
    events = await Feeds(postgres, PostgresBus("")).page(tenant.caller.organization_id, 0)
    assert [(event.number, event.resource_id) for event in events] == [(1, made)]
    assert await postgres.one(ALERT, id=made) is not None


async def test_what_locks_or_writes_more_is_a_transaction(postgres: Postgres, tenant: Tenant, said: list[str]) -> None:
    async def two(transaction) -> None:
        for row in (alert(tenant), alert(tenant)):
            await transaction.insert(row)
            transaction.emit("test.made", row)

    async def locks(transaction) -> None:
        row = alert(tenant)
        await transaction.one(LOCKED, id=row.id)
        await transaction.insert(row)
        transaction.emit("test.made", row)

    async def reads_what_it_wrote(transaction) -> Alert | None:
        row = alert(tenant)
        await transaction.insert(row)
        return await transaction.one(ALERT, id=row.id)

    await postgres.write(two)
    assert said == ["BEGIN", "INSERT", "WITH", "COMMIT"]
    said.clear()
    await postgres.write(locks)
    assert said == ["BEGIN", "SELECT", "WITH", "COMMIT"]
    said.clear()
    assert await postgres.write(reads_what_it_wrote) is not None
    assert said == ["BEGIN", "INSERT", "SELECT", "COMMIT"]


async def test_a_body_that_raises_leaves_nothing_wherever_it_was(postgres: Postgres, tenant: Tenant) -> None:
    rows = [alert(tenant) for _ in range(3)]

    async def body(transaction) -> None:
        for row in rows[:2]:
            await transaction.insert(row)
        await transaction.one(ALERT, id=rows[0].id)
        await transaction.insert(rows[2])
        raise ValueError

    with pytest.raises(ValueError):
        await postgres.write(body)
    assert [await postgres.one(ALERT, id=row.id) for row in rows] == [None] * 3


async def test_the_first_event_of_a_feed_begins_it(postgres: Postgres, tenant: Tenant) -> None:
    async def forget(transaction) -> None:
        await transaction.run(NO_FEED, organization=tenant.caller.organization_id)

    async def body(transaction) -> None:
        row = alert(tenant)
        await transaction.insert(row)
        transaction.emit("test.made", row)

    await postgres.write(forget)
    await asyncio.gather(*(postgres.write(body) for _ in range(5)))
    events = await Feeds(postgres, PostgresBus("")).page(tenant.caller.organization_id, 0)
    assert [event.number for event in events] == [1, 2, 3, 4, 5]


async def test_who_waits_for_a_row_does_not_hold_the_feed(postgres: Postgres, tenant: Tenant) -> None:
    """Otherwise the first one, which needs the feed, and the second one would wait for each other."""
    begun, go = asyncio.Event(), asyncio.Event()

    async def first(transaction) -> None:
        row = alert(tenant, "same")
        await transaction.insert(row)
        await transaction.one(ALERT, id=row.id)
        begun.set()
        await go.wait()
        transaction.emit("test.made", row)

    async def second(transaction) -> None:
        row = alert(tenant, "same")
        await transaction.insert(row)
        transaction.emit("test.made", row)

    one = asyncio.create_task(postgres.write(first))
    await begun.wait()
    other = asyncio.create_task(postgres.write(second))
    await asyncio.sleep(0.1)
    go.set()
    # PostgreSQL looks for deadlocks after a second.
    await asyncio.wait_for(one, 0.8)
    with pytest.raises(asyncpg.UniqueViolationError):
        await other
    assert (await Feeds(postgres, PostgresBus("")).bounds(tenant.caller.organization_id)).head == 1


async def test_nobody_is_told_while_nobody_listens_and_a_newcomer_at_once(postgres_url: str) -> None:
    heard: list[tuple[str, int]] = []
    here, there = PostgresBus(postgres_url), PostgresBus(postgres_url)
    await here.open()
    await eventually(lambda: here._alone)
    here.announce("a", 1)
    assert not here._heads
    there.listen(lambda organization, head: heard.append((organization, head)))
    await there.open()
    await eventually(lambda: not here._alone, 0.9)
    here.announce("a", 2)
    await eventually(lambda: ("a", 2) in heard, 0.5)
    await there.close()
    await eventually(lambda: here._alone, 3)
    await here.close()
