"""The heartbeats of a connected worker: what they keep, and what becomes of what they do not name."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from server.core.shared.call_context import Call
from server.core.workers.consumer import Consumer, LeaseName
from server.core.workers.messages import Alive, LeaseLost, Notice
from server.core.workers.registry import WorkerRegistry
from server.errors import Conflict, Unavailable

# However often a worker says that it lives, this is how often it is recorded.
GATHER_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A sign of life."""

    leases: list[LeaseName]
    cpu_usage: float | None = None
    memory_usage: float | None = None


class StreamHeartbeats:
    """Listens to one worker's heartbeats."""

    def __init__(
        self,
        consumer: Consumer,
        call: Call,
        workers: WorkerRegistry,
        *,
        say: Callable[[Notice], None],
        until_read: Callable[[], Awaitable[None]],
        lease_seconds: float,
    ) -> None:
        self._consumer = consumer
        self._book = consumer.book
        self._call = call
        self._workers = workers
        self._say = say
        self._until_read = until_read
        self._lease_seconds = lease_seconds
        self._beat: Heartbeat | None = None
        self._beaten = asyncio.Event()
        self._seen = asyncio.get_running_loop().time()
        # Leases that a heartbeat has had the time to name.
        self._named: set[str] = set(self._book.held)

    def heartbeat(self, beat: Heartbeat) -> None:
        """A sign of life; where two come at once, the later one counts."""
        self._seen = asyncio.get_running_loop().time()
        self._beat = beat
        self._beaten.set()

    async def run(self) -> None:
        """Records signs of life, and tells the worker what it no longer has and what is to be cancelled."""
        consumer, book = self._consumer, self._book
        while True:
            await self._beaten.wait()
            self._beaten.clear()
            beat = self._beat
            if beat is None:
                continue
            known = set(book.held.items())
            try:
                kept = await self._workers.beat(
                    self._call, consumer.worker, beat.leases, cpu_usage=beat.cpu_usage, memory_usage=beat.memory_usage
                )
            except Conflict:
                if consumer.draining:
                    # It has left in this very moment, and the connection is about to end well.
                    return
                raise
            has = {(lease.task_id, lease.attempt) for lease in kept}
            for lease in kept:
                if lease.cancel_requested and (lease.task_id, lease.attempt) not in book.acknowledged:
                    consumer.cancel(lease.task_id)
            for task_id, attempt in dict.fromkeys(beat.leases):
                if (task_id, attempt) in has or (task_id, attempt) in book.settling:
                    continue
                if book.holds(task_id, attempt):
                    consumer.lose(task_id)
                elif not book.ended((task_id, attempt)):
                    book.end((task_id, attempt))
                    self._say(LeaseLost(task_id, attempt))
            self._say(Alive(self._workers.clock()))
            await self._reconcile(known - has)
            await self._until_read()
            await asyncio.sleep(GATHER_SECONDS)

    async def _reconcile(self, unnamed: set[LeaseName]) -> None:
        """Drops leases that the worker did not name twice, and that have run out meanwhile."""
        book = self._book
        before = {lease for lease in unnamed if lease[0] in self._named}
        self._named = set(book.held)
        if before:
            still = {task.id: task.attempt for task in await self._workers.held(self._consumer.worker)}
            for task_id, attempt in before:
                # It may have got the task anew meanwhile.
                held = book.holds(task_id, attempt) and (task_id, attempt) not in book.settling
                if held and still.get(task_id) != attempt:
                    self._consumer.lose(task_id)

    async def watch(self) -> None:
        """Ends the connection of a worker that has gone silent: it may be there no more, or have stopped."""
        loop = asyncio.get_running_loop()
        left = self._lease_seconds
        while left > 0:
            await asyncio.sleep(left)
            left = self._seen + self._lease_seconds - loop.time()
        raise Unavailable("no heartbeat came; connect again")
