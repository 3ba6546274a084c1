"""Finds the credential in a call's headers."""

from __future__ import annotations

from collections.abc import Mapping

from server.errors import Unauthorized


def credential(headers: Mapping[str, str]) -> str:
    """The key in `Authorization: Bearer …` or `X-API-Key`. Raises Unauthorized where there is none."""
    authorization = headers.get("authorization", "")
    if authorization:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() == "bearer" and token.strip():
            return token.strip()
        raise Unauthorized("the Authorization header must read: Bearer YOUR_API_KEY")
    key = headers.get("x-api-key", "").strip()
    if not key:
        raise Unauthorized("an API key is needed, as Authorization: Bearer YOUR_API_KEY or as X-API-Key")
    return key


def gives_credential(headers: Mapping[str, str]) -> bool:
    """Whether there is one, good or bad, for a method that asks for none: HTTP Basic it reads itself, or not at all."""
    scheme = headers.get("authorization", "").partition(" ")[0].lower()
    return scheme != "basic" and bool(scheme or headers.get("x-api-key"))
