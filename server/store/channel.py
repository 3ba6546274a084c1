"""A channel: what a process knows of one organization's feed while anybody here follows it, and who is to be told."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice

from server.model import Event

# What of a feed stays in memory: so many events, and so much of what they say.
KEPT = 2048
KEPT_BYTES = 4 << 20
# A page: so many events, and so much of what they say, or one event. Whoever is slow to read holds one.
PAGE = 128
PAGE_BYTES = 16 << 10
# How many of those who wait are woken in one turn of the loop, so that others have their turn between them.
WOKEN = 32
# Watched by whoever wants to know of any change.
ANYTHING = ""


class Channel:
    """One organization's."""

    def __init__(self) -> None:
        self.followers = 0
        self.head = -1
        self.waiting: set[asyncio.Future[None]] = set()
        # Set as soon as the resource changes, or anything where none is named; filled by `Feeds.watching`.
        self.watched: dict[str, set[asyncio.Event]] = {}
        self._recent: deque[Event] = deque()
        self._bytes = 0

    def append(self, events: list[Event]) -> None:
        """Takes events that continue the ones known. Nobody is woken where there are none."""
        before = self.head
        for event in events:
            if event.number == self.head + 1:
                self._recent.append(event)
                self._bytes += len(event.payload)
                self.head = event.number
                self._signal(event.resource_id)
        while len(self._recent) > KEPT or self._bytes > KEPT_BYTES:
            self._bytes -= len(self._recent.popleft().payload)
        if self.head > before:
            self._signal(ANYTHING)
            self.wake()

    def skip_to(self, head: int) -> None:
        """Takes up the feed where nothing of it is known, or after a hole."""
        self._recent.clear()
        self._bytes = 0
        self.head = head
        self.signal_all()
        self.wake()

    def signal_all(self) -> None:
        """Tells everybody who watches something to look."""
        for resource_id in self.watched:
            self._signal(resource_id)

    def _signal(self, resource_id: str) -> None:
        for signal in self.watched.get(resource_id, ()):
            signal.set()

    def wake(self) -> None:
        """Wakes whoever waits, some in each turn of the loop."""
        waiting, self.waiting = self.waiting, set()
        _wake(iter(waiting))

    def since(self, cursor: int) -> list[Event]:
        """The known events after `cursor`, at most a page; empty where the first of them is no longer kept here."""
        missing = self.head - cursor
        if missing > len(self._recent):
            return []
        start = len(self._recent) - missing
        return fitting(islice(self._recent, start, start + PAGE), PAGE_BYTES)


def _wake(waiting: Iterator[asyncio.Future[None]]) -> None:
    woken = list(islice(waiting, WOKEN))
    for future in woken:
        if not future.done():
            future.set_result(None)
    if woken:
        asyncio.get_running_loop().call_soon(_wake, waiting)


def fitting(events: Iterable[Event], room: int) -> list[Event]:
    """As many of the first events as have so many bytes, and one at least where there is one."""
    found: list[Event] = []
    for event in events:
        room -= len(event.payload)
        if room < 0 and found:
            break
        found.append(event)
    return found
