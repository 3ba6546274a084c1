"""Tasks, which are also the queue, what is kept beside them, and the words for their states."""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import ClassVar

from sqlalchemy import BigInteger, Column, Float, Index, LargeBinary, Text, text
from sqlmodel import Field

from server.model.record import Record, finish


class TaskStatus(StrEnum):
    """Where a task stands: PENDING → RUNNING (claimed) → one of three ends.

    RUNNING goes back to PENDING when its lease is lost, or when its attempt failed and another one is due.
    """

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = frozenset({TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED})


class TaskKind(StrEnum):
    """What a task is for. Only executions are shown to callers."""

    EXECUTION = "execution"
    INSTALLATION = "installation"
    # Reading the text of a document.
    INGESTION = "ingestion"
    # An execution that somebody has deleted: it is there for nobody.
    DELETED = "deleted"
    # Making vectors of it.
    EMBEDDING = "embedding"
    # Answering a question of a chat.
    ANSWER = "answer"


class Priority(IntEnum):
    """How urgent a task is. Each step is worth as much as having waited `AGEING` longer."""

    LOW = 0
    MEDIUM = 1
    HIGH = 2
    CRITICAL = 3


# Microseconds. A low task that has waited for 15 minutes goes before a critical one that comes now.
AGEING = 5 * 60 * 1_000_000


# What the partial indexes below hold. A statement that is to use one must say the very same, because SQLite knows it
# in no other words; `t` is empty here, and names the table there.
_CLAIMABLE = "{t}status = 'pending' AND {t}rank IS NOT NULL"
_DUE = (
    "{t}status = 'pending' AND {t}rank IS NULL AND NOT {t}held AND NOT {t}paused AND {t}waiting_for = 0 "
    "AND {t}ready_at IS NOT NULL"
)
_RECURRING = "{t}status = 'pending' AND {t}next_run_at IS NOT NULL"
_HELD_BACK = "{t}status = 'pending' AND {t}held"
_TO_TELL = "{t}has_dependents AND {t}status IN ('completed', 'failed', 'cancelled')"


def _index(name: str, *columns: str, where: str) -> Index:
    condition = text(where.format(t=""))
    return Index(name, *columns, postgresql_where=condition, sqlite_where=condition)


class Task(Record):
    """One piece of work. Whoever holds its lease gives `attempt` back as the fencing token.

    A pending task is claimable exactly when it has a rank. Without one it waits: for its time (`ready_at`), for tasks
    it depends on (`waiting_for`), for its next run (`next_run_at`), for whoever holds it back (`held`), for its session
    (`paused`), or, with none of these times, for somebody to assign it.

    One with subtasks is done by nobody. It runs without a holder and ends with the last of them.
    """

    __tablename__ = "tasks"
    __table_args__ = (
        Index("tasks_by_organization", "organization_id", "kind", "id"),
        Index("tasks_by_agent", "agent_id", "id"),
        _index("tasks_by_session", "session_id", "id", where="session_id IS NOT NULL"),
        _index("tasks_in_session", "organization_id", "kind", "id", where="session_id IS NOT NULL"),
        _index("tasks_by_project", "project_id", "id", where="project_id IS NOT NULL"),
        _index("tasks_by_creator", "created_by", "kind", "status", where="created_by IS NOT NULL"),
        _index("tasks_counted_by_project", "project_id", "kind", "status", where="project_id IS NOT NULL"),
        _index("tasks_by_due_date", "organization_id", "kind", "due_at", "id", where="due_at IS NOT NULL"),
        _index("tasks_by_run", "workflow_run_id", "id", where="workflow_run_id IS NOT NULL"),
        _index("tasks_by_parent", "parent_id", "id", where="parent_id IS NOT NULL"),
        _index("tasks_by_recurring", "recurring_id", "id", where="recurring_id IS NOT NULL"),
        # What the runners of a server claim, by rank and in turns, what is claimed for an agent, and what has none yet.
        _index("tasks_claimable", "runtime", "rank", where=_CLAIMABLE),
        _index("tasks_claimable_by_organization", "runtime", "organization_id", "rank", where=_CLAIMABLE),
        _index("tasks_claimable_by_agent", "runtime", "agent_id", "rank", where=_CLAIMABLE),
        _index(
            "tasks_unrouted",
            "organization_id",
            "route",
            "rank",
            where=f"{_CLAIMABLE} AND agent_id IS NULL",
        ),
        _index("tasks_due", "ready_at", where=_DUE),
        # What has ended, and those who wait for it have yet to be told.
        _index("tasks_to_tell", "completed_at", where=_TO_TELL),
        _index("tasks_held_back", "agent_id", where=_HELD_BACK),
        _index("tasks_recurring", "next_run_at", where=_RECURRING),
        _index("tasks_leased", "lease_expires_at", where="status = 'running'"),
        _index("tasks_running_by_agent", "agent_id", where="status = 'running'"),
        _index("tasks_held_by", "lease_holder", where="status = 'running'"),
    )

    unrecorded: ClassVar[frozenset[str]] = frozenset({"lease_expires_at", "rank", "held", "last_holder"})
    bulky: ClassVar[frozenset[str]] = frozenset(
        {"input", "output", "stdout", "stderr", "error", "description", "requirements", "acceptance_criteria"}
    )

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    kind: str = TaskKind.EXECUTION.value
    # The caller's own word for this sort of work.
    type: str = ""
    # What people call it, what is to be done, and how hard that is, in their words.
    title: str = ""
    description: str = Field(default="", sa_column=Column(Text, nullable=False))
    complexity: str = ""
    estimated_minutes: int | None = None
    # The project that it belongs to, and the words that it is filed under: a JSON array, sorted.
    project_id: str | None = None
    tags: str = Field(default="[]", sa_column=Column(Text, nullable=False))
    # What it must do, and what it is accepted by: JSON arrays of texts.
    requirements: str = Field(default="[]", sa_column=Column(Text, nullable=False))
    acceptance_criteria: str = Field(default="[]", sa_column=Column(Text, nullable=False))
    # How many hours it is likely to take, and took, as people say.
    estimated_hours: float | None = Field(default=None, sa_type=Float)
    actual_hours: float = Field(default=0.0, sa_type=Float)
    due_at: int | None = Field(default=None, sa_type=BigInteger)
    # The user who made it, or in whose name it was made, and the one who has taken it to do it himself.
    created_by: str | None = None
    taken_by: str | None = None
    # The agent that he took it from, which has it back when he gives it back.
    taken_from: str | None = None
    # How often it was opened again after it had ended.
    reopened: int = 0
    # Null until somebody is found who does it.
    agent_id: str | None = Field(default=None, foreign_key="agents.id")
    # Whether dispatch chose the agent, and so may choose another one.
    routed: bool = False
    # What an agent must be and be able to do: its type, or empty; capabilities as a JSON array.
    agent_type: str = ""
    capabilities: str = Field(default="[]", sa_column=Column(Text, nullable=False))
    # What tasks without an agent are found by: the agent type, or else the task's type.
    route: str = ""
    # Who claims it: the runner or the workers of this runtime.
    runtime: str | None = None
    session_id: str | None = Field(default=None, foreign_key="sessions.id")
    # The run it is a step of, and which one.
    workflow_run_id: str | None = Field(default=None, foreign_key="workflow_runs.id")
    step_id: str = ""
    # Whether code that does it may search the knowledge base, as whoever asked for it may.
    reads_knowledge: bool = False
    # The task that it is a subtask of, and the recurring one that made it.
    parent_id: str | None = None
    recurring_id: str | None = None
    # How many parts it has been taken apart into.
    subtasks: int = 0
    status: str = TaskStatus.PENDING.value
    priority: int = Priority.MEDIUM.value
    # Values (server.values).
    input: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    output: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    error: str | None = Field(default=None, sa_column=Column(Text))
    stdout: str = Field(default="", sa_column=Column(Text, nullable=False))
    stderr: str = Field(default="", sa_column=Column(Text, nullable=False))
    # 0 to 100, and when it was said.
    progress: float | None = Field(default=None, sa_type=Float)
    progress_message: str = Field(default="", sa_column=Column(Text, nullable=False))
    progress_at: int | None = Field(default=None, sa_type=BigInteger)
    # How long an attempt may run; 0 until an agent is known whose figure counts.
    timeout_seconds: float = Field(default=30.0, sa_type=Float)
    # The retry policy as JSON; the agent's where it is null.
    retry: str | None = Field(default=None, sa_column=Column(Text))
    # When it runs, as its creator wrote it, as JSON; null for at once.
    schedule: str | None = Field(default=None, sa_column=Column(Text))
    # How often it has been claimed: the fencing token of the present lease.
    attempt: int = 0
    # How many attempts failed, and how many leases were lost.
    failures: int = 0
    lost: int = 0
    # How many tasks it waits for, and whether any wait for it or, once it has ended, have yet to be told.
    waiting_for: int = 0
    has_dependents: bool = False
    # Whether it is held back whatever its time, because its agent cannot work now.
    held: bool = False
    # Whether its session does not run now, which keeps it from being claimed.
    paused: bool = False
    # When it may be claimed, as far as its schedule goes; null where it recurs.
    ready_at: int | None = Field(default=None, sa_type=BigInteger)
    # Its place among the claimable, lowest first: `ready_at`, less what its priority is worth.
    rank: int | None = Field(default=None, sa_type=BigInteger)
    # When a recurring task next makes a task.
    next_run_at: int | None = Field(default=None, sa_type=BigInteger)
    lease_holder: str | None = None
    # Who claimed it last, whether or not the lease goes on.
    last_holder: str | None = None
    lease_expires_at: int | None = Field(default=None, sa_type=BigInteger)
    # When the present attempt is over whatever its holder says.
    deadline_at: int | None = Field(default=None, sa_type=BigInteger)
    cancel_requested_at: int | None = Field(default=None, sa_type=BigInteger)
    cancel_acknowledged_at: int | None = Field(default=None, sa_type=BigInteger)
    duration_ms: float | None = Field(default=None, sa_type=Float)
    # How many tokens of a model it took, as far as whoever did it says.
    tokens_used: int | None = Field(default=None, sa_type=BigInteger)
    # The W3C trace context of the request that made it; empty where there is none.
    traceparent: str = ""
    version: int = 1
    created_at: int = Field(sa_type=BigInteger)
    updated_at: int = Field(sa_type=BigInteger)
    started_at: int | None = Field(default=None, sa_type=BigInteger)
    completed_at: int | None = Field(default=None, sa_type=BigInteger)


finish(Task)


# Conditions of statements over tasks: what may be claimed now; what may be claimed when its time comes; what makes a
# task at each of its times; what waits for its agent to be able to work; what has ended and has others wait for it.
CLAIMABLE, DUE, RECURRING, HELD_BACK, TO_TELL = (
    text(words.format(t="tasks.")) for words in (_CLAIMABLE, _DUE, _RECURRING, _HELD_BACK, _TO_TELL)
)
