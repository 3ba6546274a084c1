"""What is said of tasks and hangs on them: comments, files, ratings."""

from __future__ import annotations

from typing import ClassVar

from sqlalchemy import BigInteger, Column, Float, Index, Text
from sqlmodel import Field

from server.model.record import Record, finish


class Comment(Record):
    """What somebody says of a task. It leaves the task's version as it is."""

    __tablename__ = "comments"
    __table_args__ = (Index("comments_by_task", "task_id", "id"),)

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    task_id: str = Field(foreign_key="tasks.id")
    content: str = Field(sa_column=Column(Text, nullable=False))
    # Who says it: `user_…` or `agent_…`.
    author: str
    # Whom it is meant for: a JSON array of the ids of users.
    mentions: str = Field(default="[]", sa_column=Column(Text, nullable=False))
    created_at: int = Field(sa_type=BigInteger)


class TaskFile(Record):
    """A file of a task."""

    __tablename__ = "task_files"
    __table_args__ = (Index("task_files_by_task", "task_id", "id"), Index("task_files_by_blob", "blob"))

    unrecorded: ClassVar[frozenset[str]] = frozenset({"blob"})

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    task_id: str = Field(foreign_key="tasks.id")
    name: str
    description: str = Field(default="", sa_column=Column(Text, nullable=False))
    content_type: str
    size: int = Field(sa_type=BigInteger)
    sha256: str
    blob: str
    # Who brought it: `user_…` or `agent_…`.
    author: str
    created_at: int = Field(sa_type=BigInteger)


class Rating(Record):
    """What a person thinks of how an agent did a task; one a person and task."""

    __tablename__ = "ratings"
    __table_args__ = (Index("ratings_by_agent", "agent_id", "created_at"),)

    task_id: str = Field(primary_key=True, foreign_key="tasks.id")
    user_id: str = Field(primary_key=True, foreign_key="users.id")
    organization_id: str = Field(foreign_key="organizations.id")
    # Who had done it then.
    agent_id: str | None = None
    # 0 to 1, of what was done and of its code, and 1 to 5, of how content somebody is.
    quality: float | None = Field(default=None, sa_type=Float)
    code_quality: float | None = Field(default=None, sa_type=Float)
    satisfaction: float | None = Field(default=None, sa_type=Float)
    comment: str = Field(default="", sa_column=Column(Text, nullable=False))
    created_at: int = Field(sa_type=BigInteger)


finish(Comment, TaskFile, Rating)
