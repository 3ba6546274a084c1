"""Headers that a webhook's owner adds to each request: which may be, so that none smuggles or lies."""

from __future__ import annotations

import re
from collections.abc import Mapping

from server.errors import InvalidRequest

MOST, LONGEST_NAME, LONGEST_VALUE = 20, 100, 1000
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# Visible characters of ASCII, with single spaces and tabs between them: nothing that ends a line.
_VALUE = re.compile(r"(?:[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?)?")
# How a request ends, where it goes, who sent it and what it says is ours to say.
_OURS = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "date",
        "expect",
        "forwarded",
        "host",
        "http2-settings",
        "keep-alive",
        "te",
        "traceparent",
        "tracestate",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
    }
)
_OUR_BEGINNINGS = ("proxy-", "webhook-", "x-orchestrator-", "x-forwarded-", "sec-")


def check_headers(headers: Mapping[str, object]) -> dict[str, str]:
    """The headers as they are sent. Raises InvalidRequest for those that may not be."""
    if len(headers) > MOST:
        raise InvalidRequest("headers", f"must be at most {MOST}")
    checked: dict[str, str] = {}
    known: set[str] = set()
    for name, value in headers.items():
        place = f"headers.{name[:LONGEST_NAME]!r}"
        if not isinstance(value, str) or len(value) > LONGEST_VALUE or not _VALUE.fullmatch(value):
            raise InvalidRequest(place, f"must be a text of at most {LONGEST_VALUE} plain characters in one line")
        lower = name.lower()
        if len(name) > LONGEST_NAME or not _NAME.fullmatch(name):
            raise InvalidRequest(place, "is no name of a header")
        if lower in _OURS or lower.startswith(_OUR_BEGINNINGS) or lower in known:
            raise InvalidRequest(place, "is given twice" if lower in known else "is a header that only we may set")
        known.add(lower)
        checked[name] = value
    return checked
