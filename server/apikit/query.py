"""What stands in the query of a request, for whichever API."""

from __future__ import annotations

from datetime import UTC, datetime

from server.errors import InvalidRequest


def moment(field: str, text: str) -> int | None:
    """A time in a query as microseconds since 1970; None for none. Raises InvalidRequest."""
    if not text:
        return None
    try:
        # A plus sign in a query reads as a space.
        written = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
        zoned = written if written.tzinfo is not None else written.replace(tzinfo=UTC)
        microseconds = int(zoned.timestamp() * 1_000_000)
    except (ValueError, OverflowError):
        raise InvalidRequest(field, "must be a time such as 2030-01-31T12:00:00Z") from None
    if not 0 <= microseconds < 1 << 53:
        raise InvalidRequest(field, "must be a time after 1970 and before 2255")
    return microseconds
