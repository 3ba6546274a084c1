"""The queue of deliveries: who takes one has it for the time of an attempt, and what came of it is recorded.

Taking a delivery counts its attempt, which is the fencing token of what is said about it later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Integer, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from server.core.webhooks import lanes
from server.core.webhooks.disabling import LOCK, disable
from server.core.webhooks.retries import GIVE_UP, LASTED, next_delay
from server.model import (
    WAITING,
    Delivery,
    DeliveryAttempt,
    DeliveryState,
    DisabledReason,
    Webhook,
)
from server.store.among import any_of
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

GONE = 410

_deliveries = Delivery.table().c
_webhooks = Webhook.table().c
_due = (WAITING, _deliveries.next_attempt_at <= bindparam("now"))
# As an expression, so that SQLite goes along the index by webhook, and does not sort all that is due.
_is_due = func.coalesce(_deliveries.next_attempt_at, 0) <= bindparam("now", type_=BigInteger)
_NEXT_WEBHOOK = Statement[Any](
    select(_deliveries.webhook_id)
    .where(WAITING, _is_due, _deliveries.webhook_id > bindparam("after"))
    .order_by(_deliveries.webhook_id)
    .limit(1)
)
_NEXT_TIME = Statement[Any](
    select(_deliveries.next_attempt_at).where(WAITING).order_by(_deliveries.next_attempt_at).limit(1)
)
_chosen = (
    select(_deliveries.id)
    .where(*_due, _deliveries.webhook_id == bindparam("webhook"))
    .order_by(_deliveries.next_attempt_at)
    .limit(bindparam("limit", type_=Integer))
    .with_for_update(key_share=True, skip_locked=True)
    .cte("chosen")
)
_CLAIM = Statement[Delivery](
    update(Delivery.table())
    .where(_deliveries.id.in_(select(_chosen.c.id)), _deliveries.state == "pending")
    .values(
        attempts=_deliveries.attempts + 1,
        holder=bindparam("holder"),
        next_attempt_at=bindparam("until", type_=BigInteger),
    )
    .returning(Delivery.table()),
    Delivery,
)
_WEBHOOK = Statement[Webhook](select(Webhook.table()).where(_webhooks.id == bindparam("webhook")), Webhook)
_READ = Statement[Delivery](
    select(Delivery.table())
    .where(any_of(_deliveries.id, "ids"))
    .order_by(_deliveries.id)
    .with_for_update(key_share=True),
    Delivery,
    on_sqlite=select(Delivery.table()).where(any_of(_deliveries.id, "ids")),
)
_delivered = update(Delivery.table()).values(
    state="delivered", next_attempt_at=None, holder=None, completed_at=bindparam("now", type_=BigInteger)
)
_DELIVERED = Statement[Any](_delivered.where(any_of(_deliveries.id, "ids")))
# What was recorded before, and could not be said to have been, is so once.
_NOTE = Statement[Any](
    upsert(DeliveryAttempt.table())
    .values({name: bindparam(name) for name in DeliveryAttempt.columns})
    .on_conflict_do_nothing()
)
_GIVE_BACK = Statement[Any](
    update(Delivery.table())
    .where(_deliveries.holder == bindparam("who"), WAITING)
    .values(next_attempt_at=bindparam("now"), holder=None)
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an attempt: a status, or why there was none."""

    status: int | None
    latency_ms: float
    error: str = ""
    # The start of the answer.
    answer: str = ""
    # Seconds that the receiver asks for.
    retry_after: float | None = None

    @property
    def succeeded(self) -> bool:
        """Whether the receiver has taken the delivery."""
        return self.status is not None and 200 <= self.status < 300 and not self.error


@dataclass(frozen=True, slots=True)
class Report:
    """One attempt, and what came of it."""

    delivery: Delivery
    outcome: Outcome
    # In microseconds.
    attempted_at: int


class DeliveryQueue:
    """Deliveries that are due, of every organization."""

    def __init__(self, database: Database, *, attempt_seconds: float) -> None:
        self._database = database
        # An attempt whose outcome nobody records by then is lost with its process.
        self._lease = int(2 * attempt_seconds * 1_000_000)

    def now(self) -> int:
        """The time, in microseconds."""
        return self._database.clock()

    async def next_webhook(self, after: str) -> str | None:
        """The first webhook behind `after`, in the order of ids, that has deliveries to attempt now."""
        row = await self._database.one(_NEXT_WEBHOOK, now=self._database.clock(), after=after)
        return row[0] if row is not None else None

    async def next_time(self) -> int | None:
        """When the next attempt is due, in microseconds; it may be past."""
        row = await self._database.one(_NEXT_TIME)
        return row[0] if row is not None else None

    async def webhook(self, identifier: str) -> Webhook | None:
        """A webhook as it is now."""
        return await self._database.one(_WEBHOOK, webhook=identifier)

    async def claim(self, webhook: str, holder: str, limit: int) -> list[Delivery]:
        """Up to `limit` due deliveries of a webhook, which nobody else attempts until the lease ends."""

        async def body(transaction: Transaction) -> list[Delivery]:
            return await transaction.all(
                _CLAIM,
                webhook=webhook,
                holder=holder,
                limit=limit,
                now=transaction.now,
                until=transaction.now + self._lease,
            )

        return await self._database.write(body)

    async def give_back(self, holder: str) -> None:
        """What this process has and will not finish may be attempted by others at once."""

        async def body(transaction: Transaction) -> None:
            await transaction.run(_GIVE_BACK, who=holder, now=transaction.now)

        await self._database.write(body)

    async def record(self, reports: Sequence[Report]) -> None:
        """Records what came of attempts, together: what is done, what is tried again, and which webhook is disabled."""
        by_webhook: dict[str, list[Report]] = {}
        for report in reports:
            by_webhook.setdefault(report.delivery.webhook_id, []).append(report)

        async def body(transaction: Transaction) -> None:
            # In one order, so that two processes wait for each other at most once.
            for identifier, each in sorted(by_webhook.items()):
                webhook = await transaction.one(LOCK, webhook=identifier)
                if webhook is not None:
                    await self._record(transaction, webhook, each)

        await self._database.write(body)

    async def _record(self, transaction: Transaction, webhook: Webhook, reports: list[Report]) -> None:
        ended: set[str] = set()
        ids = sorted(report.delivery.id for report in reports)
        known = {delivery.id: delivery for delivery in await transaction.all(_READ, ids=ids)}
        reports = [report for report in reports if report.delivery.id in known]
        if not reports:
            return
        await transaction.many(_NOTE, [_attempt(report).values() for report in reports])
        succeeded = {report.delivery.id for report in reports if report.outcome.succeeded}
        # Also where the lease was lost, or the webhook has been disabled meanwhile: the receiver has it.
        delivered = [id for id in sorted(succeeded) if known[id].state != DeliveryState.DELIVERED]
        if delivered:
            await transaction.run(_DELIVERED, ids=delivered, now=transaction.now)
            ended.update(known[id].lane for id in delivered)
        for report in reports:
            delivery = known[report.delivery.id]
            if delivery.id not in succeeded and await _failed(transaction, webhook, delivery, report):
                ended.add(delivery.lane)
        webhook = await self._note(transaction, webhook, reports)
        if webhook.disabled_reason == "":
            await lanes.release(transaction, webhook.id, ended)

    async def _note(self, transaction: Transaction, webhook: Webhook, reports: list[Report]) -> Webhook:
        """What attempts say about the receiver as a whole."""
        last = max(reports, key=lambda report: report.attempted_at)
        if any(report.outcome.succeeded for report in reports):
            began = webhook.failing_since
            if began is not None:
                webhook = await transaction.update(webhook, failing_since=None)
                if transaction.now - began >= LASTED and webhook.enabled:
                    transaction.emit("webhook.recovered", webhook)
        elif webhook.failing_since is None:
            webhook = await transaction.update(webhook, failing_since=last.attempted_at)
        if any(report.outcome.status == GONE for report in reports):
            return await disable(transaction, webhook, DisabledReason.GONE)
        if webhook.failing_since is not None and transaction.now - webhook.failing_since >= GIVE_UP:
            return await disable(transaction, webhook, DisabledReason.FAILING)
        return webhook


def _attempt(report: Report) -> DeliveryAttempt:
    outcome = report.outcome
    return DeliveryAttempt.new(
        delivery_id=report.delivery.id,
        number=report.delivery.attempts,
        status=outcome.status,
        error=outcome.error,
        answer=outcome.answer,
        latency_ms=outcome.latency_ms,
        attempted_at=report.attempted_at,
    )


async def _failed(transaction: Transaction, webhook: Webhook, delivery: Delivery, report: Report) -> bool:
    """What becomes of a delivery whose attempt failed; returns whether its lane goes on without it."""
    ours = delivery.attempts == report.delivery.attempts and delivery.holder is not None
    if delivery.state != DeliveryState.PENDING or not ours:
        # Another process has it, nobody wants it any more, or this was recorded before.
        return False
    failures = delivery.failures + 1
    delay = next_delay(failures, report.outcome.retry_after)
    if delay is not None:
        await transaction.update(delivery, failures=failures, next_attempt_at=transaction.now + delay, holder=None)
        return False
    exhausted = await transaction.update(
        delivery,
        failures=failures,
        state=DeliveryState.EXHAUSTED.value,
        next_attempt_at=None,
        holder=None,
        completed_at=transaction.now,
    )
    transaction.emit("webhook.delivery_exhausted", exhausted, about=webhook)
    return True
