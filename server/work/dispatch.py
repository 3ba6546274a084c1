"""Dispatch: claims tasks for the runners of this process, keeps their leases, and sweeps up after the dead."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager

import structlog
from cachetools import FIFOCache

from server.core.queue.claims import ANSWER, CLAIMABLE_AFTER, EMBEDDING, INGESTION, INSTALLATION, Claims, Place
from server.core.queue.completion import Result, failure
from server.core.queue.fencing import StaleLease
from server.core.queue.lease_service import LeaseService
from server.errors import ServiceError
from server.model import Agent, AgentRuntime, Event, Task, TaskStatus, new_id
from server.store.feed import Feeds
from server.store.forever import forever
from server.work.places import Places
from server.work.runners import CancelledWith, Runner, Running

SWEEP_SECONDS = 1.0
# After so long without one, something holds the sweeps up.
STALLED_SECONDS = 60.0
REMOTE_CANCEL_SECONDS = 0.2
# What another process has committed is looked for at most so often.
REMOTE_SECONDS = 0.01
FINISH_TRIES = 5
# After which events there may be room for a task.
ROOM = frozenset({"task.completed", "task.failed", "task.cancelled", "agent.active", "agent.on_duty", "agent.updated"})
UNROUTED = frozenset({"agent.deleted", "agent.inactive", "agent.lost"})
INSTALLABLE = frozenset({"agent.created", "agent.updated"})
READABLE = frozenset({"document.created", "document.processing", "document.updated"})
# After which a question may be answered that was behind another one. Who asks here keeps a place (`Places.keep`).
ANSWERABLE = frozenset({"chat.completed", "chat.failed", "chat.cancelled"})
MAX_ASKED = 1000
log = structlog.get_logger()


class Dispatcher:
    """The work of one server process."""

    def __init__(
        self, claims: Claims, leases: LeaseService, feeds: Feeds, runners: list[Runner], *, lease_seconds: float
    ) -> None:
        self._leases = leases
        self._feeds = feeds
        self._lease_seconds = lease_seconds
        self.holder = f"{socket.gethostname()}/{os.getpid()}/{new_id()}"
        self._running: dict[str, Running] = {}
        self._places = {each.runtime: Places(each, claims, self.holder, self._begin) for each in runners}
        self._of_agents = [runtime for runtime, places in self._places.items() if places.has_agents]
        self._remote_cancel = asyncio.Event()
        # Attempts that were to be cancelled before we knew that we have them: a claim is announced before it returns.
        self._asked: FIFOCache[tuple[str, int], None] = FIFOCache(MAX_ASKED)
        self._remote: asyncio.TimerHandle | None = None
        self._loops: list[asyncio.Task[None]] = []
        self._swept = time.monotonic()
        # What else each sweep does; each returns when it has done a bounded piece.
        self.sweeps: list[Callable[[], Awaitable[object]]] = []

    def start(self) -> None:
        """Begins to claim."""
        self._feeds.on_change.append(self._changed)
        self._loops = [
            asyncio.create_task(forever(f"claim {runtime}", places.claim)) for runtime, places in self._places.items()
        ]
        for name, loop in (("keep", self._keep), ("sweep", self._sweep), ("cancel", self._cancel_remote)):
            self._loops.append(asyncio.create_task(forever(name, loop)))

    def is_live(self) -> bool:
        """Whether its loops go on, and the sweeps have been done of late."""
        return not any(loop.done() for loop in self._loops) and time.monotonic() - self._swept < STALLED_SECONDS

    async def stop(self, seconds: float) -> None:
        """Claims no more, lets running work finish for `seconds`, and gives the rest back to the queue."""
        claiming = self._loops[: len(self._places)]
        for loop in claiming:
            loop.cancel()
        await asyncio.gather(*claiming, return_exceptions=True)
        for places in self._places.values():
            places.close()
        works = [running.work for running in self._running.values()]
        if works:
            _, late = await asyncio.wait(works, timeout=seconds)
            for running in self._running.values():
                running.lost = True
            for work in late:
                work.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        try:
            await self._leases.give_back(self.holder)
        except ServiceError as error:
            log.warning("work is not given back, and returns when its leases run out", reason=error.reason)

    def _changed(self, events: list[Event] | None) -> None:
        if events is None:
            self._remote_cancel.set()
            if self._remote is None:
                self._remote = asyncio.get_running_loop().call_later(REMOTE_SECONDS, self._look_for_others)
            return
        for event in events:
            kind = event.values()["type"]
            record = event.record
            if isinstance(record, Task | Agent) and record.runtime == AgentRuntime.EXTERNAL:
                # What workers do is no business of ours, but for what goes to others when they leave.
                if kind in UNROUTED:
                    self._wake_agents()
                continue
            runtime = record.runtime if isinstance(record, Task | Agent) else None
            if kind in ROOM:
                self._note_room(event, runtime)
            if kind in CLAIMABLE_AFTER or kind in ROOM:
                self._wake_agents(runtime)
            if kind in UNROUTED:
                self._wake_agents()
            if kind in INSTALLABLE:
                self._places[INSTALLATION].wake.set()
            if kind in READABLE:
                self._places[INGESTION].wake.set()
            if kind == "task.taken":
                self._lose(event.resource_id)
                self._wake_agents()
            if kind == "document.ready" and EMBEDDING in self._places:
                self._places[EMBEDDING].wake.set()
            if kind in ANSWERABLE:
                self._places[ANSWER].wake.set()
            if kind == "task.cancel_requested" and isinstance(record, Task):
                self._cancel(record.id)
                self._asked[record.id, record.attempt] = None
            if kind == "chat.cancel_requested":
                # An answer's id is that of its task; where it is not here yet, `_cancel_remote` finds it.
                self._cancel(event.resource_id)
                self._asked[event.resource_id, getattr(record, "attempt", 0)] = None

    def _wake_agents(self, runtime: str | None = None) -> None:
        """Has those look for tasks who do those of this runtime, or of any where nobody knows whose they will be."""
        for each in [runtime] if runtime in self._of_agents else self._of_agents:
            self._places[each].wake.set()

    def _note_room(self, event: Event, runtime: str | None) -> None:
        for each in [runtime] if runtime in self._of_agents else self._of_agents:
            self._places[each].note_room(event.agent_id or event.resource_id, event.organization_id)

    def _look_for_others(self) -> None:
        self._remote = None
        for places in self._places.values():
            places.wake.set()

    def _cancel(self, task_id: str) -> None:
        running = self._running.get(task_id)
        if running is not None and not running.cancelled:
            running.cancelled = True
            if running.begun:
                running.work.cancel()

    def _lose(self, task_id: str) -> None:
        """Ends what is done here of a task that a person has taken: the result would be refused."""
        running = self._running.get(task_id)
        if running is not None and not running.work.done():
            running.lost = True
            running.work.cancel()

    def place(self, runtime: str) -> AbstractContextManager[Place | None]:
        """A place for a task of a runtime that is about to be made; None where there is none."""
        return self._places[runtime].keep()

    def _begin(self, runner: Runner, task: Task) -> asyncio.Task[None]:
        if (before := self._running.get(task.id)) is not None:
            # The lease of an earlier attempt ran out before anybody here noticed.
            before.lost = True
            before.work.cancel()
        work = asyncio.create_task(self._do(runner, task))
        asked = (task.id, task.attempt) in self._asked
        self._running[task.id] = Running(task.attempt, work, cancelled=asked)
        return work

    async def _do(self, runner: Runner, task: Task) -> None:
        running = self._running[task.id]
        try:
            result = await self._run(runner, task, running)
            if result is not None:
                # From now on a cancellation comes too late, and must not keep the result from being recorded.
                running.begun = False
                await self._finish(task, result)
        finally:
            if self._running.get(task.id) is running:
                del self._running[task.id]

    async def _run(self, runner: Runner, task: Task, running: Running) -> Result | None:
        """The task's result, or None where its lease is no longer ours."""
        running.begun = True
        if task.cancel_requested_at is not None or running.cancelled:
            return Result(status=TaskStatus.CANCELLED)
        try:
            return await runner.run(task)
        except asyncio.CancelledError as cancelled:
            if not running.cancelled or running.lost:
                raise
            asyncio.current_task().uncancel()
            return cancelled.result if isinstance(cancelled, CancelledWith) else Result(status=TaskStatus.CANCELLED)
        except ServiceError as error:
            # Not the task's fault. Nobody keeps its lease any more, so it runs out and the task is done again.
            log.warning("task not done", task=task.id, reason=error.reason, error=error.message)
            return None
        except Exception:
            log.exception("bug", task=task.id)
            return failure("InternalError", "something went wrong on our side")

    async def _finish(self, task: Task, result: Result) -> None:
        for attempt in range(FINISH_TRIES):
            try:
                await self._leases.finish(task.id, task.attempt, result)
                return
            except StaleLease as error:
                log.warning("result came too late", task=task.id, **error.details)
                return
            except ServiceError as error:
                # The lease is kept meanwhile; where this never succeeds it is let go, and the task is done again.
                log.warning("result not recorded", task=task.id, reason=error.reason, attempt=attempt)
                await asyncio.sleep(0.2 * 2**attempt)
            except Exception:
                # It cannot be recorded, now or ever: better an end without a result than none.
                log.exception("bug", task=task.id)
                result = failure("InternalError", "something went wrong on our side")

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(self._lease_seconds / 3)
            # Only what was running before we asked is judged by the answer.
            asked = dict(self._running)
            if not asked:
                continue
            leases = [(task_id, running.attempt) for task_id, running in asked.items()]
            held = {(lease.task_id, lease.attempt): lease for lease in await self._leases.keep(self.holder, leases)}
            for task_id, running in asked.items():
                lease = held.get((task_id, running.attempt))
                if lease is None and not running.work.done():
                    # Somebody else may hold it by now: what is done here no longer counts.
                    running.lost = True
                    running.work.cancel()
                elif lease is not None and lease.cancel_requested:
                    self._cancel(task_id)

    async def _cancel_remote(self) -> None:
        """Looks for cancellations that another process has recorded."""
        while True:
            await self._remote_cancel.wait()
            self._remote_cancel.clear()
            if self._running:
                for lease in await self._leases.cancelled(self.holder):
                    self._cancel(lease.task_id)
            await asyncio.sleep(REMOTE_CANCEL_SECONDS)

    async def sweep(self) -> None:
        """Looks once for everything that nobody announces: what time has brought, and what the dead have left."""
        for sweep in (self._leases.release_expired, *self.sweeps):
            try:
                await sweep()
            except ServiceError as error:
                log.warning("a sweep could not be done", reason=error.reason, error=error.message)
            except Exception:
                # One that fails again and again must not keep the others from being done.
                log.exception("bug", sweep=getattr(sweep, "__qualname__", str(sweep)))
        self._swept = time.monotonic()

    async def _sweep(self) -> None:
        while True:
            await self.sweep()
            await asyncio.sleep(SWEEP_SECONDS)
