"""A consumer: a worker as those see it who find tasks for it, and the book of its leases."""

from __future__ import annotations

from collections.abc import Iterable

from cachetools import FIFOCache

from server.errors import ServiceError
from server.model import Task, Worker

# A lease by its task and its fencing token.
LeaseName = tuple[str, int]
PAST = 4096


class LeaseBook:
    """What is known here of a worker's leases; the store knows better, and is asked where it matters."""

    def __init__(self) -> None:
        # Tokens by task.
        self.held: dict[str, int] = {}
        # Those about whose end the worker has just spoken.
        self.settling: set[LeaseName] = set()
        # Those whose cancellation the worker has acknowledged.
        self.acknowledged: set[LeaseName] = set()
        self._past: FIFOCache[LeaseName, None] = FIFOCache(PAST)

    def holds(self, task_id: str, attempt: int) -> bool:
        """Whether the worker has this lease, as far as is known here."""
        return self.held.get(task_id) == attempt

    def ended(self, lease: LeaseName) -> bool:
        """Whether this lease has ended in this connection: the worker has been told so, or has said so."""
        return lease in self._past

    def end(self, lease: LeaseName) -> None:
        """The worker knows that this lease has ended, and need not be told again."""
        self.acknowledged.discard(lease)
        self._past[lease] = None

    def add(self, leases: Iterable[LeaseName]) -> None:
        """The worker has these leases."""
        self.held.update(leases)


class Consumer:
    """A worker that is here for tasks: for as long as it is connected, or until it gets one."""

    def __init__(self, worker: Worker, capacity: int) -> None:
        self.worker = worker
        self.capacity = capacity
        self.book = LeaseBook()
        self.closed = False
        self.draining = False

    @property
    def room(self) -> int:
        """How many more tasks it takes now."""
        return 0 if self.closed or self.draining else self.capacity - len(self.book.held)

    def give(self, tasks: list[Task]) -> None:
        """Hands over tasks that have been claimed for it."""

    def cancel(self, task_id: str) -> None:
        """Somebody asks to cancel a task that it holds."""

    def lose(self, task_id: str) -> None:
        """It no longer holds a task."""

    def stop(self, error: ServiceError) -> None:
        """There will be nothing more, and this is why."""


class PollingConsumer(Consumer):
    """A worker that waits for up to `most` tasks and then goes: what else it holds is known to the store alone."""

    def __init__(self, worker: Worker, most: int) -> None:
        super().__init__(worker, most)
        # How much room the worker had when the store was asked last.
        self.left = 0

    @property
    def room(self) -> int:
        """How many more tasks it takes now."""
        return min(super().room, self.left)
