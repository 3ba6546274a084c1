"""OAuth: where people are sent back to."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

_LOOPBACK = ("127.0.0.1", "[::1]")


def is_same_redirect(registered: str, asked: str) -> bool:
    """Whether an address is the registered one, letter by letter.

    A program on the person's own machine has another port each time (RFC 8252, section 7.3).
    """
    if registered == asked:
        return True
    try:
        known, given = urlsplit(registered), urlsplit(asked)
        ports = (known.port, given.port)
    except ValueError:
        return False
    if known.scheme != "http" or (known.netloc.rpartition(":")[0] not in _LOOPBACK and known.netloc not in _LOOPBACK):
        return False
    host, _, _ = given.netloc.rpartition(":") if ports[1] is not None else (given.netloc, "", "")
    registered_host = known.netloc.rpartition(":")[0] if ports[0] is not None else known.netloc
    return host == registered_host and given._replace(netloc="") == known._replace(netloc="")


def with_fields(address: str, fields: Mapping[str, str]) -> str:
    """The address with these fields behind those that it has."""
    parts = urlsplit(address)
    kept = parse_qsl(parts.query, keep_blank_values=True)
    return urlunsplit(parts._replace(query=urlencode([*kept, *fields.items()])))


def origin_of(address: str) -> str:
    """The scheme and host of an address, as a content security policy names them; of a program's own scheme, that."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in ("http", "https") else f"{parts.scheme}:"
