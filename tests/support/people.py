"""People who can log in, put right into the store, and what others do that concerns them."""

from __future__ import annotations

from typing import Any

from server.model import Comment, Project, ProjectMember, Task, User, new_id
from server.store.acting import Actor, acting
from server.store.database import Database



async def person(database: Database, organization: str, name: str = "Ada", **given: Any) -> User:
    """Somebody new."""
    user = User.new(
        id=new_id(),
        organization_id=organization,
        email=f"{name.lower()}-{new_id()[-8:]}@example.com",
        name=name,
        password="$argon2id$not-a-real-one",
        created_at=database.clock(),
        **given,
    )

    async def body(transaction: Any) -> None:
        await transaction.insert(user)

    await database.write(body)
    return user


async def make_task(database: Database, organization: str, creator: User | None, **given: Any) -> Task:
    """A task that is there, without an event."""
    now = database.clock()
    task = Task.new(
        id=new_id(),
        organization_id=organization,
        title="Build it",
        created_by=creator.id if creator else None,
        created_at=now,
        updated_at=now,
        **given,
    )

    async def body(transaction: Any) -> None:
        await transaction.insert(task)

    await database.write(body)
    return task


async def happen(database: Database, type: str, row: Any, about: Any = None, *, by: str = "") -> None:
    """An event as the domains emit it, made by `by`."""
    organization = row.values()["organization_id"]
    token = acting.set(Actor(organization, by, "", "native", "")) if by else None

    async def body(transaction: Any) -> None:
        transaction.emit(type, row, about)

    try:
        await database.write(body)
    finally:
        if token is not None:
            acting.reset(token)


async def comment(database: Database, task: Task, author: str, *mentions: User, content: str = "Look!") -> Comment:
    """What somebody says of a task."""
    ids = "[" + ",".join(f'"{each.id}"' for each in mentions) + "]"
    said = Comment.new(
        id=new_id(),
        organization_id=task.organization_id,
        task_id=task.id,
        content=content,
        author=author,
        mentions=ids,
        created_at=database.clock(),
    )
    await happen(database, "comment.created", said, task, by=author)
    return said


async def project_of(database: Database, organization: str, *members: User, name: str = "Shop") -> Project:
    """A project with these members, without an event."""
    now = database.clock()
    project = Project.new(id=new_id(), organization_id=organization, name=name, created_at=now, updated_at=now)

    async def body(transaction: Any) -> None:
        await transaction.insert(project)
        for each in members:
            await transaction.insert(member_of(project, each))

    await database.write(body)
    return project


def member_of(project: Project, user: User) -> ProjectMember:
    """Somebody who takes part in a project."""
    return ProjectMember.new(
        project_id=project.id,
        user_id=user.id,
        organization_id=project.organization_id,
        role="developer",
        created_at=project.created_at,
    )


