"""Sessions and the moves between their states."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Text, text
from sqlmodel import Field

from server.errors import Conflict
from server.model.record import Record, finish
from server.model.tasks import Priority
from server.values import EMPTY_OBJECT


class SessionStatus(StrEnum):
    """Where a session stands.

    A plain one runs from its first task on. One that is started by hand may wait for its turn (QUEUED) and be PAUSED,
    and its tasks wait whenever it does not run.
    """

    CREATED = "created"
    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


S = SessionStatus
ENDED_SESSIONS = frozenset({S.COMPLETED, S.FAILED, S.CANCELLED, S.EXPIRED})
# Statuses, and where each may go; a failed or expired one may be begun again.
MOVES: Mapping[str, frozenset[SessionStatus]] = {
    S.CREATED: frozenset({S.QUEUED, S.RUNNING, S.COMPLETED, S.FAILED, S.CANCELLED, S.EXPIRED}),
    S.QUEUED: frozenset({S.RUNNING, S.FAILED, S.CANCELLED}),
    S.RUNNING: frozenset({S.PAUSED, S.COMPLETED, S.FAILED, S.CANCELLED, S.EXPIRED}),
    S.PAUSED: frozenset({S.RUNNING, S.CANCELLED}),
    S.COMPLETED: frozenset(),
    S.FAILED: frozenset({S.CREATED}),
    S.CANCELLED: frozenset(),
    S.EXPIRED: frozenset({S.CREATED}),
}
# The same for one that is started by hand: it does nothing before, so it neither completes nor runs out of time.
BY_HAND: Mapping[str, frozenset[SessionStatus]] = {
    **MOVES,
    S.CREATED: MOVES[S.CREATED] - {S.COMPLETED, S.EXPIRED},
}


class SessionKind(StrEnum):
    """How a session begins: a PLAIN one with its first task, a CODING one when somebody starts it."""

    PLAIN = "plain"
    CODING = "coding"


class Session(Record):
    """A bounded stretch of work."""

    __tablename__ = "sessions"
    __table_args__ = (
        Index("sessions_by_organization", "organization_id", "id"),
        Index("sessions_by_status", "organization_id", "status", "id"),
        Index(
            "sessions_open",
            "organization_id",
            "expires_at",
            postgresql_where=text("status IN ('created', 'running') AND deleted_at IS NULL"),
            sqlite_where=text("status IN ('created', 'running') AND deleted_at IS NULL"),
        ),
        Index(
            "sessions_due",
            "expires_at",
            postgresql_where=text("status IN ('created', 'running') AND deleted_at IS NULL"),
            sqlite_where=text("status IN ('created', 'running') AND deleted_at IS NULL"),
        ),
        Index(
            "sessions_queued",
            "organization_id",
            "priority",
            "id",
            postgresql_where=text("status = 'queued' AND deleted_at IS NULL"),
            sqlite_where=text("status = 'queued' AND deleted_at IS NULL"),
        ),
    )

    bulky: ClassVar[frozenset[str]] = frozenset({"prompt", "result"})

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    name: str
    description: str = Field(default="", sa_column=Column(Text, nullable=False))
    kind: str = SessionKind.PLAIN.value
    # What sort of work it is, in its owner's words; empty where it has none.
    type: str = ""
    status: str = SessionStatus.CREATED.value
    priority: int = Priority.MEDIUM.value
    # What it is to achieve.
    prompt: str = Field(default="", sa_column=Column(Text, nullable=False))
    # The session that it goes on from.
    parent_id: str | None = None
    # What it achieved.
    result: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    timeout_seconds: int = 3600
    max_iterations: int = 100
    iterations: int = 0
    # How often it has been begun again, and from how many checkpoints it could be.
    retries: int = 0
    checkpoints: int = 0
    # Why it failed, or was cancelled.
    error: str = Field(default="", sa_column=Column(Text, nullable=False))
    version: int = 1
    created_at: int = Field(sa_type=BigInteger)
    updated_at: int = Field(sa_type=BigInteger)
    started_at: int | None = Field(default=None, sa_type=BigInteger)
    completed_at: int | None = Field(default=None, sa_type=BigInteger)
    # How long it has run before the present stretch, in microseconds, and when that began; for those started by hand.
    ran: int = Field(default=0, sa_type=BigInteger)
    resumed_at: int | None = Field(default=None, sa_type=BigInteger)
    # When its time is up; null while its time does not pass.
    expires_at: int | None = Field(default=None, sa_type=BigInteger)
    deleted_at: int | None = Field(default=None, sa_type=BigInteger)

    @property
    def moves(self) -> Mapping[str, frozenset[SessionStatus]]:
        """Where it may go from each status."""
        return MOVES if self.kind == SessionKind.PLAIN else BY_HAND

    @property
    def ended(self) -> bool:
        """Whether it takes no more work."""
        return self.status in ENDED_SESSIONS

    def check_move(self, to: SessionStatus, moves: Mapping[str, frozenset[SessionStatus]] | None = None) -> None:
        """Raises Conflict where there is no such move, among its own or these."""
        moves = moves if moves is not None else self.moves
        allowed = moves[self.status]
        if to not in allowed:
            words = sorted(allowed)
            raise Conflict(
                f"the session is {self.status}, so it cannot become {to.value}",
                reason="SESSION_ENDED" if self.ended and moves is MOVES else "INVALID_TRANSITION",
                details={"from": self.status, "to": to.value, "allowed": words},
            )


class SessionCount(Record):
    """What a session counts of its tasks.

    A row of its own, which is locked last: tasks end while somebody holds their session and waits for its tasks.
    """

    __tablename__ = "session_counts"

    session_id: str = Field(primary_key=True, foreign_key="sessions.id")
    # Its tasks, all of them and those that have ended so, and the tokens that they say they used.
    total: int = 0
    completed: int = 0
    failed: int = 0
    tokens: int = Field(default=0, sa_type=BigInteger)


class Checkpoint(Record):
    """Where a session stood, in the words of whoever works in it."""

    __tablename__ = "checkpoints"
    __table_args__ = (Index("checkpoints_by_session", "session_id", "number"),)

    bulky: ClassVar[frozenset[str]] = frozenset({"data"})

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    session_id: str = Field(foreign_key="sessions.id")
    # Counted from 1 in its session.
    number: int
    name: str = ""
    # An object.
    data: bytes = Field(default=EMPTY_OBJECT, sa_column=Column(LargeBinary, nullable=False))
    created_at: int = Field(sa_type=BigInteger)


finish(Session, SessionCount, Checkpoint)
