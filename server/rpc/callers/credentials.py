"""Finds the credential in a call's headers."""

from __future__ import annotations

from collections.abc import Mapping

from server.errors import Unauthorized

# The headers that hold one, the first one counting.
CREDENTIALS = ("authorization", "x-api-key", "x-agent-token")
NEEDED = "an API key is needed, as Authorization: Bearer YOUR_API_KEY or as X-API-Key"


def credential(headers: Mapping[str, str]) -> str:
    """The key in `Authorization: Bearer …`, `X-API-Key` or `X-Agent-Token`. Raises Unauthorized where there is none."""
    authorization = headers.get("authorization", "")
    if authorization:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() == "bearer" and token.strip():
            return token.strip()
        raise Unauthorized("the Authorization header must read: Bearer YOUR_API_KEY")
    key = headers.get("x-api-key", "").strip() or headers.get("x-agent-token", "").strip()
    if not key:
        raise Unauthorized(NEEDED)
    return key


def gives_credential(headers: Mapping[str, str]) -> bool:
    """Whether there is one, good or bad, for a method that asks for none: HTTP Basic it reads itself, or not at all."""
    scheme = headers.get("authorization", "").partition(" ")[0].lower()
    return scheme != "basic" and bool(scheme or headers.get("x-api-key") or headers.get("x-agent-token"))


def says_nothing(headers: Mapping[str, str]) -> bool:
    """Whether nobody has tried to give one: a header without a key in it is a key that is missing."""
    return not any(name in headers for name in CREDENTIALS)
