"""Sending: a delivery as its receiver gets it, signed with the secrets of its webhook."""

from __future__ import annotations

from server.core.shared.sealing import Unsealable
from server.core.webhooks.queue import Outcome, Report
from server.core.webhooks.receivers import Receivers
from server.core.webhooks.seals import Seals
from server.core.webhooks.signatures import signed
from server.model import Delivery, Webhook
from server.store.database import Database

SECOND = 1_000_000


class Sending:
    """Sends deliveries, each once."""

    def __init__(self, database: Database, receivers: Receivers, seals: Seals) -> None:
        self._database = database
        self._receivers = receivers
        self._seals = seals

    async def send(self, webhook: Webhook, delivery: Delivery) -> Report:
        """Attempts it, and says how that went."""
        now = self._database.clock()
        body = delivery.body.encode()
        try:
            secrets, headers = self._seals.secrets(webhook, now), self._seals.headers(webhook)
        except Unsealable:
            return Report(delivery, Outcome(None, 0.0, "the secret cannot be read: API_SECRET_KEY has changed"), now)
        ours = signed(
            body, delivery=f"delivery_{delivery.id}", event=delivery.event, seconds=now // SECOND, signing=secrets
        )
        headers |= {**ours, "Content-Type": "application/json"}
        if delivery.traceparent:
            headers["traceparent"] = delivery.traceparent
        return Report(delivery, await self._receivers.send(webhook.url, body, headers), now)
