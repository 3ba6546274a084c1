"""The feed: who wants to know of changes is woken here, and reads them in order from a cursor of its own.

A commit of this process brings its events along; another process only says "look", and they are read. Either way a
follower gets every event once, in order, because numbers have no holes: whatever does not continue the last number
known here is read from the database.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import bindparam, select

from server.errors import CursorGone
from server.model import Event, Feed
from server.store.bus import Bus
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import in_order

KEPT = 2048
PAGE = 500
POLL_SECONDS = 1.0

_events = Event.table().c
AFTER = Statement[Event](
    select(Event.table())
    .where(_events.organization_id == bindparam("organization"), _events.number > bindparam("after"))
    .order_by(_events.number)
    .limit(bindparam("limit")),
    Event,
)
HEAD = Statement[Feed](select(Feed.table()).where(Feed.table().c.organization_id == bindparam("organization")), Feed)


class _Channel:
    """What this process knows of one organization's feed while anybody here follows it."""

    def __init__(self) -> None:
        self.followers = 0
        self.head = -1
        self.announced = -1
        self.recent: deque[Event] = deque(maxlen=KEPT)
        self.waiting: set[asyncio.Future[None]] = set()
        # Cleared as soon as the resource changes; filled by `Feeds.watching`.
        self.watched: dict[str, set[asyncio.Event]] = {}

    def append(self, events: list[Event]) -> None:
        """Takes events that continue the ones known."""
        for event in events:
            if event.number == self.head + 1:
                self.recent.append(event)
                self.head = event.number
                for signal in self.watched.get(event.resource_id, ()):
                    signal.set()
        self.wake()

    def skip_to(self, head: int) -> None:
        """Takes up the feed after a hole."""
        self.recent.clear()
        self.head = head

    def wake(self) -> None:
        for future in self.waiting:
            if not future.done():
                future.set_result(None)
        self.waiting.clear()

    def since(self, cursor: int) -> list[Event]:
        """The known events after `cursor`, at most a page; empty where the first of them is no longer kept here."""
        missing = self.head - cursor
        if missing > len(self.recent):
            return []
        start = len(self.recent) - missing
        return [self.recent[index] for index in range(start, min(start + PAGE, len(self.recent)))]


class Feeds:
    """Every organization's feed, as far as somebody in this process follows it."""

    def __init__(self, database: Database, bus: Bus) -> None:
        self._database = database
        self._bus = bus
        self._channels: dict[str, _Channel] = {}
        self._refreshing: set[asyncio.Task[None]] = set()
        self._closed = asyncio.Event()
        self._patience_ends = 0.0
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
            for organization, channel in list(self._channels.items()):
                await self._look(organization, channel)

    def close(self, grace_seconds: float = 0) -> None:
        """Ends every follower now, and tells those who wait for one resource to give up after `grace_seconds`."""
        self._closed.set()
        self._patience_ends = asyncio.get_running_loop().time() + grace_seconds
        for channel in self._channels.values():
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

    async def page(self, organization: str, after: int, limit: int = PAGE) -> list[Event]:
        """Recorded events after `after`, in order. Raises CursorGone where the next one has been removed."""
        events = await self._database.all(AFTER, organization=organization, after=after, limit=limit)
        if events and events[0].number != after + 1:
            bounds = await self.bounds(organization)
            raise CursorGone(after, bounds.trimmed, bounds.head)
        return events

    async def follow(self, organization: str, after: int, idle_seconds: float) -> AsyncIterator[list[Event]]:
        """Events after `after` in order, in pages; an empty page after `idle_seconds` without any. Ends when closed."""
        with self._channel(organization) as channel:
            await self._look(organization, channel)
            cursor = after
            while not self.closed:
                if cursor < channel.head:
                    events = channel.since(cursor) or await self.page(organization, cursor)
                    cursor = events[-1].number
                    yield events
                    # A long feed that is read from far back must not hold up everybody else.
                    await asyncio.sleep(0)
                elif not await self._changed(channel, idle_seconds):
                    yield []

    @contextmanager
    def watching(self, organization: str, resource_id: str) -> Iterator[asyncio.Event]:
        """An event that is set whenever this resource changes; clear it before you read the resource."""
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
    def _channel(self, organization: str) -> Iterator[_Channel]:
        channel = self._channels.setdefault(organization, _Channel())
        channel.followers += 1
        if channel.head < 0:
            self._refresh(organization)
        try:
            yield channel
        finally:
            channel.followers -= 1
            if not channel.followers:
                self._channels.pop(organization, None)

    async def _changed(self, channel: _Channel, seconds: float) -> bool:
        future = asyncio.get_running_loop().create_future()
        channel.waiting.add(future)
        try:
            async with asyncio.timeout(seconds):
                await future
        except TimeoutError:
            return False
        finally:
            channel.waiting.discard(future)
        return True

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

    async def _look(self, organization: str, channel: _Channel) -> None:
        """Brings what this process knows up to what is recorded."""
        if channel.head < 0:
            head = (await self.bounds(organization)).head
            if channel.head < 0:
                channel.head = head
                for signals in channel.watched.values():
                    for signal in signals:
                        signal.set()
                channel.wake()
        while True:
            before = channel.head
            events = await self._database.all(AFTER, organization=organization, after=before, limit=PAGE)
            channel.append(events)
            if events and channel.head == before and events[0].number > before + 1:
                # What comes next has been removed meanwhile: who follows is told when it reads there.
                channel.skip_to(events[0].number - 1)
            elif len(events) < PAGE:
                return
