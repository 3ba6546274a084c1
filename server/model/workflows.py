"""Workflows and their runs; a run's steps are tasks."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Text, text
from sqlmodel import Field

from server.model.record import Record, finish
from server.model.tasks import Priority
from server.values import EMPTY_OBJECT


class WorkflowStatus(StrEnum):
    """Whether a workflow may be executed."""

    ACTIVE = "active"
    INACTIVE = "inactive"


class RunStatus(StrEnum):
    """Where a run stands. FAILED goes back to RUNNING when its failed steps are tried again."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Workflow(Record):
    """Steps in an order."""

    __tablename__ = "workflows"
    __table_args__ = (Index("workflows_by_organization", "organization_id", "id"),)

    bulky: ClassVar[frozenset[str]] = frozenset({"steps"})

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    name: str
    description: str = Field(default="", sa_column=Column(Text, nullable=False))
    status: str = WorkflowStatus.ACTIVE.value
    # A JSON array of steps, with their inputs as `core.workflows.step_spec` writes them.
    steps: str = Field(sa_column=Column(Text, nullable=False))
    version: int = 1
    created_at: int = Field(sa_type=BigInteger)
    updated_at: int = Field(sa_type=BigInteger)
    deleted_at: int | None = Field(default=None, sa_type=BigInteger)


class WorkflowRun(Record):
    """One execution of a workflow, with the steps as they were when it began."""

    __tablename__ = "workflow_runs"
    __table_args__ = (
        Index("workflow_runs_by_workflow", "workflow_id", "id"),
        Index("workflow_runs_by_organization", "organization_id", "id"),
        Index(
            "workflow_runs_open",
            "workflow_id",
            postgresql_where=text("status = 'running'"),
            sqlite_where=text("status = 'running'"),
        ),
        Index("workflow_runs_stopping", "id", postgresql_where=text("stopping"), sqlite_where=text("stopping")),
    )

    unrecorded: ClassVar[frozenset[str]] = frozenset({"stopping"})
    bulky: ClassVar[frozenset[str]] = frozenset({"parameters", "steps", "output"})

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    workflow_id: str = Field(foreign_key="workflows.id")
    status: str = RunStatus.RUNNING.value
    priority: int = Priority.MEDIUM.value
    # What it was given, its steps as the workflow has them, and what its last steps gave (by step).
    parameters: bytes = Field(default=EMPTY_OBJECT, sa_column=Column(LargeBinary, nullable=False))
    steps: str = Field(sa_column=Column(Text, nullable=False))
    output: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    error: str = Field(default="", sa_column=Column(Text, nullable=False))
    # Whether its tasks may search the knowledge base, as whoever began it may.
    reads_knowledge: bool = False
    # The order of the steps that run now.
    current_order: int = 0
    # Whether it has ended and left tasks that somebody else held at that moment, which are still to be cancelled.
    stopping: bool = False
    # The W3C trace context of the request that began it, which its steps go on with; empty where there is none.
    traceparent: str = ""
    version: int = 1
    created_at: int = Field(sa_type=BigInteger)
    updated_at: int = Field(sa_type=BigInteger)
    completed_at: int | None = Field(default=None, sa_type=BigInteger)


finish(Workflow, WorkflowRun)
