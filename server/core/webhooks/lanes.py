"""Lanes: what is delivered one after the other. Whoever calls these holds the webhook's row.

A pending delivery has a time for its next attempt exactly when it is the first of its lane. So whoever takes deliveries
goes along one index, however many wait behind others.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import String, bindparam, select, text, update

from server.model import PENDING, Delivery, DeliveryOrder
from server.store.among import any_of
from server.store.statement import Statement
from server.store.transaction import Transaction

_deliveries = Delivery.table().c
_webhook = _deliveries.webhook_id == bindparam("webhook")
_busy = select(_deliveries.lane).distinct().where(PENDING, _webhook)
_BUSY = Statement[Any](_busy.where(any_of(_deliveries.lane, "lanes")))
# The first of each of these lanes, which an index finds however many stand behind it.
_FIRST = """
SELECT (
    SELECT first.id FROM deliveries AS first
    WHERE first.state = 'pending' AND first.webhook_id = :webhook AND first.lane = each.lane
    ORDER BY first.event_number, first.id LIMIT 1
) FROM {lanes}
"""
_release = (
    update(Delivery.table()).values(next_attempt_at=bindparam("now")).where(_deliveries.next_attempt_at.is_(None))
)
_RELEASE = Statement[Any](
    _release.where(_deliveries.id.in_(text(_FIRST.format(lanes="unnest(CAST(:lanes AS TEXT[])) AS each (lane)")))),
    on_sqlite=_release.where(
        _deliveries.id.in_(text(_FIRST.format(lanes="(SELECT value AS lane FROM json_each(:lanes)) AS each")))
    ),
)
_LANES = Statement[Any](select(_deliveries.lane).distinct().where(PENDING, _webhook))
_MOVE = Statement[Any](
    update(Delivery.table())
    .where(PENDING, _webhook, _deliveries.lane != _deliveries.id)
    .values(lane=bindparam("lane", type_=String))
)
# Those behind the first wait for it, and not for a time of their own; what is under way goes on.
_WAIT = Statement[Any](
    update(Delivery.table())
    .where(PENDING, _webhook, _deliveries.lane == "", _deliveries.holder.is_(None))
    .where(_deliveries.id != bindparam("first", type_=String))
    .values(next_attempt_at=None)
)
_ONLY_LANE = Statement[Any](
    select(_deliveries.id)
    .where(PENDING, _webhook, _deliveries.lane == "")
    .order_by(_deliveries.event_number, _deliveries.id)
    .limit(1)
)
_MOVE_APART = Statement[Any](
    update(Delivery.table())
    .where(PENDING, _webhook, _deliveries.lane != _deliveries.id)
    .values(lane=_deliveries.subject)
)


def lane_of(ordering: str, subject: str) -> str:
    """The lane of what is delivered about a subject."""
    return "" if ordering == DeliveryOrder.STRICT else subject


async def busy(transaction: Transaction, webhook: str, lanes: Iterable[str]) -> set[str]:
    """Those of these lanes that have pending deliveries."""
    return {row[0] for row in await transaction.all(_BUSY, webhook=webhook, lanes=sorted(set(lanes)))}


async def release(transaction: Transaction, webhook: str, lanes: Iterable[str]) -> None:
    """The first of each lane may go now, unless its next attempt has a time already."""
    if wanted := sorted(set(lanes)):
        await transaction.run(_RELEASE, webhook=webhook, lanes=wanted, now=transaction.now)


async def release_all(transaction: Transaction, webhook: str) -> None:
    """The same for every lane of a webhook."""
    await release(transaction, webhook, [row[0] for row in await transaction.all(_LANES, webhook=webhook)])


async def reorder(transaction: Transaction, webhook: str, ordering: str) -> None:
    """Puts what waits into the lanes of another order. What goes by itself stays so."""
    if ordering == DeliveryOrder.STRICT:
        await transaction.run(_MOVE, webhook=webhook, lane="")
        if (first := await transaction.one(_ONLY_LANE, webhook=webhook)) is not None:
            await transaction.run(_WAIT, webhook=webhook, first=first[0])
    else:
        await transaction.run(_MOVE_APART, webhook=webhook)
    await release_all(transaction, webhook)
