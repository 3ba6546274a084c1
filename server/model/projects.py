"""Projects: what people and agents do together, and who takes part."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar

from sqlalchemy import BigInteger, Column, Float, Index, Text
from sqlmodel import Field

from server.model.record import Record, finish
from server.model.tasks import Priority


class ProjectStatus(StrEnum):
    """Where a project stands, as its people say."""

    ACTIVE = "active"
    ON_HOLD = "on-hold"
    COMPLETED = "completed"
    ARCHIVED = "archived"


# Where a project may go from where it stands.
PROJECT_MOVES: Mapping[str, frozenset[str]] = {
    ProjectStatus.ACTIVE: frozenset({ProjectStatus.ON_HOLD, ProjectStatus.COMPLETED, ProjectStatus.ARCHIVED}),
    ProjectStatus.ON_HOLD: frozenset({ProjectStatus.ACTIVE, ProjectStatus.COMPLETED, ProjectStatus.ARCHIVED}),
    ProjectStatus.COMPLETED: frozenset({ProjectStatus.ACTIVE, ProjectStatus.ARCHIVED}),
    ProjectStatus.ARCHIVED: frozenset({ProjectStatus.ACTIVE}),
}


class Project(Record):
    """A project. How far it is and how many tasks it has is counted when somebody asks."""

    __tablename__ = "projects"
    __table_args__ = (Index("projects_by_organization", "organization_id", "id"),)

    unrecorded: ClassVar[frozenset[str]] = frozenset({"searched"})

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    name: str
    description: str = Field(default="", sa_column=Column(Text, nullable=False))
    status: str = ProjectStatus.ACTIVE.value
    priority: int = Priority.MEDIUM.value
    start_at: int | None = Field(default=None, sa_type=BigInteger)
    end_at: int | None = Field(default=None, sa_type=BigInteger)
    budget_hours: float | None = Field(default=None, sa_type=Float)
    budget_cost: float | None = Field(default=None, sa_type=Float)
    # Name and description as they are searched, in one case.
    searched: str = Field(default="", sa_column=Column(Text, nullable=False))
    # A JSON array, sorted.
    tags: str = Field(default="[]", sa_column=Column(Text, nullable=False))
    created_by: str | None = None
    completed_at: int | None = Field(default=None, sa_type=BigInteger)
    version: int = 1
    created_at: int = Field(sa_type=BigInteger)
    updated_at: int = Field(sa_type=BigInteger)
    deleted_at: int | None = Field(default=None, sa_type=BigInteger)


class ProjectMember(Record):
    """A person who takes part."""

    __tablename__ = "project_members"
    __table_args__ = (Index("project_members_by_user", "user_id", "project_id"),)

    project_id: str = Field(primary_key=True, foreign_key="projects.id")
    user_id: str = Field(primary_key=True, foreign_key="users.id")
    organization_id: str = Field(foreign_key="organizations.id")
    # A `Role`, in this project.
    role: str
    # Scopes beside those of the role: a JSON array.
    permissions: str = Field(default="[]", sa_column=Column(Text, nullable=False))
    created_at: int = Field(sa_type=BigInteger)


class ProjectAgent(Record):
    """An agent that works in a project."""

    __tablename__ = "project_agents"
    __table_args__ = (Index("project_agents_by_agent", "agent_id", "project_id"),)

    project_id: str = Field(primary_key=True, foreign_key="projects.id")
    agent_id: str = Field(primary_key=True, foreign_key="agents.id")
    organization_id: str = Field(foreign_key="organizations.id")
    created_at: int = Field(sa_type=BigInteger)


finish(Project, ProjectMember, ProjectAgent)
