"""Teams: who takes part in a project, people and agents, and what the people may do there."""

from __future__ import annotations

from collections.abc import Sequence

from server.core.projects import members
from server.core.projects.members import Member
from server.core.projects.permissions import Permissions, require_sight
from server.core.projects.rows import PROJECTS
from server.core.shared.call_context import Call
from server.core.shared.resource import change
from server.model import Project, ProjectMember
from server.store.database import Database
from server.store.transaction import Transaction

WRITE = "projects:write"


class ProjectTeams:
    """The teams of every organization's projects; each call sees its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_member(self, call: Call, identifier: str, member: Member) -> ProjectMember:
        """Somebody who takes part from now on. Raises NotFound, Forbidden, InvalidRequest, Conflict, TooMany."""
        checked = member.checked("")

        async def act(transaction: Transaction, project: Project) -> Project:
            await may_change(transaction, call, project, identifier)
            await members.add(transaction, call, project, checked)
            return await change(transaction, project)

        project = await PROJECTS.once(self._database, call, identifier, act)
        return await members.get(self._database, project, checked.user_id)

    async def update_member(
        self, call: Call, identifier: str, user_id: str, *, role: str | None, permissions: Sequence[str] | None
    ) -> ProjectMember:
        """Somebody's other role or permissions. Raises NotFound, Forbidden, InvalidRequest."""

        async def act(transaction: Transaction, project: Project) -> Project:
            await may_change(transaction, call, project, identifier)
            await members.update(transaction, call, project, user_id, role=role, permissions=permissions)
            return await change(transaction, project)

        project = await PROJECTS.once(self._database, call, identifier, act)
        return await members.get(self._database, project, user_id)

    async def remove_member(self, call: Call, identifier: str, user_id: str) -> None:
        """Somebody takes part no more. Raises NotFound, Forbidden."""

        async def act(transaction: Transaction, project: Project) -> Project:
            await may_change(transaction, call, project, identifier)
            await members.remove(transaction, project, user_id)
            return await change(transaction, project)

        await PROJECTS.once(self._database, call, identifier, act)

    async def add_agent(self, call: Call, identifier: str, agent_id: str) -> Project:
        """An agent that works in the project from now on. Raises NotFound, Forbidden, TooMany."""

        async def act(transaction: Transaction, project: Project) -> Project:
            await may_change(transaction, call, project, identifier)
            await members.add_agent(transaction, call, project, agent_id)
            return await touched(transaction, project)

        return await PROJECTS.once(self._database, call, identifier, act)

    async def remove_agent(self, call: Call, identifier: str, agent_id: str) -> Project:
        """An agent that works in it no more; its tasks are as they were. Raises NotFound, Forbidden."""

        async def act(transaction: Transaction, project: Project) -> Project:
            await may_change(transaction, call, project, identifier)
            await members.remove_agent(transaction, project, agent_id)
            return await touched(transaction, project)

        return await PROJECTS.once(self._database, call, identifier, act)


async def may_change(transaction: Transaction, call: Call, project: Project, identifier: str) -> None:
    """Raises NotFound for a project that the caller does not see, and Forbidden for one that he may not change."""
    require_sight(call, project.id, "project", identifier)
    await Permissions(transaction).require(call, WRITE, project.id)


async def touched(transaction: Transaction, project: Project) -> Project:
    """The project as its next version, with its event."""
    changed = await change(transaction, project)
    transaction.emit("project.updated", changed)
    return changed
