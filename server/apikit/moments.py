"""Times as callers write them, in queries and in bodies, at whichever API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from server import values
from server.errors import InvalidRequest

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(field: str, text: str) -> int | None:
    """A time, or a day, which begins in UTC, as microseconds since 1970; None for none. Raises InvalidRequest."""
    if not text:
        return None
    try:
        # A plus sign in a query reads as a space.
        written = datetime.fromisoformat(text.strip().replace(" ", "+") if "T" in text else text.strip())
        zoned = written if written.tzinfo is not None else written.replace(tzinfo=UTC)
        microseconds = (zoned - _EPOCH) // timedelta(microseconds=1)
    except (ValueError, OverflowError):
        raise InvalidRequest(field, "must be a time such as 2030-01-31T12:00:00Z, or a day") from None
    if not 0 <= microseconds < 1 << 53:
        raise InvalidRequest(field, "must be a time after 1970 and before 2255")
    return microseconds


def moment_in(field: str, value: bytes) -> int | None:
    """The same of a field that may be null; None for that, and where it says nothing. Raises InvalidRequest."""
    if values.is_null(value):
        return None
    text = values.decode(value) if len(value) < 100 else None
    if not isinstance(text, str) or not text:
        raise InvalidRequest(field, "must be a time such as 2030-01-31T12:00:00Z, a day, or null")
    return moment(field, text)
