"""How much a benchmark does: as much as its figures need, or only enough to see that it works."""

from __future__ import annotations

from enum import IntEnum
from typing import TypeVar

T = TypeVar("T")


class Scale(IntEnum):
    """FULL gives the figures of the README, QUICK some in less time, TINY none that mean anything, within seconds."""

    FULL = 0
    QUICK = 1
    TINY = 2

    def of(self, full: T, quick: T, tiny: T) -> T:
        """The one of the three that belongs to this scale."""
        return (full, quick, tiny)[self]
