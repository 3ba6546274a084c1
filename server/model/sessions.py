"""Sessions and the moves between their states."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import BigInteger, Column, Index, Text, text
from sqlmodel import Field

from server.errors import Conflict
from server.model.record import Record, finish


class SessionStatus(StrEnum):
    """Where a session stands."""

    CREATED = "created"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    EXPIRED = "expired"


OPEN = (SessionStatus.CREATED, SessionStatus.RUNNING)
_ENDS = {SessionStatus.COMPLETED, SessionStatus.FAILED, SessionStatus.EXPIRED}
MOVES: dict[str, set[SessionStatus]] = {
    SessionStatus.CREATED: {SessionStatus.RUNNING, *_ENDS},
    SessionStatus.RUNNING: _ENDS,
    SessionStatus.COMPLETED: set(),
    SessionStatus.FAILED: set(),
    SessionStatus.EXPIRED: set(),
}


class Session(Record, table=True):
    """A bounded stretch of work."""

    __tablename__ = "sessions"
    __table_args__ = (
        Index("sessions_by_organization", "organization_id", "id"),
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
    )

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    name: str
    description: str = Field(default="", sa_column=Column(Text, nullable=False))
    status: str = SessionStatus.CREATED.value
    timeout_seconds: int = 3600
    max_iterations: int = 100
    iterations: int = 0
    error: str = Field(default="", sa_column=Column(Text, nullable=False))
    version: int = 1
    created_at: int = Field(sa_type=BigInteger)
    updated_at: int = Field(sa_type=BigInteger)
    started_at: int | None = Field(default=None, sa_type=BigInteger)
    completed_at: int | None = Field(default=None, sa_type=BigInteger)
    expires_at: int = Field(sa_type=BigInteger)
    deleted_at: int | None = Field(default=None, sa_type=BigInteger)

    def check_move(self, to: SessionStatus) -> None:
        """Raises Conflict where the state machine has no such move."""
        if to not in MOVES[self.status]:
            raise Conflict(
                f"the session is {self.status}, so it cannot become {to.value}",
                reason="SESSION_ENDED" if not MOVES[self.status] else "INVALID_TRANSITION",
                details={"from": self.status, "to": to.value},
            )


finish(Session)
