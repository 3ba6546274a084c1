"""Disabling: a webhook takes no more, and what it waits for is cancelled in the same transaction."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, select, update

from server.core.shared.resource import change
from server.model import PENDING, Delivery, DisabledReason, Webhook
from server.store.statement import Statement
from server.store.transaction import Transaction

_webhooks = Webhook.table().c
_deliveries = Delivery.table().c
LOCK = Statement[Webhook](
    select(Webhook.table()).where(_webhooks.id == bindparam("webhook")).with_for_update(key_share=True), Webhook
)
_CANCEL = Statement[Any](
    update(Delivery.table())
    .where(PENDING, _deliveries.webhook_id == bindparam("webhook"))
    .values(state="cancelled", next_attempt_at=None, holder=None, completed_at=bindparam("now"))
)


async def cancel_deliveries(transaction: Transaction, webhook: Webhook) -> None:
    """Nothing that waits is sent any more; an attempt that is under way is still recorded."""
    await transaction.run(_CANCEL, webhook=webhook.id, now=transaction.now)


async def disable(transaction: Transaction, webhook: Webhook, reason: DisabledReason) -> Webhook:
    """The webhook, which is locked, as disabled; as it is where it was so before."""
    if not webhook.enabled:
        return webhook
    await cancel_deliveries(transaction, webhook)
    disabled = await change(transaction, webhook, disabled_reason=reason.value, disabled_at=transaction.now)
    transaction.emit("webhook.disabled", disabled)
    return disabled
