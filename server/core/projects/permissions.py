"""Permissions: what a caller may do in a project, by what he is in his organization and by what he is there."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import bindparam, select

from server.core.identity.declared_scopes import DECLARED_SCOPES
from server.core.identity.roles import scopes_of
from server.core.shared.call_context import Call, holds
from server.errors import Forbidden, InvalidRequest, NotFound
from server.model import Project, ProjectMember
from server.store.statement import Statement
from server.store.transaction import Reader

# What there is to do within a project: with it, and with its tasks and what hangs on them.
_RESOURCES = ("projects", "tasks")
IN_PROJECTS = frozenset(scope for scope in DECLARED_SCOPES if scope.partition(":")[0] in _RESOURCES)
GRANTABLE = IN_PROJECTS | {f"{each}:*" for each in _RESOURCES}

_members = ProjectMember.table().c
_projects = Project.table().c
_MEMBER = Statement[Any](
    select(_members.role, _members.permissions)
    .select_from(ProjectMember.table().join(Project.table(), _projects.id == _members.project_id))
    .where(
        _members.project_id == bindparam("project"),
        _members.user_id == bindparam("user"),
        _members.organization_id == bindparam("organization"),
        _projects.deleted_at.is_(None),
    )
)


class Permissions:
    """Asks on behalf of a call; `reader` is the database, or the transaction in which something is about to be done."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def require(self, call: Call, scope: str, project_id: str | None) -> None:
        """Raises Forbidden, which names the scope, where the caller lacks it in this project, or in none."""
        if not await self.may(call, scope, project_id):
            raise Forbidden(f"this needs the permission {scope}", details={"scope": scope})

    async def may(self, call: Call, scope: str, project_id: str | None) -> bool:
        """Whether the caller may do `scope` in a project that he sees; without one, by his role and key alone."""
        if call.caller.may(scope):
            return True
        # His role lacks it. What he is in the project may have it, as far as his key goes.
        if project_id is None or not holds(call.caller.granted, scope):
            return False
        return holds(await self._there(call, project_id), scope)

    async def may_grant(self, call: Call, scopes: Iterable[str], project_id: str | None) -> None:
        """Raises Forbidden where somebody would give what he does not have himself."""
        for scope in sorted(IN_PROJECTS | {"*"}):
            if holds(frozenset(scopes), scope):
                await self.require(call, scope, project_id)

    async def _there(self, call: Call, project_id: str) -> frozenset[str]:
        """What the caller may do in a project because he takes part in it."""
        caller = call.caller
        if caller.agent_id is not None:
            return frozenset()
        found = await self._reader.one(
            _MEMBER, project=project_id, user=caller.user_id, organization=caller.organization_id
        )
        return granted_by(found[0], json.loads(found[1])) if found is not None else frozenset()


def granted_by(role: str, permissions: Collection[str]) -> frozenset[str]:
    """What a member has by his role, and beside it."""
    return scopes_of(role) | frozenset(permissions)


def check_permissions(permissions: Collection[str], field: str) -> list[str]:
    """Permissions of a member as they are kept. Raises InvalidRequest where one means nothing in a project."""
    unknown = sorted(set(permissions) - GRANTABLE)
    if unknown:
        known = ", ".join(sorted(GRANTABLE))
        raise InvalidRequest(field, f"{unknown[0][:100]} is none that a project knows; those are {known}")
    return sorted(set(permissions))


def sees(call: Call, project_id: str | None) -> bool:
    """Whether the caller's key is good for a project; one that is good for some alone is not for what is in none."""
    limited = call.caller.projects
    return limited is None or project_id in limited


def require_sight(call: Call, project_id: str | None, resource: str, identifier: str) -> None:
    """Raises NotFound where what is in this project does not exist for the caller's key."""
    if not sees(call, project_id):
        raise NotFound(resource, identifier)
