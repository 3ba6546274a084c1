"""CoordinAItor: what stands in queries."""

from __future__ import annotations

from collections.abc import Collection

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
