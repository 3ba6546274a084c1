"""Days and months, UTC: when they began, and when they end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from server.model import Period

SECOND = 1_000_000
# A month has no more days.
_MOST = timedelta(days=31)


def began(period: str, now: int) -> int:
    """When the period began that a moment is in; microseconds since 1970."""
    moment = datetime.fromtimestamp(now // SECOND, UTC).replace(hour=0, minute=0, second=0)
    return _microseconds(moment if period == Period.DAY else moment.replace(day=1))


def ends(period: str, now: int) -> int:
    """When the next one begins; microseconds since 1970."""
    first = datetime.fromtimestamp(began(period, now) // SECOND, UTC)
    if period == Period.DAY:
        return _microseconds(first + timedelta(days=1))
    return _microseconds((first + _MOST).replace(day=1))


def _microseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * SECOND
