"""The feed: who wants to know of changes is woken here, and reads them in order from a cursor of its own.

A commit of this process brings its events along; another process only says "look", and they are read. Either way a
follower gets every event once, in order, because numbers have no holes: whatever does not continue the last number
known here is read from the database.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import bindparam, select

from server.errors import CursorGone
from server.model import Event, Feed
from server.store.among import any_of
from server.store.bus import Bus
from server.store.channel import ANYTHING, PAGE, PAGE_BYTES, Channel, fitting
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import in_order
from server.store.turns import Turns

# How many rows are read at first: it is not known before how long they are.
FIRST_READ = 8
# How many pages are sent at a time, whoever reads them, and for how long others wait for one that is not read.
PAGES = 4
PATIENCE_SECONDS = 0.02
# How often it is looked whether feeds have grown, and at how many of them at a time.
POLL_SECONDS = 1.0
TOGETHER = 100

_events = Event.table().c
AFTER = Statement[Event](
    select(Event.table())
    .where(_events.organization_id == bindparam("organization"), _events.number > bindparam("after"))
    .order_by(_events.number)
    .limit(bindparam("limit")),
    Event,
)
_feeds = Feed.table().c
HEAD = Statement[Feed](select(Feed.table()).where(_feeds.organization_id == bindparam("organization")), Feed)
_heads = select(_feeds.organization_id, _feeds.head)
HEADS = Statement[tuple[str, int]](_heads.where(any_of(_feeds.organization_id, "organizations")))


class Feeds:
    """Every organization's feed, as far as somebody in this process follows it."""

    def __init__(self, database: Database, bus: Bus) -> None:
        self._database = database
        self._bus = bus
        self._channels: dict[str, Channel] = {}
        self._refreshing: set[asyncio.Task[None]] = set()
        self._closed = asyncio.Event()
        self._patience_ends = 0.0
        # Taken by whoever reads a page.
        self.turns = Turns(PAGES, patience=PATIENCE_SECONDS)
        # Called with the organization of which another process has changed something.
        self.on_announced: list[Callable[[str], None]] = []
        # Called after each commit with its events, and after one of another process with None.
        self.on_change: list[Callable[[list[Event] | None], None]] = []

    def start(self) -> None:
        """From now on commits of this process and announcements of others reach followers."""
        self._database.committed = self._committed
        self._bus.listen(self._announced)

    async def poll(self) -> None:
        """Looks once a second, in case a word from another process was lost."""
        while not self.closed:
            await asyncio.sleep(POLL_SECONDS)
            followed = list(self._channels)
            for start in range(0, len(followed), TOGETHER):
                together = followed[start : start + TOGETHER]
                for organization, head in await self._database.all(HEADS, organizations=together):
                    channel = self._channels.get(organization)
                    if channel is not None and head > channel.head:
                        await self._look(organization, channel)
                # Others have their turn between them.
                await asyncio.sleep(0)

    def close(self, grace_seconds: float = 0) -> None:
        """Ends every follower now, and tells those who wait for one resource to give up after `grace_seconds`."""
        self._closed.set()
        self._patience_ends = asyncio.get_running_loop().time() + grace_seconds
        for channel in self._channels.values():
            channel.signal_all()
            channel.wake()
        # Whoever is connected for more than events looks, and finds it closed.
        self._tell(None)

    @property
    def patience_is_over(self) -> bool:
        """Whether the server stops and has no more time for somebody who waits."""
        return self.closed and asyncio.get_running_loop().time() >= self._patience_ends

    @property
    def closed(self) -> bool:
        """Whether the server is stopping."""
        return self._closed.is_set()

    async def bounds(self, organization: str) -> Feed:
        """The newest number, and the one up to which events have been removed."""
        return await self._database.one(HEAD, organization=organization) or Feed.new(organization_id=organization)

    async def check(self, organization: str, after: int | None) -> int:
        """The cursor to begin with: `after`, or the newest number. Raises CursorGone where it cannot be continued."""
        bounds = await self.bounds(organization)
        if after is None:
            return bounds.head
        if after > bounds.head:
            # Of another feed, or of this one before it was restored: nothing that follows it was missed here.
            raise CursorGone(after, bounds.head, bounds.head)
        if after < bounds.trimmed:
            raise CursorGone(after, bounds.trimmed, bounds.head)
        return after

    async def page(self, organization: str, after: int, limit: int = 500, room: int = 4 << 20) -> list[Event]:
        """Recorded events after `after`, in order: at most `limit`, and as many as have `room` bytes, or one.

        Raises CursorGone where the next one has been removed.
        """
        found: list[Event] = []
        read, size = FIRST_READ, 0
        while len(found) < limit and size <= room:
            cursor, wanted = after + len(found), min(read, limit - len(found))
            events = await self._database.all(AFTER, organization=organization, after=cursor, limit=wanted)
            if events and events[0].number != cursor + 1:
                # What comes next has been removed.
                break
            found += events
            if len(events) < wanted:
                break
            size += sum(len(event.payload) for event in events)
            read = min(2 * read, PAGE)
        if not found:
            bounds = await self.bounds(organization)
            if after < bounds.trimmed:
                raise CursorGone(after, bounds.trimmed, bounds.head)
        return fitting(found, room)

    async def follow(
        self,
        organization: str,
        after: int,
        idle_seconds: float,
        wanted: Callable[[Event], bool] = lambda _: True,
    ) -> AsyncIterator[list[Event]]:
        """Wanted events after `after` in order, in pages; an empty page where there was none for `idle_seconds`.

        Ends when closed. Raises CursorGone.
        """
        loop = asyncio.get_running_loop()
        with self._channel(organization) as channel:
            await self._look(organization, channel)
            cursor, due = after, loop.time() + _about(idle_seconds)
            while not self.closed:
                if cursor < channel.head:
                    async with self.turns.take():
                        events = channel.since(cursor) or await self.page(organization, cursor, PAGE, PAGE_BYTES)
                        cursor = events[-1].number
                        if kept := [event for event in events if wanted(event)]:
                            yield kept
                            due = loop.time() + _about(idle_seconds)
                else:
                    await self._changed(channel, due - loop.time())
                # Events that nobody here wants are no sign of life.
                if loop.time() >= due and not self.closed:
                    yield []
                    due = loop.time() + _about(idle_seconds)

    @contextmanager
    def watching(self, organization: str, resource_id: str = ANYTHING) -> Iterator[asyncio.Event]:
        """An event that is set whenever this resource changes, or anything of the organization where none is named.

        Clear it before you read the resource. It is set, too, when the server stops.
        """
        with self._channel(organization) as channel:
            signal = asyncio.Event()
            channel.watched.setdefault(resource_id, set()).add(signal)
            try:
                yield signal
            finally:
                channel.watched[resource_id].discard(signal)
                if not channel.watched[resource_id]:
                    del channel.watched[resource_id]

    @contextmanager
    def _channel(self, organization: str) -> Iterator[Channel]:
        channel = self._channels.setdefault(organization, Channel())
        channel.followers += 1
        if channel.head < 0:
            self._refresh(organization)
        try:
            yield channel
        finally:
            channel.followers -= 1
            if not channel.followers:
                self._channels.pop(organization, None)

    @staticmethod
    async def _changed(channel: Channel, seconds: float) -> None:
        """Waits until the feed has grown, or so many seconds have passed."""
        future = asyncio.get_running_loop().create_future()
        channel.waiting.add(future)
        try:
            async with asyncio.timeout(seconds):
                await future
        except TimeoutError:
            pass
        finally:
            channel.waiting.discard(future)

    def _committed(self, events: list[Event]) -> None:
        """After a commit of this process."""
        for organization, numbered in in_order(events).items():
            self._bus.announce(organization, numbered[-1].number)
            channel = self._channels.get(organization)
            if channel is None:
                continue
            if channel.head >= 0 and numbered[0].number <= channel.head + 1:
                channel.append(numbered)
            else:
                self._refresh(organization)
        self._tell(events)

    def _announced(self, organization: str, head: int) -> None:
        """After a commit of another process."""
        for heard in self.on_announced:
            heard(organization)
        channel = self._channels.get(organization)
        if channel is not None and head > channel.head:
            self._refresh(organization)
        self._tell(None)

    def _tell(self, events: list[Event] | None) -> None:
        for callback in self.on_change:
            callback(events)

    def _refresh(self, organization: str) -> None:
        channel = self._channels[organization]
        task = asyncio.get_running_loop().create_task(self._look(organization, channel))
        self._refreshing.add(task)
        task.add_done_callback(self._refreshing.discard)

    async def _look(self, organization: str, channel: Channel) -> None:
        """Brings what this process knows up to what is recorded."""
        if channel.head < 0:
            head = (await self.bounds(organization)).head
            if channel.head < 0:
                channel.skip_to(head)
        while True:
            before = channel.head
            events = await self._database.all(AFTER, organization=organization, after=before, limit=PAGE)
            channel.append(events)
            if events and channel.head == before and events[0].number > before + 1:
                # What comes next has been removed meanwhile: who follows is told when it reads there.
                channel.skip_to(events[0].number - 1)
            elif len(events) < PAGE:
                return
            # A long feed that is caught up with must not hold up everybody else.
            await asyncio.sleep(0)


def _about(seconds: float) -> float:
    """Up to a fifth less, so that what was quiet at the same time does not speak in the same moment."""
    return seconds * random.uniform(0.8, 1.0)  # noqa: S311
