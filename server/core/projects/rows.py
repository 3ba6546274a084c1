"""Rows of projects: found, listed, and locked for whoever puts a task into one."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, exists, select

from server.core.projects.permissions import Permissions, require_sight
from server.core.shared.call_context import Call
from server.core.shared.pagination import Listing
from server.core.shared.resource import Resource
from server.model import Project, ProjectMember, Task, TaskKind
from server.store.statement import Statement
from server.store.transaction import Transaction

_projects = Project.table().c
_members = ProjectMember.table().c
_live = _projects.deleted_at.is_(None)
PROJECTS = Resource(Project, "project", _live)
LIST = Listing(
    Project,
    [_live],
    ["status"],
    spans={
        "search": _projects.searched.contains(bindparam("search"), escape="!"),
        "member_id": exists().where(_members.project_id == _projects.id, _members.user_id == bindparam("member_id")),
        # The ids of those that a key is good for, joined: both databases know this without a list.
        "within": bindparam("within").contains(_projects.id),
    },
    measured=["description"],
)
_tasks = Task.table().c
OPEN_TASK = Statement[Any](
    select(_tasks.id)
    .where(
        _tasks.project_id == bindparam("project"),
        _tasks.kind == TaskKind.EXECUTION.value,
        _tasks.status.in_(("pending", "running")),
    )
    .limit(1)
)


async def for_task(transaction: Transaction, call: Call, identifier: str) -> Project:
    """The project that a task is to be in, where the caller may write: it is there until the transaction ends.

    Raises NotFound, Forbidden.
    """
    project = await PROJECTS.lock(transaction, call, identifier, shared=True)
    require_sight(call, project.id, "project", identifier)
    await Permissions(transaction).require(call, "tasks:write", project.id)
    return project
