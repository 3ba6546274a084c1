"""Scopes: what a credential may do."""

from __future__ import annotations

from server.errors import InvalidRequest

SCOPES = frozenset(
    f"{resource}:{action}"
    for resource in ("sessions", "agents", "tasks", "events", "workflows", "workers", "heartbeats", "system")
    for action in ("read", "write", "*")
) | {"*"}
# What the token of an agent holds.
AGENT_SCOPE = "heartbeats:write"


def check_scopes(scopes: str) -> None:
    """Raises InvalidRequest where `scopes` names none, or one that there is not."""
    unknown = sorted(set(scopes.split()) - SCOPES)
    if unknown or not scopes.strip():
        raise InvalidRequest("scopes", f"unknown: {', '.join(unknown)}; known: {', '.join(sorted(SCOPES))}")
