"""The clock of the queue: makes tasks claimable when their time comes, to a few milliseconds."""

from __future__ import annotations

import asyncio

from server.core.queue.dependencies import Dependencies
from server.core.queue.due_tasks import BATCH, DueTasks
from server.model import Event, Task
from server.store.database import Database
from server.store.feed import Feeds
from server.store.forever import forever, set_within

# Looking without having been told is only the safety net.
POLL_SECONDS = 1.0
# New plans are looked at together.
GATHER_SECONDS = 0.005
PLANNING = frozenset(
    {
        "task.created",
        "task.retrying",
        "task.reopened",
        "agent.active",
        "agent.on_duty",
        "agent.updated",
        "session.running",
    }
)
ENDING = frozenset({"task.completed", "task.failed", "task.cancelled"})


class QueueClock:
    """One process's share. Several may run: each time is taken by whoever comes first."""

    def __init__(self, database: Database, timetable: DueTasks, dependents: Dependencies, feeds: Feeds) -> None:
        self._database = database
        self._timetable = timetable
        self._dependents = dependents
        self._feeds = feeds
        self._wake = asyncio.Event()

    def start(self) -> None:
        """Begins to look."""
        self._feeds.on_change.append(self._changed)
        self._loop = asyncio.create_task(forever("clock", self._run))

    def is_live(self) -> bool:
        """Whether it goes on."""
        return not self._loop.done()

    async def stop(self) -> None:
        """Stops."""
        self._loop.cancel()
        await asyncio.gather(self._loop, return_exceptions=True)

    def _changed(self, events: list[Event] | None) -> None:
        # What another process has planned, that process waits for.
        if events is not None and any(_plans(event) for event in events):
            self._wake.set()

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            if await self._dependents.tell():
                await asyncio.sleep(0)
                continue
            next_time = await self._timetable.next_time()
            now = self._database.clock()
            if next_time is not None and next_time <= now:
                # Where another process has just taken all, there is nothing to hurry for.
                if await self._timetable.advance() < BATCH:
                    await asyncio.sleep(GATHER_SECONDS)
                continue
            seconds = POLL_SECONDS if next_time is None else min(POLL_SECONDS, (next_time - now) / 1_000_000)
            if await set_within(self._wake, seconds):
                await asyncio.sleep(GATHER_SECONDS)


def _plans(event: Event) -> bool:
    """Whether there may be something to wait for that was not there before."""
    kind, record = event.values()["type"], event.record
    if isinstance(record, Task):
        return record.has_dependents if kind in ENDING else record.rank is None and kind in PLANNING
    return kind in PLANNING
