"""The feed: who follows it is woken by what happens and by nothing else, and holds no more than a page of it."""

from __future__ import annotations

import asyncio

import pytest

from server.core.events.stream import EventFilter, EventStreams
from server.core.sessions.lifecycle import Sessions
from server.core.shared.count_cache import CountCache
from server.errors import CursorGone
from server.model import Event
from server.settings import Settings
from server.store import channel
from server.store.channel import KEPT_BYTES, PAGE_BYTES, WOKEN, Channel
from server.store.database import Database
from server.store.feed import HEADS, POLL_SECONDS, Feeds
from server.store.turns import Turns
from tests.support.clock import pass_loop_time
from tests.support.tenants import Tenant, make_tenant
from tests.support.waiting import eventually

HEARTBEAT = Settings.model_fields["heartbeat_seconds"].default


class Deaf:
    """A bus over which no word ever comes: there is polling only."""

    def listen(self, heard) -> None:
        pass

    def announce(self, organization: str, head: int) -> None:
        pass


@pytest.fixture
async def tenant(database: Database) -> Tenant:
    return await make_tenant(database)


@pytest.fixture
async def feeds(database: Database):
    feeds = Feeds(database, Deaf())
    yield feeds
    feeds.close()


class Polls:
    """Looks for what is new, again and again, with a second of the loop's time in between."""

    def __init__(self, feeds: Feeds) -> None:
        self.count = 0
        read = feeds._database.all

        async def counted(statement, **parameters):
            found = await read(statement, **parameters)
            self.count += statement is HEADS
            return found

        feeds._database.all = counted

    async def next(self) -> None:
        before = self.count
        pass_loop_time(POLL_SECONDS)
        await eventually(lambda: self.count > before)


@pytest.fixture
async def polls(feeds: Feeds):
    polls = Polls(feeds)
    polling = asyncio.create_task(feeds.poll())
    yield polls
    polling.cancel()


async def test_an_idle_stream_gets_a_sign_of_life_however_often_the_feed_is_looked_at(
    database: Database, feeds: Feeds, tenant: Tenant, polls: Polls
) -> None:
    assert HEARTBEAT == 15
    events, heard = EventStreams(database, feeds, heartbeat_seconds=HEARTBEAT), []

    async def follow() -> None:
        async for page in events.follow(tenant.call(), 0, EventFilter()):
            heard.append(page)

    following = asyncio.create_task(follow())
    await polls.next()
    for seconds in range(1, 16):
        if seconds == 8:
            assert not heard
        await polls.next()
    await eventually(lambda: heard)
    assert not any(heard)
    following.cancel()


async def test_what_another_process_records_is_found_without_a_word_from_it(
    database: Database, feeds: Feeds, tenant: Tenant, polls: Polls
) -> None:
    organization, heard = tenant.caller.organization_id, []

    async def follow() -> None:
        async for page in feeds.follow(organization, 0, 100):
            heard.extend(event.number for event in page)

    following = asyncio.create_task(follow())
    with feeds.watching(organization) as anything:
        await polls.next()
        anything.clear()
        await polls.next()
        assert not anything.is_set()
        await Sessions(database, CountCache(database), open_sessions=None).create(tenant.call(), name="s")
        await polls.next()
        await eventually(lambda: heard == [1])
        assert anything.is_set()
    following.cancel()


def event(number: int, size: int = 100) -> Event:
    values = {"organization_id": "o", "type": "session.updated", "created_at": 0}
    return Event.new(number=number, resource_id="r", payload="x" * size, **values)


async def test_a_page_has_so_many_bytes_or_one_event(database: Database, feeds: Feeds, tenant: Tenant) -> None:
    sessions = Sessions(database, CountCache(database), open_sessions=None)
    sizes = [1] * 40 + [1900] * 30 + [1] * 10
    for size in sizes:
        await sessions.create(tenant.call(), name="s", description="d" * size)
    organization = tenant.caller.organization_id

    async def pages(after: int) -> list[list[Event]]:
        found = []
        async for page in feeds.follow(organization, after, 100):
            found.append(page)
            if page[-1].number == len(sizes):
                return found

    def check(found: list[list[Event]]) -> None:
        assert [each.number for page in found for each in page] == list(range(1, len(sizes) + 1))
        assert max(sum(len(each.payload) for each in page) for page in found) <= PAGE_BYTES
        # Not many more than are needed.
        assert len(found) <= 2 + 2 * sum(len(each.payload) for page in found for each in page) / PAGE_BYTES

    check(await pages(0))
    kept = Channel()
    kept.skip_to(0)
    kept.append(await feeds.page(organization, 0))
    found, cursor = [], 0
    while page := kept.since(cursor):
        found.append(page)
        cursor = page[-1].number
    check(found)
    single = Channel()
    single.skip_to(0)
    single.append([event(1, 2 * PAGE_BYTES), event(2)])
    assert [each.number for each in single.since(0)] == [1]


def test_no_more_than_so_much_of_a_feed_stays_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "KEPT_BYTES", 1000)
    assert KEPT_BYTES == 4 << 20
    kept = Channel()
    kept.skip_to(0)
    for number in range(1, 50):
        kept.append([event(number)])
    assert [each.number for each in kept.since(39)] == list(range(40, 50))
    assert kept.since(38) == []


async def test_who_reads_where_all_has_been_removed_is_told(database: Database, feeds: Feeds, tenant: Tenant) -> None:
    sessions = Sessions(database, CountCache(database), open_sessions=None)
    for n in range(3):
        await sessions.create(tenant.call(), name=f"s{n}")
    await EventStreams(database, feeds, heartbeat_seconds=1).trim(database.clock() + 1)
    with pytest.raises(CursorGone):
        await feeds.page(tenant.caller.organization_id, 1)
    assert await feeds.page(tenant.caller.organization_id, 3) == []


async def test_many_who_wait_are_woken_some_at_a_time() -> None:
    kept, loop, counts = Channel(), asyncio.get_running_loop(), []
    kept.skip_to(0)
    futures = [loop.create_future() for _ in range(5 * WOKEN)]
    kept.waiting.update(futures)
    kept.append([event(1)])
    while not counts or counts[-1] < len(futures):
        counts.append(sum(future.done() for future in futures))
        await asyncio.sleep(0)
    assert counts == [WOKEN * n for n in range(1, 6)]


async def test_turns_are_taken_in_order_and_passed_on_by_whoever_is_slow_or_gone() -> None:
    turns, had, go_on = Turns(2, patience=20), [], asyncio.Event()

    async def take(name: int) -> None:
        async with turns.take():
            had.append(name)
            await go_on.wait()

    async def settled() -> list[int]:
        for _ in range(5):
            await asyncio.sleep(0)
        return had

    takers = [asyncio.create_task(take(n)) for n in range(7)]
    assert await settled() == [0, 1]
    takers[0].cancel()
    takers[2].cancel()
    assert await settled() == [0, 1, 3]
    pass_loop_time(20)
    await eventually(lambda: had == [0, 1, 3, 4, 5])
    go_on.set()
    await asyncio.gather(*takers, return_exceptions=True)
    assert had == [0, 1, 3, 4, 5, 6] and turns._free == 2
