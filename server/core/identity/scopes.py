"""Scopes: what a credential may do."""

from __future__ import annotations

from server.core.identity.declared_scopes import DECLARED_SCOPES
from server.errors import InvalidRequest

# Those that methods ask for, `resource:*` for all of a resource's, and `*` for everything.
SCOPES = frozenset({*DECLARED_SCOPES, *(f"{each.partition(':')[0]}:*" for each in DECLARED_SCOPES), "*"})
# What the token of an agent holds.
AGENT_SCOPE = "heartbeats:write"


def check_scopes(scopes: str) -> None:
    """Raises InvalidRequest where `scopes` names none, or one that there is not."""
    unknown = sorted(set(scopes.split()) - SCOPES)
    if unknown or not scopes.strip():
        raise InvalidRequest("scopes", f"unknown: {', '.join(unknown)}; known: {', '.join(sorted(SCOPES))}")
