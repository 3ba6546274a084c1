"""Retries: when a delivery that has failed is tried again, and when a receiver has failed for too long."""

from __future__ import annotations

import random

SECOND = 1_000_000
MINUTE, HOUR = 60, 3600
# Seconds from a failed attempt to the next one; after the last of them no other follows.
DELAYS = (5, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 10 * HOUR)
# So much later, at most, as a share of the delay: what failed together does not come back together.
JITTER = 0.2
# What a receiver may ask for at most.
MOST_SECONDS = 24 * HOUR
# For how long there may be nothing but failures.
GIVE_UP = 5 * 24 * HOUR * SECOND
# From when on an end of failures is worth an event: what the first retry mends is not.
LASTED = 60 * SECOND


def next_delay(failures: int, retry_after: float | None) -> int | None:
    """Microseconds to the next attempt after so many failures of a delivery; None where that was the last.

    It is never earlier than `retry_after`, in seconds, asks for.
    """
    if failures > len(DELAYS):
        return None
    seconds = DELAYS[failures - 1] * (1 + random.uniform(0, JITTER))  # noqa: S311 — nobody is to be surprised
    return int(max(seconds, min(retry_after or 0.0, MOST_SECONDS)) * SECOND)
