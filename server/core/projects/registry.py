"""Projects: create, list, read, change and delete them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from server.core.projects import members
from server.core.projects.content import UNCHANGED, Unchanged, check_dates, checked_tags, moved, texts
from server.core.projects.figures import Figures, ProjectFigures
from server.core.projects.members import Member, Team
from server.core.projects.permissions import Permissions, require_sight
from server.core.projects.rows import LIST, OPEN_TASK, PROJECTS
from server.core.queue.cancellation import cancel_open
from server.core.shared import idempotency
from server.core.shared.call_context import Call
from server.core.shared.count_cache import CountCache
from server.core.shared.ids import parse_filter
from server.core.shared.pagination import Page
from server.core.shared.resource import change, check_version
from server.errors import Conflict, Forbidden
from server.model import (
    Priority,
    Project,
    ProjectMember,
    ProjectStatus,
    Role,
    new_id,
)
from server.store.database import Database
from server.store.transaction import Transaction

WRITE = "projects:write"


class Projects:
    """The projects of every organization; each call sees its own."""

    def __init__(self, database: Database, counts: CountCache) -> None:
        self._database = database
        self._counts = counts
        self._figures = ProjectFigures(database)
        self._permissions = Permissions(database)

    async def create(
        self,
        call: Call,
        *,
        name: str,
        description: str = "",
        status: str = ProjectStatus.ACTIVE.value,
        priority: int = Priority.MEDIUM.value,
        start_at: int | None = None,
        end_at: int | None = None,
        budget_hours: float | None = None,
        budget_cost: float | None = None,
        tags: Sequence[str] = (),
        team: Sequence[Member] = (),
        agents: Sequence[str] = (),
    ) -> Project:
        """A new project, which its maker takes part in. Raises Forbidden, InvalidRequest, NotFound."""
        await self._permissions.require(call, WRITE, None)
        if call.caller.projects is not None:
            raise Forbidden("this key is good for some projects alone, so it cannot make others")
        check_dates(start_at, end_at)
        values = {
            **texts(name, description),
            "priority": priority,
            "start_at": start_at,
            "end_at": end_at,
            "budget_hours": budget_hours,
            "budget_cost": budget_cost,
            "tags": json.dumps(checked_tags(tags)),
        }
        checked = [member.checked(f"team_members[{index}]") for index, member in enumerate(team)]

        async def make(transaction: Transaction) -> Project:
            now = transaction.now
            project = Project.new(
                id=new_id(),
                organization_id=call.organization_id,
                status=status,
                created_by=call.caller.user_id,
                completed_at=now if status == ProjectStatus.COMPLETED else None,
                created_at=now,
                updated_at=now,
                **values,
            )
            await transaction.insert(project)
            transaction.emit("project.created", project)
            # Who makes it takes part in it, in the role that he says, or else as the one who leads it.
            first = Member(call.caller.user_id, Role.PROJECT_MANAGER.value)
            given = {member.digits: member for member in (first, *checked)}
            for member in given.values():
                await members.add(transaction, call, project, member)
            for agent in dict.fromkeys(agents):
                await members.add_agent(transaction, call, project, agent)
            return project

        return await PROJECTS.create(self._database, call, make)

    async def get(self, call: Call, identifier: str) -> Project:
        """One project. Raises NotFound."""
        project = await PROJECTS.get(self._database, call, identifier)
        require_sight(call, project.id, "project", identifier)
        return project

    async def figures(self, projects: Sequence[Project]) -> Mapping[str, Figures]:
        """The figures of projects that this has given, by their ids."""
        return await self._figures.of(projects)

    async def team(self, project: Project) -> Team:
        """Who takes part in a project that this has given."""
        return await members.team(self._database, project)

    async def slice(self, call: Call, *, limit: int, offset: int, **filters: Any) -> Page[Project]:
        """Projects newest first, from an offset, with their number; filters: status, search, member_id.

        Raises InvalidRequest.
        """
        given = self._given(call, filters)
        return await LIST.slice(self._database, self._counts, call.organization_id, limit=limit, offset=offset, **given)

    async def page(self, call: Call, *, size: int, token: str, **filters: Any) -> Page[Project]:
        """The same by page token."""
        given = self._given(call, filters)
        return await LIST.page(self._database, call.organization_id, size=size, token=token, **given)

    @staticmethod
    def _given(call: Call, filters: Mapping[str, Any]) -> dict[str, Any]:
        """The filters that are given, and the bound of the caller's key."""
        given = {name: value for name, value in filters.items() if value}
        if "member_id" in given:
            given["member_id"] = parse_filter("member_id", "user", given["member_id"])
        if "search" in given:
            words = given["search"].strip().casefold()
            given["search"] = "".join(f"!{each}" if each in "!%_" else each for each in words)
        if call.caller.projects is not None:
            given["within"] = " ".join(sorted(call.caller.projects))
        return given

    async def update(
        self,
        call: Call,
        identifier: str,
        *,
        name: str | None = None,
        description: str | None = None,
        status: str | None = None,
        priority: int | None = None,
        start_at: int | Unchanged | None = UNCHANGED,
        end_at: int | Unchanged | None = UNCHANGED,
        budget_hours: float | Unchanged | None = UNCHANGED,
        budget_cost: float | Unchanged | None = UNCHANGED,
        tags: Sequence[str] | None = None,
    ) -> Project:
        """Changes what is given. Raises NotFound, Forbidden, InvalidRequest, VersionMismatch, and Conflict.

        Conflict is for a status that the project cannot go to from its present one.
        """
        given: dict[str, Any] = {
            "start_at": start_at,
            "end_at": end_at,
            "budget_hours": budget_hours,
            "budget_cost": budget_cost,
        }
        changes = {column: value for column, value in given.items() if value is not UNCHANGED}
        if priority is not None:
            changes["priority"] = priority
        if tags is not None:
            changes["tags"] = json.dumps(checked_tags(tags))

        async def act(transaction: Transaction, project: Project) -> Project:
            await self._may_change(transaction, call, project, identifier)
            after = Project.new(**{**project.values(), **changes})
            check_dates(after.start_at, after.end_at)
            said = {}
            if name is not None or description is not None:
                said = texts(
                    name if name is not None else project.name,
                    description if description is not None else project.description,
                )
            move = moved(project, status, transaction.now)
            changed = await change(transaction, project, **changes, **said, **move)
            transaction.emit("project.updated", changed)
            if move.get("status") == ProjectStatus.COMPLETED:
                transaction.emit("project.completed", changed)
            return changed

        return await PROJECTS.once(self._database, call, identifier, act)

    async def delete(self, call: Call, identifier: str, *, force: bool = False) -> None:
        """Deletes a project. Raises NotFound, Forbidden, VersionMismatch, and Conflict where it has open tasks.

        With `force` those are cancelled. Tasks that have ended stay, and say whose they were.
        """

        async def body(transaction: Transaction) -> None:
            if await idempotency.done(transaction, call) is not None:
                return
            project = await PROJECTS.lock(transaction, call, identifier)
            await self._may_change(transaction, call, project, identifier)
            check_version(call, project)
            if await transaction.one(OPEN_TASK, project=project.id) is not None:
                if not force:
                    raise Conflict(
                        "the project has open tasks; with force=true they are cancelled",
                        reason="PROJECT_HAS_OPEN_TASKS",
                        details={"project_id": f"project_{project.id}"},
                    )
                await cancel_open(transaction, project_id=project.id, organization=call.organization_id)
            deleted = await change(transaction, project, deleted_at=transaction.now)
            transaction.emit("project.deleted", deleted)
            await idempotency.mark(transaction, call, project.id)

        await self._database.write(body)

    async def add_member(self, call: Call, identifier: str, member: Member) -> ProjectMember:
        """Somebody who takes part from now on. Raises NotFound, Forbidden, InvalidRequest, Conflict, TooMany."""
        checked = member.checked("")

        async def act(transaction: Transaction, project: Project) -> Project:
            await self._may_change(transaction, call, project, identifier)
            await members.add(transaction, call, project, checked)
            return await change(transaction, project)

        project = await PROJECTS.once(self._database, call, identifier, act)
        return await members.get(self._database, project, checked.user_id)

    async def update_member(
        self, call: Call, identifier: str, user_id: str, *, role: str | None, permissions: Sequence[str] | None
    ) -> ProjectMember:
        """Somebody's other role or permissions. Raises NotFound, Forbidden, InvalidRequest."""

        async def act(transaction: Transaction, project: Project) -> Project:
            await self._may_change(transaction, call, project, identifier)
            await members.update(transaction, call, project, user_id, role=role, permissions=permissions)
            return await change(transaction, project)

        project = await PROJECTS.once(self._database, call, identifier, act)
        return await members.get(self._database, project, user_id)

    async def remove_member(self, call: Call, identifier: str, user_id: str) -> None:
        """Somebody takes part no more. Raises NotFound, Forbidden."""

        async def act(transaction: Transaction, project: Project) -> Project:
            await self._may_change(transaction, call, project, identifier)
            await members.remove(transaction, project, user_id)
            return await change(transaction, project)

        await PROJECTS.once(self._database, call, identifier, act)

    async def add_agent(self, call: Call, identifier: str, agent_id: str) -> Project:
        """An agent that works in the project from now on. Raises NotFound, Forbidden, TooMany."""

        async def act(transaction: Transaction, project: Project) -> Project:
            await self._may_change(transaction, call, project, identifier)
            await members.add_agent(transaction, call, project, agent_id)
            return await _touched(transaction, project)

        return await PROJECTS.once(self._database, call, identifier, act)

    async def remove_agent(self, call: Call, identifier: str, agent_id: str) -> Project:
        """An agent that works in it no more; its tasks are as they were. Raises NotFound, Forbidden."""

        async def act(transaction: Transaction, project: Project) -> Project:
            await self._may_change(transaction, call, project, identifier)
            await members.remove_agent(transaction, project, agent_id)
            return await _touched(transaction, project)

        return await PROJECTS.once(self._database, call, identifier, act)

    @staticmethod
    async def _may_change(transaction: Transaction, call: Call, project: Project, identifier: str) -> None:
        require_sight(call, project.id, "project", identifier)
        await Permissions(transaction).require(call, WRITE, project.id)


async def _touched(transaction: Transaction, project: Project) -> Project:
    changed = await change(transaction, project)
    transaction.emit("project.updated", changed)
    return changed
