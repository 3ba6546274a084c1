"""The event log: one feed an organization, numbered without holes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from sqlalchemy import BigInteger, Column, Index, Text, text
from sqlmodel import Field

from server.model.record import Record, finish

# What there is to be told of, by type: the resource's kind, and what happened to it.
EVENT_TYPES: Sequence[str] = tuple(
    f"{kind}.{what}"
    for kind, happenings in {
        "agent": "created updated installing active inactive on_duty off_duty lost failed deleted",
        "chat": "queued started tokens cancel_requested completed failed cancelled",
        "comment": "created deleted",
        "conversation": "created ended deleted",
        "document": "created updated processing ready failed deleted",
        "file": "uploaded deleted",
        "log": "written",
        "notification": "created",
        "project": "created updated completed deleted member_added member_updated member_removed",
        "rating": "given",
        "session": "created queued running paused updated completed failed cancelled expired retried deleted",
        "task": (
            "created unblocked assigned routed ready started progress decomposed released retrying cancel_requested "
            "cancel_acknowledged completed failed cancelled updated deleted taken reopened"
        ),
        "api_key": "created revoked",
        "invitation": "created revoked accepted",
        "user": "registered updated disabled enabled logged_in logged_out password_changed password_reset_offered",
        "webhook": "created updated enabled disabled deleted secret_rotated recovered delivery_exhausted",
        "workflow": "created updated deleted",
        "workflow_run": "started completed failed cancelled retrying",
    }.items()
    for what in happenings.split()
)
# What is told to one user or program alone, and to nobody else of the organization: by the first word of the type, the
# column that says to whom.
TOLD_TO: Mapping[str, str] = {"notification": "user_id", "chat": "owner", "conversation": "owner"}
PERSONAL = frozenset(type for type in EVENT_TYPES if type.partition(".")[0] in TOLD_TO)


class Feed(Record):
    """The head of an organization's feed. Its row is locked from numbering to commit, so numbers appear in order."""

    __tablename__ = "feeds"

    organization_id: str = Field(primary_key=True, foreign_key="organizations.id")
    # The number of the newest event.
    head: int = Field(default=0, sa_type=BigInteger)
    # Events up to this number have been removed.
    trimmed: int = Field(default=0, sa_type=BigInteger)


class Event(Record):
    """One recorded change, written in the transaction that made it."""

    __tablename__ = "events"
    __table_args__ = (
        # What has happened to one thing, and what callers have done.
        Index("events_by_resource", "resource_id", "number"),
        Index(
            "events_by_actors",
            "organization_id",
            "created_at",
            postgresql_where=text("actor <> ''"),
            sqlite_where=text("actor <> ''"),
        ),
    )

    # The row itself, where this process has just changed it; None where the event was read.
    record: ClassVar[Record | None] = None

    organization_id: str = Field(primary_key=True, foreign_key="organizations.id")
    number: int = Field(primary_key=True, sa_type=BigInteger)
    type: str
    resource_id: str
    session_id: str | None = None
    agent_id: str | None = None
    # The resource's row right after the change, as JSON.
    payload: str = Field(sa_column=Column(Text, nullable=False))
    created_at: int = Field(sa_type=BigInteger, index=True)
    # Who made the change, with which credential, through which API and from where; empty where the server did.
    actor: str = ""
    credential: str = ""
    via: str = ""
    address: str = ""
    # The W3C trace context of the request that it comes of; empty where there is none.
    traceparent: str = ""


finish(Feed, Event)
