"""Places: how many tasks a runner does at a time in this process, how it comes by them, and those that are kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from server.core.queue.claims import HERE, Claims, Place
from server.core.queue.turns import Turns
from server.model import Task
from server.store.forever import set_within
from server.work.runners import Runner

# Work is announced; looking without having been told is only the safety net.
POLL_SECONDS = 1.0
MAX_ROOMY = 100
# Places beyond a runner's own, for organizations that have none: a run may take a day, and whoever fills all places
# with such must not keep others from theirs. The last is never taken for long, so all come to it in turn.
SPARE = 2
SHORT_SECONDS = 60.0


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
        self._roomy: dict[str, str] = {}
        self._turns = Turns(claims, runner.runtime)
        # What is done now, and for which organization.
        self._active: dict[asyncio.Task[None], str] = {}
        self._kept = 0
        # Whether nothing had waited when it was last looked: who is new stands behind nobody then.
        # And whether something has been made since that look began, which waits.
        self._idle = self._made = False
        self._closed = False

    def close(self) -> None:
        """Nothing is begun any more, whoever has been given a place."""
        self._closed = True

    def note_room(self, agent_id: str, organization_id: str) -> None:
        """An agent may have room for a task that nobody has got yet."""
        if len(self._roomy) < MAX_ROOMY:
            self._roomy[agent_id] = organization_id

    async def claim(self) -> None:
        """Claims, and has done what is claimed, until it is cancelled."""
        while True:
            self.wake.clear()
            self._made = False
            free = self._free
            claimed = await (self._look(free) if free > 0 else self._look_beside(free))
            for task in claimed:
                self._start(task)
            self._idle = len(claimed) < free and not self._made
            if self._idle or not claimed:
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
                self._made, self._idle = True, False
                self.wake.set()

    @property
    def _free(self) -> int:
        return self._runner.concurrency - len(self._active) - self._kept

    def _start(self, task: Task) -> None:
        if self._closed:
            # It goes back with everything that is held here.
            return
        work = self._begin(self._runner, task)
        self._active[work] = task.organization_id
        work.add_done_callback(self._ended)

    def _ended(self, work: asyncio.Task[None]) -> None:
        self._active.pop(work, None)
        self.wake.set()

    async def _look(self, free: int) -> list[Task]:
        roomy, self._roomy = self._roomy, {}
        if not roomy and not await self._claims.any_waiting(self._runner.runtime):
            return []
        return await self._claims.claim(self._runner.runtime, self._holder, free, roomy)

    async def _look_beside(self, free: int) -> list[Task]:
        """A task of an organization that has no place, where there is one for it."""
        spare = SPARE + free if self.has_agents else 0
        if spare <= 0:
            return []
        have = set(self._active.values())
        if spare == 1:
            return await self._turns.claim(self._holder, have, SHORT_SECONDS)
        claimed = await self._turns.claim(self._holder, have, None)
        for agent in [agent for agent, organization in self._roomy.items() if organization not in have]:
            if not claimed:
                del self._roomy[agent]
                claimed = await self._turns.claim_of(agent, self._holder)
        return claimed


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
