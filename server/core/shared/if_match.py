"""If-Match: the versions that a change may be based on, as RFC 9110 (13.1.1) has them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from server.errors import InvalidRequest

# An entity tag, weak or strong, or nothing: lists may have empty elements.
_ELEMENT = re.compile(r'[ \t]*(?:(W/)?"([\x21\x23-\x7e\x80-\U0010ffff]*)")?[ \t]*(?:,|$)')
_VERSION = re.compile("[1-9][0-9]{0,8}")


@dataclass(frozen=True, slots=True)
class IfMatch:
    """What a resource must be for it to be changed: in one of these versions, or just there (None)."""

    versions: frozenset[int] | None

    def holds(self, version: int) -> bool:
        """Whether a resource in this version may be changed."""
        return self.versions is None or version in self.versions

    def and_version(self, version: int) -> IfMatch:
        """The same, and it must be in this version."""
        return IfMatch(frozenset({version} if self.holds(version) else ()))


ANY = IfMatch(None)


def parse_if_match(text: str) -> IfMatch:
    """What the header says; a weak tag, and one that names no version, matches nothing. Raises InvalidRequest."""
    if text.strip() == "*":
        return ANY
    versions, tags, position = set(), 0, 0
    while position < len(text):
        found = _ELEMENT.match(text, position)
        if found is None:
            raise _unreadable()
        position = found.end()
        tags += found[2] is not None
        if found[2] is not None and not found[1] and _VERSION.fullmatch(found[2]):
            versions.add(int(found[2]))
    if not tags:
        raise _unreadable()
    return IfMatch(frozenset(versions))


def _unreadable() -> InvalidRequest:
    return InvalidRequest("If-Match", 'must be * or a list of ETags that this API gave, such as "3"')
