"""Traffic: how long calls of this process took of late, and how many of them failed by our fault."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

# What counts as of late: so many spans of so many seconds.
SPANS, SECONDS = 30, 10
# Codes of calls that say that something is wrong here, and not with the call.
OUR_FAULT = frozenset({"INTERNAL", "UNAVAILABLE", "UNKNOWN"})


@dataclass(frozen=True, slots=True)
class Recent:
    """The calls of the last minutes."""

    calls: int
    # Milliseconds, on average; None where there were none.
    mean_ms: float | None
    # 0 to 1: of all, those that failed by our fault; None where there were none.
    error_rate: float | None
    per_minute: float


class Traffic:
    """Counts calls that are answered once, in a ring; streams have no duration worth a mean."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()
        # The number of each span, its calls, those that failed, and their seconds together.
        self._spans = [[-1, 0, 0, 0.0] for _ in range(SPANS)]
        # How many streams are open; the pipeline knows.
        self.open_streams: Callable[[], int] = lambda: 0

    def note(self, seconds: float, *, failed: bool = False) -> None:
        """Counts a call. Costs less than a microsecond."""
        number = int(self._clock() // SECONDS)
        span = self._spans[number % SPANS]
        if span[0] != number:
            span[:] = [number, 0, 0, 0.0]
        span[1] += 1
        span[3] += seconds
        if failed:
            span[2] += 1

    def recent(self) -> Recent:
        """Of the last five minutes."""
        now = self._clock()
        oldest = int(now // SECONDS) - SPANS
        kept = [span for span in self._spans if span[0] > oldest]
        calls, failed = (int(sum(span[place] for span in kept)) for place in (1, 2))
        minutes = max(1.0, min(SPANS * SECONDS, now - self._began)) / 60
        if not calls:
            return Recent(0, None, None, 0.0)
        seconds = sum(span[3] for span in kept)
        return Recent(calls, round(1000 * seconds / calls, 3), round(failed / calls, 4), round(calls / minutes, 2))
