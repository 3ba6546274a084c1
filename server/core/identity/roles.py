"""Roles: the scopes that a person has by what they are in an organization, or in a project."""

from __future__ import annotations

from collections.abc import Mapping

from server.core.identity.declared_scopes import DECLARED_SCOPES
from server.model import Role

_READS = frozenset(scope for scope in DECLARED_SCOPES if scope.endswith(":read"))
_WORKS = _READS | {"tasks:write", "sessions:write", "knowledge:write"}
_SCOPES: Mapping[str, frozenset[str]] = {
    Role.ADMIN: frozenset({"*"}),
    Role.PROJECT_MANAGER: _WORKS | {"projects:write", "agents:write", "workflows:write", "webhooks:write"},
    Role.DEVELOPER: _WORKS,
    Role.VIEWER: _READS,
}


def scopes_of(role: str) -> frozenset[str]:
    """What somebody in this role may do."""
    return _SCOPES[role]
