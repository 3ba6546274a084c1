"""Plain text: what every client and every database could read back."""

from __future__ import annotations


def is_text(text: str) -> bool:
    """Whether it has neither zeros nor halves of characters."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def as_text(text: str) -> str:
    """The text without zeros, and with a mark for each half of a character: models say both."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()
