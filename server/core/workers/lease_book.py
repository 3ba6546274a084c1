"""The book of leases of one worker's connection: which it has, which are about to end, and which have ended."""

from __future__ import annotations

from collections.abc import Iterable

from server.bounded import Bounded

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
        self._past: Bounded[LeaseName, None] = Bounded(PAST)

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
