"""Places: how many tasks a runner does at a time in this process, how it comes by them, and those that are kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from server.core.queue.claims import HERE, Claims, Place
from server.model import Task
from server.store.forever import set_within
from server.work.runners import Runner

# Work is announced; looking without having been told is only the safety net.
POLL_SECONDS = 1.0
MAX_ROOMY = 100


class Places:
    """Those of one runner. `begin` has a task done that is claimed for `holder`."""

    def __init__(
        self, runner: Runner, claims: Claims, holder: str, begin: Callable[[Runner, Task], asyncio.Task[None]]
    ) -> None:
        self._runner = runner
        self._claims = claims
        self._holder = holder
        self._begin = begin
        # Set when there may be something to claim.
        self.wake = asyncio.Event()
        # Whether there are tasks of agents among those that it does; of these, who may have room since something ended.
        self.has_agents = runner.runtime in HERE
        self._roomy: dict[str, None] = {}
        self._active: set[asyncio.Task[None]] = set()
        self._kept = 0
        # Whether nothing had waited when it was last looked: who is new stands behind nobody then.
        self._idle = False
        self._closed = False

    def close(self) -> None:
        """Nothing is begun any more, whoever has been given a place."""
        self._closed = True

    def note_room(self, agent_id: str) -> None:
        """An agent may have room for a task that nobody has got yet."""
        if len(self._roomy) < MAX_ROOMY:
            self._roomy[agent_id] = None

    async def claim(self) -> None:
        """Claims, and has done what is claimed, until it is cancelled."""
        while True:
            self.wake.clear()
            free = self._free
            claimed = await self._look(free) if free > 0 else []
            for task in claimed:
                self._start(task)
            self._idle = len(claimed) < free
            if self._idle or free <= 0:
                await set_within(self.wake, POLL_SECONDS)

    @contextmanager
    def keep(self) -> Iterator[Place | None]:
        """A place for a task that is about to be made, kept meanwhile; None where there is none, or others wait.

        A task that is made without one is claimed like any other, and need not be announced here.
        """
        if not self._idle or self._free <= 0 or self._closed:
            kept = None
        else:
            kept = _Kept(self._claims, self._holder, self._start)
            self._kept += 1
        try:
            yield kept
        finally:
            if kept is not None:
                self._kept -= 1
            if kept is None or not kept.taken:
                self.wake.set()

    @property
    def _free(self) -> int:
        return self._runner.concurrency - len(self._active) - self._kept

    def _start(self, task: Task) -> None:
        if self._closed:
            # It goes back with everything that is held here.
            return
        work = self._begin(self._runner, task)
        self._active.add(work)
        work.add_done_callback(self._ended)

    def _ended(self, work: asyncio.Task[None]) -> None:
        self._active.discard(work)
        self.wake.set()

    async def _look(self, free: int) -> list[Task]:
        roomy, self._roomy = self._roomy, {}
        if not roomy and not await self._claims.any_waiting(self._runner.runtime):
            return []
        return await self._claims.claim(self._runner.runtime, self._holder, free, roomy)


class _Kept:
    """A place that is kept."""

    def __init__(self, claims: Claims, holder: str, start: Callable[[Task], None]) -> None:
        self._claims = claims
        self._holder = holder
        self._start = start
        self.taken = False

    def claimed(self, task: Task) -> Task:
        """The task as it is to be made: claimed by this process."""
        return self._claims.with_its_making(task, self._holder)

    def begin(self, task: Task) -> None:
        """It is made, and done from now on."""
        self.taken = True
        self._start(task)
