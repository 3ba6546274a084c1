"""Deliveries: what was sent and how it went, and sending things again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Integer, String, bindparam, delete, func, literal, select, update

from server.core.shared import idempotency
from server.core.shared.call_context import Call
from server.core.shared.ids import parse_id
from server.core.shared.resource import Resource
from server.core.webhooks import lanes
from server.core.webhooks.fan_out import MOST_PENDING
from server.core.webhooks.registry import WEBHOOKS
from server.core.webhooks.wording import Wording, body_of
from server.errors import Conflict, InvalidRequest, NotFound
from server.model import UNDELIVERED, Delivery, DeliveryAttempt, DeliveryState, Organization, Webhook, new_id
from server.store.among import any_of
from server.store.database import Database
from server.store.feed import HEAD
from server.store.statement import Statement
from server.store.transaction import Transaction

TEST_EVENT = "webhook.test"
# How many attempts of a delivery are shown, the last ones: of one that is read, and of each in a list, which shows less
# of answers, too, so that a page fits in what clients take.
ATTEMPTS, LISTED_ATTEMPTS, LISTED_CHARACTERS = 20, 8, 200
REMOVED = 500

_deliveries = Delivery.table().c
_attempts = DeliveryAttempt.table().c
DELIVERIES = Resource(Delivery, "delivery")
_light = [literal("").label("body") if column.name == "body" else column for column in Delivery.table().c]
_of = _deliveries.webhook_id == bindparam("webhook")
_in_state = _deliveries.state == bindparam("state")
_limit = bindparam("limit", type_=Integer)
_all = select(*_light).where(_of).order_by(_deliveries.id.desc()).limit(_limit)
_before = _deliveries.id < bindparam("before")
_offset = bindparam("offset", type_=Integer)
# With and without a state: a page before an id, a page from an offset, and the count.
_PAGE, _PAGE_IN = (Statement[Delivery](each.where(_before), Delivery) for each in (_all, _all.where(_in_state)))
_SLICE, _SLICE_IN = (Statement[Delivery](each.offset(_offset), Delivery) for each in (_all, _all.where(_in_state)))
_count = select(func.count()).select_from(Delivery.table()).where(_of)
_COUNT, _COUNT_IN = Statement[Any](_count), Statement[Any](_count.where(_in_state))
_tried = (
    select(DeliveryAttempt.table())
    .join(Delivery.table(), _deliveries.id == _attempts.delivery_id)
    .where(_attempts.number > _deliveries.attempts - bindparam("last", type_=Integer))
    .order_by(_attempts.delivery_id, _attempts.number)
)
_ATTEMPTS = Statement[DeliveryAttempt](_tried.where(any_of(_attempts.delivery_id, "ids")), DeliveryAttempt)
_missed = (
    select(_deliveries.id)
    .where(UNDELIVERED, _of, _deliveries.id >= bindparam("first"))
    .order_by(_deliveries.id)
    .limit(_limit)
    .cte("missed")
)
_RECOVER = Statement[Any](
    update(Delivery.table())
    .where(_deliveries.id.in_(select(_missed.c.id)))
    .values(
        state="pending",
        failures=0,
        completed_at=None,
        next_attempt_at=None,
        lane=bindparam("lane", type_=String),
    )
    .returning(_deliveries.id)
)
_RECOVER_APART = Statement[Any](
    update(Delivery.table())
    .where(_deliveries.id.in_(select(_missed.c.id)))
    .values(state="pending", failures=0, completed_at=None, next_attempt_at=None, lane=_deliveries.subject)
    .returning(_deliveries.id)
)
_NAME = Statement[Any](
    select(Organization.table().c.name).where(Organization.table().c.id == bindparam("organization"))
)
_OLD = Statement[Any](
    select(_deliveries.id)
    .where(_deliveries.completed_at < bindparam("before", type_=BigInteger))
    .order_by(_deliveries.completed_at)
    .limit(REMOVED)
)
_remove = (delete(DeliveryAttempt.table()), delete(Delivery.table()))
_REMOVE_ATTEMPTS = Statement[Any](_remove[0].where(any_of(_attempts.delivery_id, "ids")))
_REMOVE = Statement[Any](_remove[1].where(any_of(_deliveries.id, "ids")))


@dataclass(frozen=True, slots=True)
class Sent:
    """A delivery and its attempts, the last ones, in order."""

    delivery: Delivery
    attempts: Sequence[DeliveryAttempt]


@dataclass(frozen=True, slots=True)
class SentPage:
    """Deliveries newest first without bodies, and where the next page begins, or how many there are in all."""

    rows: Sequence[Sent]
    next_token: str = ""
    total: int = 0


class Deliveries:
    """The deliveries of every organization's webhooks; each call sees its own."""

    def __init__(self, database: Database, wordings: Sequence[Wording]) -> None:
        self._database = database
        self._wordings = {wording.api: wording for wording in wordings}

    async def get(self, call: Call, webhook: str, identifier: str) -> Sent:
        """One delivery with its body. Raises NotFound."""
        owner = await WEBHOOKS.get(self._database, call, webhook)
        delivery = await DELIVERIES.get(self._database, call, identifier)
        if delivery.webhook_id != owner.id:
            raise NotFound("delivery", identifier)
        return (await self._with_attempts([delivery], ATTEMPTS))[0]

    async def page(self, call: Call, webhook: str, *, size: int, token: str, state: str | None) -> SentPage:
        """Deliveries newest first without bodies, by page token. Raises NotFound, InvalidRequest."""
        owner = await WEBHOOKS.get(self._database, call, webhook)
        try:
            before = parse_id("page", token) if token else "g"
        except NotFound:
            raise InvalidRequest("page_token", "is not a token of this list") from None
        given = {"webhook": owner.id, "before": before, "limit": size + 1}
        if state is None:
            rows = await self._database.all(_PAGE, **given)
        else:
            rows = await self._database.scan(_PAGE_IN, **given, state=state)
        sent = await self._with_attempts(rows[:size])
        return SentPage(sent, next_token=rows[size - 1].id if len(rows) > size else "")

    async def slice(self, call: Call, webhook: str, *, limit: int, offset: int, state: str | None) -> SentPage:
        """Deliveries newest first without bodies, from an offset, with their number. Raises NotFound."""
        owner = await WEBHOOKS.get(self._database, call, webhook)
        read, statement, count, given = self._database.scan, _SLICE, _COUNT, {"webhook": owner.id}
        if state is not None:
            statement, count, given = _SLICE_IN, _COUNT_IN, {**given, "state": state}
        total = (await read(count, **given))[0][0]
        rows = await read(statement, **given, limit=limit, offset=offset)
        return SentPage(await self._with_attempts(rows), total=total)

    async def _with_attempts(self, rows: Sequence[Delivery], last: int = LISTED_ATTEMPTS) -> list[Sent]:
        attempts: dict[str, list[DeliveryAttempt]] = {row.id: [] for row in rows}
        if rows:
            for each in await self._database.all(_ATTEMPTS, ids=list(attempts), last=last):
                attempts[each.delivery_id].append(each if last == ATTEMPTS else _shorter(each))
        return [Sent(row, attempts[row.id]) for row in rows]

    async def redeliver(self, call: Call, webhook: str, identifier: str) -> Sent:
        """Sends one again, now and beside all others, under the same id. Raises NotFound, Conflict."""

        async def act(transaction: Transaction, owner: Webhook) -> Webhook:
            _check_enabled(owner)
            delivery = await DELIVERIES.lock(transaction, call, identifier)
            if delivery.webhook_id != owner.id:
                raise NotFound("delivery", identifier)
            if delivery.state == DeliveryState.PENDING:
                if delivery.holder is None:
                    await transaction.update(delivery, lane=delivery.id, next_attempt_at=transaction.now)
                    await lanes.release(transaction, owner.id, [delivery.lane])
                return owner
            await transaction.update(
                delivery,
                state=DeliveryState.PENDING.value,
                failures=0,
                lane=delivery.id,
                completed_at=None,
                next_attempt_at=transaction.now,
            )
            return owner

        await WEBHOOKS.once(self._database, call, webhook, act)
        return await self.get(call, webhook, identifier)

    async def test(self, call: Call, webhook: str) -> Sent:
        """Sends `webhook.test`, also where it is disabled. Raises NotFound."""

        async def body(transaction: Transaction) -> str:
            owner = await WEBHOOKS.lock(transaction, call, webhook)
            if (before := await idempotency.done(transaction, call)) is not None:
                return before
            wording = self._wordings[owner.api]
            row = await transaction.one(_NAME, organization=owner.organization_id)
            identifier = new_id()
            data = {"message": "This is a test."}
            delivery = Delivery.new(
                id=identifier,
                organization_id=owner.organization_id,
                webhook_id=owner.id,
                event_number=0,
                event=TEST_EVENT,
                subject=owner.id,
                lane=identifier,
                body=body_of(wording, owner.organization_id, row[0] if row else "", TEST_EVENT, transaction.now, data),
                next_attempt_at=transaction.now,
                created_at=transaction.now,
            )
            await transaction.insert(delivery)
            await idempotency.mark(transaction, call, identifier)
            return identifier

        made = await self._database.write(body)
        return await self.get(call, webhook, made)

    async def recover(self, call: Call, webhook: str, since: int) -> int:
        """Sends again what was not delivered of what came since then (microseconds); returns how much.

        At most as much as may wait at all: call it again for the rest. Raises NotFound, Conflict.
        """
        count = 0

        async def act(transaction: Transaction, owner: Webhook) -> Webhook:
            nonlocal count
            _check_enabled(owner)
            # Ids begin with their time, in milliseconds.
            first = f"{max(0, since) // 1000:012x}"
            given = {"webhook": owner.id, "first": first, "limit": MOST_PENDING}
            if lane := lanes.lane_of(owner.ordering, "subject"):
                count = len(await transaction.all(_RECOVER_APART, **given))
            else:
                count = len(await transaction.all(_RECOVER, **given, lane=lane))
            await lanes.release_all(transaction, owner.id)
            return owner

        await WEBHOOKS.once(self._database, call, webhook, act)
        return count

    async def rewind(self, call: Call, webhook: str, event: int) -> Webhook:
        """Delivers the events from this number on again, as new deliveries. Raises NotFound, Conflict, InvalidRequest.

        Those that the feed no longer keeps are passed over.
        """

        async def act(transaction: Transaction, owner: Webhook) -> Webhook:
            _check_enabled(owner)
            feed = await transaction.one(HEAD, organization=owner.organization_id)
            newest = feed.head if feed is not None else 0
            if not 1 <= event <= newest + 1:
                raise InvalidRequest("event", f"must be the number of an event, 1 to {newest}")
            return await transaction.update(owner, cursor=event - 1)

        return await WEBHOOKS.once(self._database, call, webhook, act)

    async def forget(self, before: int) -> None:
        """Removes what was done before then."""
        while ids := [row[0] for row in await self._database.scan(_OLD, before=before)]:
            await self._remove(ids)

    async def _remove(self, ids: list[str]) -> None:
        async def body(transaction: Transaction) -> None:
            await transaction.run(_REMOVE_ATTEMPTS, ids=ids)
            await transaction.run(_REMOVE, ids=ids)

        await self._database.write(body)


def _shorter(attempt: DeliveryAttempt) -> DeliveryAttempt:
    short = {name: attempt.values()[name][:LISTED_CHARACTERS] for name in ("answer", "error")}
    return DeliveryAttempt.new(**{**attempt.values(), **short})


def _check_enabled(webhook: Webhook) -> None:
    if not webhook.enabled:
        raise Conflict(
            "the webhook is disabled: enable it first",
            reason="WEBHOOK_DISABLED",
            details={"disabled_reason": webhook.disabled_reason},
        )
