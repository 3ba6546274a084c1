"""Ids as callers write them: any prefix and any spelling of the UUID is accepted, one is printed."""

from __future__ import annotations

from server.errors import InvalidRequest, NotFound

_HEX = frozenset("0123456789abcdef")


def parse_id(resource: str, text: str) -> str:
    """The 32 hexadecimal digits of an id of `resource`. Raises NotFound: what cannot be an id names nothing."""
    digits = text.rpartition("_")[2]
    if len(digits) != 32:
        digits = digits.replace("-", "")[-32:] if len(digits) <= 64 else ""
    digits = digits.lower()
    if len(digits) != 32 or not _HEX.issuperset(digits):
        raise NotFound(resource, text)
    return digits


def parse_filter(field: str, resource: str, text: str) -> str:
    """As `parse_id`, for a filter: what cannot be an id is a mistake in that field."""
    try:
        return parse_id(resource, text)
    except NotFound:
        raise InvalidRequest(field, f"must be the id of a {resource}") from None
