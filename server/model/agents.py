"""Agents, the workers that act for them, and the words for their states."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from sqlalchemy import BigInteger, Column, Float, Index, LargeBinary, Text, text
from sqlmodel import Field

from server.model.record import Record, finish
from server.values import EMPTY_OBJECT


class AgentRuntime(StrEnum):
    """How an agent does its work: deployed code in our sandbox, somebody else's program, or a language model.

    One with a model is asked by our own runner, with tools, until a worker comes for it and takes it over.
    """

    PYTHON = "python"
    EXTERNAL = "external"
    MODEL = "model"


class AgentStatus(StrEnum):
    """Whether an agent can work.

    An agent with code is INSTALLING until its packages are there, then ACTIVE, or ERROR where that fails. An external
    one is INITIALIZING until its first worker comes, ACTIVE while one is there, INACTIVE when the last one has left and
    ERROR when the last one has gone silent. One with a model is ACTIVE, or ERROR while nobody is configured who offers
    its model. Each is INACTIVE while it is disabled.
    """

    INITIALIZING = "initializing"
    INSTALLING = "installing"
    ACTIVE = "active"
    INACTIVE = "inactive"
    ERROR = "error"


class Agent(Record):
    """Something that does tasks."""

    __tablename__ = "agents"
    __table_args__ = (
        Index("agents_by_organization", "organization_id", "id"),
        Index("agents_by_type", "organization_id", "type", "id"),
        Index("agents_by_name", "organization_id", "name"),
        Index(
            "agents_deleted",
            "deleted_at",
            postgresql_where=text("deleted_at IS NOT NULL"),
            sqlite_where=text("deleted_at IS NOT NULL"),
        ),
        Index(
            "agents_by_shift",
            "shift_at",
            postgresql_where=text("shift_at IS NOT NULL"),
            sqlite_where=text("shift_at IS NOT NULL"),
        ),
        Index(
            "agents_by_model",
            "provider",
            "model",
            postgresql_where=text("runtime = 'model'"),
            sqlite_where=text("runtime = 'model'"),
        ),
    )

    unrecorded: ClassVar[frozenset[str]] = frozenset({"code"})

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    name: str
    description: str = Field(default="", sa_column=Column(Text, nullable=False))
    runtime: str = AgentRuntime.PYTHON.value
    # What sort of agent it is, and what it can do (a JSON array): unassigned tasks are routed by these.
    type: str = "python"
    capabilities: str = Field(default="[]", sa_column=Column(Text, nullable=False))
    # What it is especially good at, in its owner's words: a JSON array that nobody is found by.
    specializations: str = Field(default="[]", sa_column=Column(Text, nullable=False))
    # The model that it thinks with, and who offers that; empty where it has none.
    model: str = ""
    provider: str = ""
    # When it works, a JSON object: timezone, start, end, days; null for always. Whether it is out of them now, and when
    # that changes.
    working_hours: str | None = Field(default=None, sa_column=Column(Text))
    off_duty: bool = False
    shift_at: int | None = Field(default=None, sa_type=BigInteger)
    # Where it works, in its owner's words, such as `production`.
    environment: str = ""
    # Settings of its own beside the columns below, an object.
    configuration: bytes = Field(default=EMPTY_OBJECT, sa_column=Column(LargeBinary, nullable=False))
    max_concurrent_tasks: int = 10
    # Defaults of its tasks.
    timeout_seconds: float = Field(default=30.0, sa_type=Float)
    retry_attempts: int = 0
    status: str = AgentStatus.ACTIVE.value
    status_message: str = Field(default="", sa_column=Column(Text, nullable=False))
    disabled_at: int | None = Field(default=None, sa_type=BigInteger)
    code: str = Field(default="", sa_column=Column(Text, nullable=False))
    # A JSON array of requirement lines.
    requirements: str = Field(default="[]", sa_column=Column(Text, nullable=False))
    # The name of the folder with its installed packages; empty when it needs none.
    packages: str = ""
    # The entry function as JSON: function, style, parameters, required.
    entry: str = Field(default="{}", sa_column=Column(Text, nullable=False))
    tasks_completed: int = 0
    tasks_failed: int = 0
    # Milliseconds that its completed tasks took, together.
    busy_ms: float = Field(default=0.0, sa_type=Float)
    # When it last finished a task.
    last_active_at: int | None = Field(default=None, sa_type=BigInteger)
    # When it last became active.
    active_since: int | None = Field(default=None, sa_type=BigInteger)
    version: int = 1
    created_at: int = Field(sa_type=BigInteger)
    updated_at: int = Field(sa_type=BigInteger)
    deleted_at: int | None = Field(default=None, sa_type=BigInteger)


class Duty(Record):
    """A span of time in which an agent was there and on duty; the last one may go on."""

    __tablename__ = "duties"
    __table_args__ = (
        Index(
            "duties_by_end",
            "ended_at",
            postgresql_where=text("ended_at IS NOT NULL"),
            sqlite_where=text("ended_at IS NOT NULL"),
        ),
    )

    agent_id: str = Field(primary_key=True, foreign_key="agents.id")
    began_at: int = Field(primary_key=True, sa_type=BigInteger)
    ended_at: int | None = Field(default=None, sa_type=BigInteger)


class Skill(Record):
    """A word that tasks without an agent may name: an agent's type, or one of its capabilities."""

    __tablename__ = "skills"
    __table_args__ = (Index("skills_by_agent", "agent_id"),)

    organization_id: str = Field(primary_key=True, foreign_key="organizations.id")
    word: str = Field(primary_key=True)
    # A random number: where to begin to look, so that a few looks are a fair sample however many agents there are.
    place: int = Field(primary_key=True)
    agent_id: str = Field(primary_key=True, foreign_key="agents.id")
    # Whether it is a capability; an agent's type alone is none.
    capability: bool = True


class WorkerStatus(StrEnum):
    """A worker is ACTIVE, then DRAINING when it takes no more, then GONE (it said so) or LOST (it went silent)."""

    ACTIVE = "active"
    DRAINING = "draining"
    GONE = "gone"
    LOST = "lost"


class Worker(Record):
    """A program that takes tasks for one agent. It holds leases as `worker/<id>`, whichever connection it has.

    An agent that only sends heartbeats is its own worker, with the same id.
    """

    __tablename__ = "workers"
    __table_args__ = (
        Index("workers_by_organization", "organization_id", "id"),
        Index("workers_of_agent", "agent_id", "id"),
        Index("workers_by_agent", "agent_id", "status"),
        Index("workers_by_silence", "status", "silent_at"),
    )

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    agent_id: str = Field(foreign_key="agents.id")
    name: str = ""
    status: str = WorkerStatus.ACTIVE.value
    # How many tasks it takes at a time.
    capacity: int = 1
    # Which of its connections is the present one, counted from 1.
    connection: int = 1
    # Per cent of its machine, as it says.
    cpu_usage: float | None = Field(default=None, sa_type=Float)
    memory_usage: float | None = Field(default=None, sa_type=Float)
    # Per cent of what it can do, as it says.
    current_load: float | None = Field(default=None, sa_type=Float)
    created_at: int = Field(sa_type=BigInteger)
    last_seen_at: int = Field(sa_type=BigInteger)
    # When it counts as lost unless it says something before.
    silent_at: int = Field(sa_type=BigInteger)
    ended_at: int | None = Field(default=None, sa_type=BigInteger)

    @property
    def holder(self) -> str:
        """What its leases name."""
        return f"worker/{self.id}"


finish(Agent, Duty, Skill, Worker)
