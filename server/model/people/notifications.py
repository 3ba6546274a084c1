"""What people are told, and what is kept of who did what."""

from __future__ import annotations

from typing import ClassVar

from sqlalchemy import BigInteger, Column, Index, Text, text
from sqlmodel import Field

from server.model.record import Record, finish


class Notification(Record):
    """One thing that one person is told, made of one event."""

    __tablename__ = "notifications"
    __table_args__ = (
        Index("notifications_by_user", "user_id", "id"),
        # An event that is read twice tells nobody twice.
        Index("notifications_by_event", "user_id", "event_number", "type", unique=True),
        Index(
            "notifications_unread",
            "user_id",
            "id",
            postgresql_where=text("read_at IS NULL"),
            sqlite_where=text("read_at IS NULL"),
        ),
        Index(
            "notifications_to_mail",
            "user_id",
            "event_number",
            postgresql_where=text("mail_at IS NOT NULL"),
            sqlite_where=text("mail_at IS NOT NULL"),
        ),
    )

    unrecorded: ClassVar[frozenset[str]] = frozenset({"mail_at", "mailed_at"})

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    user_id: str = Field(foreign_key="users.id")
    # Such as `task.mentioned`, `task.completed`.
    type: str
    title: str
    message: str = Field(default="", sa_column=Column(Text, nullable=False))
    # What it is about.
    resource_id: str
    event_number: int = Field(sa_type=BigInteger)
    created_at: int = Field(sa_type=BigInteger)
    read_at: int | None = Field(default=None, sa_type=BigInteger)
    # Since when it is to be mailed; null where it is not, or not any more. And when that was done.
    mail_at: int | None = Field(default=None, sa_type=BigInteger)
    mailed_at: int | None = Field(default=None, sa_type=BigInteger)


class Mailing(Record):
    """The mail of one person: the next one tells of all that has come since the last one."""

    __tablename__ = "mailings"
    __table_args__ = (
        Index(
            "mailings_due",
            "due_at",
            postgresql_where=text("due_at IS NOT NULL"),
            sqlite_where=text("due_at IS NOT NULL"),
        ),
    )

    user_id: str = Field(primary_key=True, foreign_key="users.id")
    organization_id: str = Field(foreign_key="organizations.id")
    # When it is tried next; null where nothing waits. While somebody tries, when it may be tried by another.
    due_at: int | None = Field(default=None, sa_type=BigInteger)
    # How often this mail was tried, and up to which event it tells of; 0 before the first attempt.
    attempts: int = 0
    last: int = Field(default=0, sa_type=BigInteger)
    # The next mail comes no sooner.
    not_before: int = Field(default=0, sa_type=BigInteger)


class NotificationCursor(Record):
    """Up to which event the people of an organization have been told; there is none where nobody can log in."""

    __tablename__ = "notification_cursors"

    organization_id: str = Field(primary_key=True, foreign_key="organizations.id")
    number: int = Field(sa_type=BigInteger)


class AuditEntry(Record):
    """What somebody did that makes no event, or was refused. What callers changed beside that is in the events."""

    __tablename__ = "audit_entries"
    __table_args__ = (Index("audit_entries_by_organization", "organization_id", "created_at"),)

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    created_at: int = Field(sa_type=BigInteger, index=True)
    # As events have them.
    actor: str
    credential: str = ""
    via: str = ""
    address: str = ""
    # What was done or tried, such as `user.logged_in`, or the method's name.
    action: str
    # What it was done to, where that is known.
    resource_id: str = ""
    # `done`, or the code that it was refused with.
    outcome: str
    request_id: str = ""
    detail: str = Field(default="", sa_column=Column(Text, nullable=False))


class LogEntry(Record):
    """A line of the server's own log that people may ask for; one about a call only those of its organization."""

    __tablename__ = "log_entries"
    __table_args__ = (Index("log_entries_by_time", "created_at", "id"),)

    id: str = Field(primary_key=True)
    created_at: int = Field(sa_type=BigInteger)
    # error, warn, info or debug; and the part of the server that says it.
    level: str
    service: str
    # Whose call it was said in; empty where in nobody's.
    organization_id: str = ""
    message: str = Field(sa_column=Column(Text, nullable=False))
    # A JSON object.
    fields: str = Field(default="{}", sa_column=Column(Text, nullable=False))


finish(Notification, Mailing, NotificationCursor, AuditEntry, LogEntry)
