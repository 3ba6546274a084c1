"""A worker's connection, from its hello until it ends, and what is done with what the worker says."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

from server.core.queue.cancellation import CANCEL_GRACE
from server.core.queue.fencing import Finish, StaleLease
from server.core.shared.call_context import Call
from server.core.workers.consumer import Consumer, LeaseName
from server.core.workers.hub import WorkerHub
from server.core.workers.messages import Accepted, CancelAsked, Given, LeaseLost, Notice, Refused, Welcomed
from server.core.workers.registry import WorkerRegistry
from server.core.workers.report_buffer import ReportBuffer
from server.core.workers.reports import NotCancelled, WorkerReports
from server.core.workers.stream_heartbeats import Heartbeat, StreamHeartbeats
from server.errors import ServiceError
from server.model import Task, Worker

# How many results are recorded together, and how many words may wait on either side before the worker is not read.
TOGETHER = 100
WAITING = 1000
# A worker with other tasks in hand is likely to end some of them in the next moment.
GATHER_SECONDS = 0.003


class WorkerConnection(Consumer):
    """Takes what a connected worker says, and tells it what it has to know."""

    def __init__(
        self,
        call: Call,
        workers: WorkerRegistry,
        reports: WorkerReports,
        hub: WorkerHub,
        worker: Worker,
        held: Iterable[Task],
    ) -> None:
        super().__init__(worker, worker.capacity)
        self._call = call
        self._workers = workers
        self._recorded = reports
        self._hub = hub
        self.book.add((task.id, task.attempt) for task in held)
        self._reports = ReportBuffer(reports, worker)
        self._said: deque[Notice] = deque()
        self._news = asyncio.Event()
        self._read = asyncio.Event()
        self._ends: deque[Finish | LeaseName] = deque()
        self._ended = asyncio.Event()
        self._heartbeats = StreamHeartbeats(
            self, call, workers, say=self.say, until_read=self.until_read, lease_seconds=hub.lease_seconds
        )
        self._error: ServiceError | None = None
        self._over = False
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    async def begin(
        cls,
        call: Call,
        workers: WorkerRegistry,
        reports: WorkerReports,
        hub: WorkerHub,
        *,
        agent_id: str,
        capacity: int,
        name: str,
        worker_id: str,
        leases: list[LeaseName],
    ) -> WorkerConnection:
        """Lets a worker in. Raises what `Workers.connect` and `ConnectedWorkers.join` do."""
        worker, held = await workers.connect(call, agent_id=agent_id, capacity=capacity, name=name, worker_id=worker_id)
        connection = cls(call, workers, reports, hub, worker, held)
        has = [(task.id, task.attempt) for task in held]
        connection.say(Welcomed(worker, has, [lease for lease in leases if lease not in has]))
        if unknown := [task for task in held if (task.id, task.attempt) not in leases]:
            connection.say(Given(unknown))
        for task in held:
            if task.cancel_requested_at is not None:
                connection.cancel(task.id)
        await hub.join(connection, connected=True)
        loops = (connection._settle, connection._heartbeats.run, connection._reports.run, connection._heartbeats.watch)
        connection._tasks = [asyncio.create_task(connection._guard(loop)) for loop in loops]
        return connection

    def heartbeat(self, beat: Heartbeat) -> None:
        """A sign of life; where two come at once, the later one counts."""
        self._heartbeats.heartbeat(beat)

    @property
    def reports(self) -> ReportBuffer:
        """Where to write how tasks go."""
        return self._reports

    async def end(self, said: Finish | LeaseName) -> None:
        """The worker ends a task with a result, or gives it back. Waits while too much is waiting."""
        self._ends.append(said)
        self._ended.set()
        await self.until_read()

    async def until_read(self) -> None:
        """Waits while too much is waiting to be recorded, or to be read by the worker."""
        while (len(self._ends) > WAITING or len(self._said) > WAITING) and not self._over:
            self._read.clear()
            await self._read.wait()

    async def acknowledge_cancel(self, task_id: str, attempt: int) -> None:
        """The worker is ending a task that is to be cancelled."""
        if (task_id, attempt) in self.book.acknowledged or not self.book.holds(task_id, attempt):
            return
        self.book.acknowledged.add((task_id, attempt))
        try:
            await self._recorded.acknowledge_cancel(self.worker, task_id, attempt)
        except StaleLease:
            # It may have got the task anew meanwhile.
            if self.book.holds(task_id, attempt):
                self.lose(task_id)
        except NotCancelled:
            self.book.acknowledged.discard((task_id, attempt))

    async def drain(self) -> None:
        """The worker takes no more, and leaves when it holds nothing."""
        if not self.draining:
            await self._workers.drain(self._call, self.worker)
            # Only now: whoever finds it draining and without leases lets it leave.
            self.draining = True
            self._ended.set()

    async def rest(self) -> None:
        """The worker says no more: waits until what it has said is recorded."""
        while (self._ends or self.book.settling) and not self._over:
            self._read.clear()
            await self._read.wait()
        await self._reports.flush()

    def hang_up(self, error: ServiceError | None = None) -> None:
        """The connection is over, for the worker's own reasons or because of what it sent."""
        self._error = self._error or error
        # What is claimed for it from now on goes back.
        self.closed = self._over = True
        for event in (self._news, self._read, self._ended):
            event.set()

    def stop(self, error: ServiceError) -> None:
        """Ends the connection with this error."""
        self.hang_up(error)

    def give(self, tasks: list[Task]) -> None:
        """Tells the worker of new leases."""
        self.say(Given(tasks))

    def cancel(self, task_id: str) -> None:
        """Asks the worker to end a task; it may be asked more than once."""
        if (attempt := self.book.held.get(task_id)) is not None:
            self.say(CancelAsked(task_id, attempt, CANCEL_GRACE / 1_000_000))

    def lose(self, task_id: str) -> None:
        """Tells the worker to stop working on a task."""
        attempt = self.book.held.get(task_id)
        if attempt is not None and self._forget(task_id, attempt):
            self.say(LeaseLost(task_id, attempt))

    async def notices(self) -> AsyncIterator[Notice]:
        """What the worker is to be told, until the connection is over. Raises why it is, where that is no good end."""
        try:
            while True:
                while self._said:
                    notice = self._said.popleft()
                    if not self._said:
                        self._read.set()
                    yield notice
                if self._over:
                    break
                self._news.clear()
                await self._news.wait()
            if self._error is not None:
                raise self._error
        finally:
            self.close()

    def close(self) -> None:
        """Ends the connection, but what the worker has said is still recorded. What it holds stays its own."""
        self.hang_up()
        self._hub.leave(self)
        for task in self._tasks[1:]:
            task.cancel()

    def say(self, notice: Notice) -> None:
        """Tells the worker something."""
        self._said.append(notice)
        self._news.set()

    def _forget(self, task_id: str, attempt: int) -> bool:
        self._reports.forget(task_id)
        self.book.end((task_id, attempt))
        known = self._hub.drop(self, task_id, attempt)
        if self.draining:
            self._ended.set()
        return known

    async def _guard(self, loop: Callable[[], Awaitable[None]]) -> None:
        try:
            await loop()
        except ServiceError as error:
            self.hang_up(error)
            # Nobody may ever read that it is over.
            self._hub.leave(self)
        except Exception:
            self.hang_up(ServiceError("something went wrong on our side"))
            self._hub.leave(self)
            raise

    async def _settle(self) -> None:
        """Records what the worker says of the ends of its tasks, together where it comes together."""
        while self._ends or not (self._over or (self.draining and not self.book.held)):
            await self._ended.wait()
            self._ended.clear()
            while self._ends:
                if len(self.book.held) > len(self._ends) < TOGETHER:
                    await asyncio.sleep(GATHER_SECONDS)
                taken = [self._ends.popleft() for _ in range(min(TOGETHER, len(self._ends)))]
                await self._record(taken)
                self._read.set()
        if not self._over:
            await self._workers.leave(self._call, self.worker)
            self.hang_up()

    async def _record(self, taken: list[Finish | LeaseName]) -> None:
        finishes = [each for each in taken if isinstance(each, Finish)]
        returned = [each for each in taken if not isinstance(each, Finish)]
        leases = [(each.task_id, each.attempt) for each in finishes] + returned
        self.book.settling.update(leases)
        try:
            await self._reports.flush([task_id for task_id, _ in leases])
            outcomes: list[Task | StaleLease | NotCancelled] = []
            if finishes:
                outcomes += await self._recorded.finish(self.worker, finishes)
            if returned:
                outcomes += await self._recorded.give_back(self.worker, returned)
        finally:
            self.book.settling.difference_update(leases)
        accepted = []
        for lease, outcome in zip(leases, outcomes, strict=True):
            if isinstance(outcome, Task):
                accepted.append(lease)
            else:
                self.say(Refused(*lease, outcome))
            if not isinstance(outcome, NotCancelled):
                self._forget(*lease)
        if accepted:
            self.say(Accepted(accepted))
