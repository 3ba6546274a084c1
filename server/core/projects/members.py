"""Who takes part in a project: people, with a role and permissions there, and agents."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import bindparam, delete, func, select
from sqlalchemy import update as sql_update

from server.core.agents.registry import AGENTS
from server.core.projects.permissions import Permissions, check_permissions, granted_by
from server.core.shared.call_context import Call
from server.core.shared.ids import parse_id
from server.core.shared.resource import Resource
from server.errors import Conflict, InvalidRequest, NotFound, TooMany
from server.model import Agent, Project, ProjectAgent, ProjectMember, Role, User
from server.store.statement import Statement
from server.store.transaction import Reader, Transaction

# People, and agents, of one project.
MOST = 500

_users = User.table().c
_agents = Agent.table().c
_members = ProjectMember.table().c
_taking_part = ProjectAgent.table().c
USERS = Resource(User, "user", _users.disabled_at.is_(None))
_this = (_members.project_id == bindparam("project"), _members.user_id == bindparam("user"))
_this_agent = (_taking_part.project_id == bindparam("project"), _taking_part.agent_id == bindparam("agent"))
_MEMBER = Statement[ProjectMember](select(ProjectMember.table()).where(*_this), ProjectMember)
_TEAM = Statement[Any](
    select(*ProjectMember.table().c, _users.name, _users.email)
    .select_from(ProjectMember.table().join(User.table(), _users.id == _members.user_id))
    .where(_members.project_id == bindparam("project"))
    .order_by(_members.user_id)
    .limit(MOST)
)
_COUNT = Statement[Any](select(func.count()).where(_members.project_id == bindparam("project")))
_CHANGE = Statement[Any](
    sql_update(ProjectMember.table())
    .where(*_this)
    .values({"role": bindparam("role"), "permissions": bindparam("permissions")})
)
_REMOVE = Statement[Any](delete(ProjectMember.table()).where(*_this))
_AGENT = Statement[Any](select(_taking_part.agent_id).where(*_this_agent))
_WORKING = Statement[Any](
    select(_agents.id, _agents.name, _agents.type)
    .select_from(ProjectAgent.table().join(Agent.table(), _agents.id == _taking_part.agent_id))
    .where(_taking_part.project_id == bindparam("project"), _agents.deleted_at.is_(None))
    .order_by(_taking_part.agent_id)
    .limit(MOST)
)
_COUNT_AGENTS = Statement[Any](
    select(func.count())
    .select_from(ProjectAgent.table().join(Agent.table(), _agents.id == _taking_part.agent_id))
    .where(_taking_part.project_id == bindparam("project"), _agents.deleted_at.is_(None))
)
_REMOVE_AGENT = Statement[Any](delete(ProjectAgent.table()).where(*_this_agent))


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who is to take part."""

    # In any spelling.
    user_id: str
    role: str = Role.DEVELOPER.value
    # Scopes beside those of the role.
    permissions: Sequence[str] = ()

    @property
    def digits(self) -> str:
        """The user's id as it is kept. Raises NotFound."""
        return parse_id("user", self.user_id)

    def checked(self, field: str) -> Member:
        """The same, as it can be kept. Raises InvalidRequest, in which `field` is where it stands."""
        place = f"{field}." if field else ""
        if self.role not in set(Role):
            raise InvalidRequest(f"{place}role", f"must be one of {', '.join(Role)}")
        return replace(self, permissions=check_permissions(self.permissions, f"{place}permissions"))


@dataclass(frozen=True, slots=True)
class ShownMember:
    """Somebody who takes part, with his name."""

    member: ProjectMember
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class ShownAgent:
    """An agent that takes part."""

    id: str
    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Team:
    """All who take part."""

    people: Sequence[ShownMember]
    agents: Sequence[ShownAgent]


async def team(reader: Reader, project: Project) -> Team:
    """Who takes part in a project."""
    rows = await reader.all(_TEAM, project=project.id)
    width = len(ProjectMember.columns)
    people = [ShownMember(ProjectMember.load(row[:width]), *row[width:]) for row in rows]
    return Team(people, [ShownAgent(*row) for row in await reader.all(_WORKING, project=project.id)])


async def get(reader: Reader, project: Project, user_id: str) -> ProjectMember:
    """Somebody who takes part. Raises NotFound."""
    found = await reader.one(_MEMBER, project=project.id, user=parse_id("user", user_id))
    if found is None:
        raise NotFound("member", user_id)
    return found


async def add(transaction: Transaction, call: Call, project: Project, member: Member) -> ProjectMember:
    """Somebody takes part in a project, which is locked. Raises NotFound, Forbidden, Conflict, TooMany."""
    user = await USERS.get(transaction, call, member.user_id)
    if await transaction.one(_MEMBER, project=project.id, user=user.id) is not None:
        raise Conflict(
            f"user-{user.id} takes part in this project already",
            reason="MEMBER_EXISTS",
            details={"user_id": f"user-{user.id}"},
        )
    if project.created_by != user.id or call.caller.user_id != user.id:
        await _may_give(transaction, call, project, member.role, member.permissions)
    await _check_room(transaction, _COUNT, project)
    added = ProjectMember.new(
        project_id=project.id,
        user_id=user.id,
        organization_id=project.organization_id,
        role=member.role,
        permissions=json.dumps(list(member.permissions)),
        created_at=transaction.now,
    )
    await transaction.insert(added)
    transaction.emit("project.member_added", added, about=project)
    return added


async def update(
    transaction: Transaction,
    call: Call,
    project: Project,
    user_id: str,
    *,
    role: str | None,
    permissions: Sequence[str] | None,
) -> ProjectMember:
    """Gives somebody another role or other permissions. Raises NotFound, Forbidden, InvalidRequest."""
    before = await get(transaction, project, user_id)
    kept = permissions if permissions is not None else json.loads(before.permissions)
    member = Member(before.user_id, role or before.role, kept).checked("")
    await _may_give(transaction, call, project, member.role, member.permissions)
    values = {"role": member.role, "permissions": json.dumps(list(member.permissions))}
    await transaction.run(_CHANGE, project=project.id, user=before.user_id, **values)
    changed = ProjectMember.new(**{**before.values(), **values})
    transaction.emit("project.member_updated", changed, about=project)
    return changed


async def remove(transaction: Transaction, project: Project, user_id: str) -> None:
    """Somebody takes part no more. Raises NotFound."""
    member = await get(transaction, project, user_id)
    await transaction.run(_REMOVE, project=project.id, user=member.user_id)
    transaction.emit("project.member_removed", member, about=project)


async def add_agent(transaction: Transaction, call: Call, project: Project, agent_id: str) -> None:
    """An agent works in a project; nothing happens where it does already. Raises NotFound, TooMany."""
    agent = await AGENTS.lock(transaction, call, agent_id, shared=True)
    if await transaction.one(_AGENT, project=project.id, agent=agent.id) is not None:
        return
    await _check_room(transaction, _COUNT_AGENTS, project)
    await transaction.insert(
        ProjectAgent.new(
            project_id=project.id,
            agent_id=agent.id,
            organization_id=project.organization_id,
            created_at=transaction.now,
        )
    )


async def remove_agent(transaction: Transaction, project: Project, agent_id: str) -> None:
    """An agent works in a project no more. Raises NotFound."""
    if not await transaction.run(_REMOVE_AGENT, project=project.id, agent=parse_id("agent", agent_id)):
        raise NotFound("agent", agent_id)


async def _may_give(
    transaction: Transaction, call: Call, project: Project, role: str, permissions: Sequence[str]
) -> None:
    """Raises Forbidden where somebody would give more than he has."""
    await Permissions(transaction).may_grant(call, granted_by(role, permissions), project.id)


async def _check_room(transaction: Transaction, count: Statement[Any], project: Project) -> None:
    row = await transaction.one(count, project=project.id)
    if row is not None and row[0] >= MOST:
        raise TooMany(f"{row[0]} take part in this project, and {MOST} is the limit", details={"limit": MOST})
