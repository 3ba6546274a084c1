"""How many sockets a key has open in this process."""

from __future__ import annotations

from collections import Counter

from server.errors import TooMany


class ConnectionLimit:
    """At most `limit` for each key."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open: Counter[str] = Counter()

    def enter(self, key: str) -> None:
        """Counts a socket of this key. Raises TooMany."""
        if self._open[key] >= self._limit:
            raise TooMany(
                f"this key has {self._limit} sockets open, which is as many as it may", details={"limit": self._limit}
            )
        self._open[key] += 1

    def leave(self, key: str) -> None:
        """Counts it no more."""
        self._open[key] -= 1
        if not self._open[key]:
            del self._open[key]
