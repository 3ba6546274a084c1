"""CoordinAItor: what stands in queries."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

from server.errors import InvalidRequest


def comma_separated(words: str) -> list[str]:
    """The words of a list with commas between them."""
    return [word.strip() for word in words.split(",") if word.strip()]


def chosen(field: str, words: str, known: Collection[str]) -> frozenset[str]:
    """Which of the known words a list names. Raises InvalidRequest for others."""
    asked = frozenset(comma_separated(words))
    if asked - frozenset(known):
        raise InvalidRequest(field, f"must be some of {', '.join(known)}")
    return asked


def moment(field: str, text: str) -> int | None:
    """A time as microseconds since 1970; None for none. Raises InvalidRequest."""
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
