"""The heartbeats of a connected worker: what they keep, and what becomes of what they do not name."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from server.core.call import Call
from server.core.connected_workers import ConnectedWorkers
from server.core.worker_messages import Alive, LeaseLost, LeaseName
from server.core.workers import Workers
from server.errors import Conflict, Unavailable

# However often a worker says that it lives, this is how often it is recorded.
GATHER_SECONDS = 0.05

if TYPE_CHECKING:
    from server.core.worker_connection import WorkerConnection


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A sign of life."""

    leases: list[LeaseName]
    cpu_usage: float | None = None
    memory_usage: float | None = None


class Heartbeats:
    """Listens to one worker's heartbeats."""

    def __init__(
        self, connection: WorkerConnection, call: Call, workers: Workers, connected_workers: ConnectedWorkers
    ) -> None:
        self._connection = connection
        self._call = call
        self._workers = workers
        self._connected_workers = connected_workers
        self._beat: Heartbeat | None = None
        self._beaten = asyncio.Event()
        self._seen = asyncio.get_running_loop().time()
        # Leases that a heartbeat has had the time to name.
        self._named: set[str] = set(connection.held)

    def heartbeat(self, beat: Heartbeat) -> None:
        """A sign of life; where two come at once, the later one counts."""
        self._seen = asyncio.get_running_loop().time()
        self._beat = beat
        self._beaten.set()

    async def run(self) -> None:
        """Records signs of life, and tells the worker what it no longer has and what is to be cancelled."""
        connection = self._connection
        while True:
            await self._beaten.wait()
            self._beaten.clear()
            beat = self._beat
            if beat is None:
                continue
            known = set(connection.held.items())
            try:
                kept = await self._workers.beat(
                    self._call, connection.worker, beat.leases, cpu_usage=beat.cpu_usage, memory_usage=beat.memory_usage
                )
            except Conflict:
                if connection.draining:
                    # It has left in this very moment, and the connection is about to end well.
                    return
                raise
            has = {(lease.task_id, lease.attempt) for lease in kept}
            for lease in kept:
                if lease.cancel_requested and (lease.task_id, lease.attempt) not in connection.acknowledged:
                    connection.cancel(lease.task_id)
            for task_id, attempt in dict.fromkeys(beat.leases):
                if (task_id, attempt) in has or (task_id, attempt) in connection.settling:
                    continue
                if connection.holds(task_id, attempt):
                    connection.lose(task_id)
                elif (task_id, attempt) not in connection.past:
                    connection.remember((task_id, attempt))
                    connection.say(LeaseLost(task_id, attempt))
            connection.say(Alive(self._connected_workers.database.clock()))
            await self._reconcile(known - has)
            await connection.until_read()
            await asyncio.sleep(GATHER_SECONDS)

    async def _reconcile(self, unnamed: set[LeaseName]) -> None:
        """Drops leases that the worker did not name twice, and that have run out meanwhile."""
        connection = self._connection
        before = {lease for lease in unnamed if lease[0] in self._named}
        self._named = set(connection.held)
        if before:
            still = {task.id: task.attempt for task in await self._workers.held(connection.worker)}
            for task_id, attempt in before:
                if still.get(task_id) != attempt and (task_id, attempt) not in connection.settling:
                    connection.lose(task_id)

    async def watch(self) -> None:
        """Ends the connection of a worker that has gone silent: it may be there no more, or have stopped."""
        loop = asyncio.get_running_loop()
        left = self._connected_workers.lease_seconds
        while left > 0:
            await asyncio.sleep(left)
            left = self._seen + self._connected_workers.lease_seconds - loop.time()
        raise Unavailable("no heartbeat came; connect again")
