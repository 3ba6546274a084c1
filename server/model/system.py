"""What the server keeps for itself: counts that survive a restart, alerts, and which requests have been answered."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Index, LargeBinary, Text, text
from sqlmodel import Field

from server.model.record import Record, finish


class Rollup(Record):
    """How many tasks of an organization ended within a span of time, and how long the completed ones took."""

    __tablename__ = "rollups"

    organization_id: str = Field(primary_key=True, foreign_key="organizations.id")
    # Length of the span in seconds: 60, or 3,600 for what is older than two days.
    seconds: int = Field(primary_key=True)
    # When the span began; microseconds since 1970.
    began_at: int = Field(primary_key=True, sa_type=BigInteger)
    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    # Milliseconds that the completed tasks took, together.
    busy_ms: float = Field(default=0.0, sa_type=Float)


class Alert(Record):
    """Something that somebody should look at. At most one of a kind is open for the same subject."""

    __tablename__ = "alerts"
    __table_args__ = (
        Index(
            "alerts_open",
            "organization_id",
            "kind",
            "subject",
            unique=True,
            postgresql_where=text("resolved_at IS NULL"),
            sqlite_where=text("resolved_at IS NULL"),
        ),
    )

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    # agent_lost, queue_growing, error_rate or disk_full.
    kind: str
    # What it is about, such as an agent's id; empty for the whole.
    subject: str = ""
    # warning or critical.
    severity: str
    message: str = Field(sa_column=Column(Text, nullable=False))
    # Figures, as a JSON object.
    details: str = Field(default="{}", sa_column=Column(Text, nullable=False))
    created_at: int = Field(sa_type=BigInteger)
    resolved_at: int | None = Field(default=None, sa_type=BigInteger)


class IdempotencyKey(Record):
    """The mark of one request: the key, what was asked, which resource came of it, and the answer once it was given."""

    __tablename__ = "idempotency_keys"

    organization_id: str = Field(primary_key=True, foreign_key="organizations.id")
    key: str = Field(primary_key=True)
    # SHA-256 of the method and the request.
    digest: str
    resource_id: str
    http_status: int | None = None
    # The version of the resource that was answered; 0 for none.
    etag: int = 0
    response: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    created_at: int = Field(sa_type=BigInteger, index=True)


finish(IdempotencyKey, Rollup, Alert)
