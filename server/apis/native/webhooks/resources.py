"""The native API's webhooks and their deliveries."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf.duration_pb2 import Duration
from orchestrator.wire.v1.webhook_pb2 import Webhook as WebhookMessage
from orchestrator.wire.v1.webhook_pb2 import WebhookDelivery, WebhookSecret

from server.apikit.projection import timestamp
from server.core.webhooks.deliveries import Sent
from server.core.webhooks.signatures import signing_secret
from server.model import Delivery, DeliveryAttempt, Webhook

# Numbers of enums, by their words.
ORDERS: Mapping[str, Any] = {
    name.removeprefix("ORDER_").lower(): number for name, number in WebhookMessage.Order.items()
}
ORDER_WORDS = {number: word for word, number in ORDERS.items()}
_REASONS: Mapping[str, Any] = {
    name.removeprefix("DISABLED_REASON_").lower(): number for name, number in WebhookMessage.DisabledReason.items()
}
_STATES: Mapping[str, Any] = {
    name.removeprefix("STATE_").lower(): number for name, number in WebhookDelivery.State.items()
}
STATE_WORDS = {number: word for word, number in _STATES.items()}


def webhook_message(webhook: Webhook, headers: Mapping[str, str] | None = None) -> WebhookMessage:
    """A webhook, without its secret; with the headers that it sends where those are given."""
    message = WebhookMessage(
        id=f"webhook_{webhook.id}",
        etag=str(webhook.version),
        url=webhook.url,
        events=json.loads(webhook.events),
        description=webhook.description,
        headers=headers or {},
        order=ORDERS[webhook.ordering],
        api=webhook.api,
        disabled_reason=_REASONS[webhook.disabled_reason or "unspecified"],
        position=webhook.cursor,
        create_time=timestamp(webhook.created_at),
        update_time=timestamp(webhook.updated_at),
    )
    for field, time in (
        (message.disable_time, webhook.disabled_at),
        (message.failing_since_time, webhook.failing_since),
        (message.previous_secret_expire_time, webhook.previous_secret_until),
    ):
        if time is not None:
            field.CopyFrom(timestamp(time))
    return message


def secret_message(secret: str) -> WebhookSecret:
    """A secret, as both kinds of receivers take it."""
    return WebhookSecret(words=secret, signing_secret=signing_secret(secret))


def delivery_message(delivery: Delivery, attempts: Sequence[DeliveryAttempt] = ()) -> WebhookDelivery:
    """A delivery; without its body where the row was read for a list or kept by an event."""
    message = WebhookDelivery(
        id=f"delivery_{delivery.id}",
        webhook_id=f"webhook_{delivery.webhook_id}",
        event=delivery.event,
        event_number=delivery.event_number,
        state=_STATES[delivery.state],
        attempt_count=delivery.attempts,
        create_time=timestamp(delivery.created_at),
        attempts=[_attempt_message(attempt) for attempt in attempts],
        body=delivery.body or "",
    )
    if delivery.next_attempt_at is not None:
        message.next_attempt_time.CopyFrom(timestamp(delivery.next_attempt_at))
    if delivery.completed_at is not None:
        message.complete_time.CopyFrom(timestamp(delivery.completed_at))
    return message


def sent_message(sent: Sent) -> WebhookDelivery:
    """A delivery with its attempts."""
    return delivery_message(sent.delivery, sent.attempts)


def _attempt_message(attempt: DeliveryAttempt) -> WebhookDelivery.Attempt:
    latency = Duration()
    latency.FromMicroseconds(round(attempt.latency_ms * 1000))
    return WebhookDelivery.Attempt(
        number=attempt.number,
        status=attempt.status,
        error=attempt.error,
        answer=attempt.answer,
        latency=latency,
        start_time=timestamp(attempt.attempted_at),
    )
