"""A consumer: a worker as those see it who find tasks for it."""

from __future__ import annotations

from server.core.workers.lease_book import LeaseBook
from server.errors import ServiceError
from server.model import Task, Worker


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
