"""Industrial: its spelling of ids."""

from __future__ import annotations


def shown_id(digits: str) -> str:
    """A UUID as this API prints it."""
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
