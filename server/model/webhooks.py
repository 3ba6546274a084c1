"""Webhooks, what is to be delivered to them, and how each attempt went."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from sqlalchemy import BigInteger, Column, Float, Index, Text, text
from sqlmodel import Field

from server.model.record import Record, finish


class DeliveryOrder(StrEnum):
    """What waits for what: deliveries about one SUBJECT, or, where it is STRICT, all of a webhook's."""

    SUBJECT = "subject"
    STRICT = "strict"


class DisabledReason(StrEnum):
    """Why a webhook is disabled: somebody asked for it, the receiver said 410, or nothing else but failures came."""

    REQUESTED = "requested"
    GONE = "gone"
    FAILING = "failing"


class DeliveryState(StrEnum):
    """Where a delivery stands: PENDING until an attempt succeeds or was the last one, or its webhook takes no more."""

    PENDING = "pending"
    DELIVERED = "delivered"
    EXHAUSTED = "exhausted"
    CANCELLED = "cancelled"


# What the partial indexes below hold; see `server.model.tasks`.
_PENDING = "{t}state = 'pending'"
_WAITING = "{t}state = 'pending' AND {t}next_attempt_at IS NOT NULL"
_UNDELIVERED = "{t}state IN ('exhausted', 'cancelled')"
_LISTENING = "{t}disabled_reason = '' AND {t}deleted_at IS NULL"


def _index(name: str, *columns: str, where: str) -> Index:
    condition = text(where.format(t=""))
    return Index(name, *columns, postgresql_where=condition, sqlite_where=condition)


class Webhook(Record):
    """Where an organization wants to be told of events. Whoever changes the queue of its deliveries locks the row."""

    __tablename__ = "webhooks"
    __table_args__ = (
        Index("webhooks_by_organization", "organization_id", "id"),
        _index("webhooks_listening", "organization_id", "id", where=_LISTENING),
    )

    # Headers may hold credentials of the receiver. Where it has got to is not a change of the webhook.
    unrecorded: ClassVar[frozenset[str]] = frozenset(
        {"owner", "headers", "secret", "previous_secret", "previous_secret_until", "cursor"}
    )

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    # Who made it, as `Caller.owner`: it is told of what is this person's or program's alone, and of no other's.
    owner: str = ""
    # The API in whose words and shapes it speaks.
    api: str
    url: str = Field(sa_column=Column(Text, nullable=False))
    description: str = Field(default="", sa_column=Column(Text, nullable=False))
    # A JSON array of names, of prefixes such as `task.*`, or `*`, in the words of its API.
    events: str = Field(sa_column=Column(Text, nullable=False))
    # A JSON object: headers that each request carries.
    headers: str = Field(default="{}", sa_column=Column(Text, nullable=False))
    ordering: str = DeliveryOrder.SUBJECT.value
    # Sealed; the one before signs too until its time is over.
    secret: str = Field(sa_column=Column(Text, nullable=False))
    previous_secret: str | None = Field(default=None, sa_column=Column(Text))
    previous_secret_until: int | None = Field(default=None, sa_type=BigInteger)
    # Empty while it is enabled.
    disabled_reason: str = ""
    disabled_at: int | None = Field(default=None, sa_type=BigInteger)
    # The number of the last event of the feed that was looked at for it.
    cursor: int = Field(default=0, sa_type=BigInteger)
    # When the first of the failures was after which no attempt has succeeded.
    failing_since: int | None = Field(default=None, sa_type=BigInteger)
    version: int = 1
    created_at: int = Field(sa_type=BigInteger)
    updated_at: int = Field(sa_type=BigInteger)
    deleted_at: int | None = Field(default=None, sa_type=BigInteger)

    @property
    def enabled(self) -> bool:
        """Whether it is told of events."""
        return not self.disabled_reason and self.deleted_at is None


class Delivery(Record):
    """One event for one webhook. Receivers know it by its id, which is the same in every attempt.

    A pending one waits for those before it in its lane, and then for `next_attempt_at`; whoever attempts it sets that
    to the time when the attempt counts as lost.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        Index("deliveries_by_webhook", "webhook_id", "id"),
        _index("deliveries_undelivered", "webhook_id", "id", where=_UNDELIVERED),
        _index("deliveries_in_lane", "webhook_id", "lane", "event_number", "id", where=_PENDING),
        _index("deliveries_waiting", "webhook_id", "next_attempt_at", where=_WAITING),
        _index("deliveries_due", "next_attempt_at", where=_WAITING),
        _index("deliveries_held", "holder", where="{t}holder IS NOT NULL"),
        _index("deliveries_completed", "completed_at", where="{t}completed_at IS NOT NULL"),
    )

    unrecorded: ClassVar[frozenset[str]] = frozenset({"body", "lane", "holder", "next_attempt_at", "traceparent"})

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    webhook_id: str = Field(foreign_key="webhooks.id")
    # The event's number in the feed, 0 for a test, its name in the webhook's words, and the resource that it is about.
    event_number: int = Field(sa_type=BigInteger)
    event: str
    subject: str
    # Deliveries of one lane go one after the other.
    lane: str
    # Exactly what is sent and signed.
    body: str = Field(sa_column=Column(Text, nullable=False))
    state: str = DeliveryState.PENDING.value
    # How often it has been attempted, which is the token of the present attempt, and how many failures there were in
    # this round of tries.
    attempts: int = 0
    failures: int = 0
    next_attempt_at: int | None = Field(default=None, sa_type=BigInteger)
    # The process that attempts it now.
    holder: str | None = None
    # The W3C trace context of what it tells of; empty where there is none.
    traceparent: str = ""
    created_at: int = Field(sa_type=BigInteger)
    completed_at: int | None = Field(default=None, sa_type=BigInteger)


class DeliveryAttempt(Record):
    """What came of one attempt."""

    __tablename__ = "delivery_attempts"

    delivery_id: str = Field(primary_key=True, foreign_key="deliveries.id")
    number: int = Field(primary_key=True)
    # The status over HTTP; null where there was no answer, and `error` says why.
    status: int | None = None
    error: str = Field(default="", sa_column=Column(Text, nullable=False))
    # The start of the answer's body.
    answer: str = Field(default="", sa_column=Column(Text, nullable=False))
    latency_ms: float = Field(sa_type=Float)
    attempted_at: int = Field(sa_type=BigInteger)


finish(Webhook, Delivery, DeliveryAttempt)


# Conditions of statements: webhooks that are told of events; deliveries that are not done, that have a time for their
# next attempt, and that may be brought back.
LISTENING = text(_LISTENING.format(t="webhooks."))
PENDING, WAITING, UNDELIVERED = (text(words.format(t="deliveries.")) for words in (_PENDING, _WAITING, _UNDELIVERED))
