"""Fields of webhooks and their deliveries that APIs show alike, whatever they call a message."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, TypeVar

from google.protobuf.message import Message

from server.apikit.projection import project, shown_message
from server.model import Delivery, DeliveryAttempt, Webhook

M = TypeVar("M", bound=Message)


def webhook_as(message: type[M], webhook: Webhook, *, secret: str | None = None, signing: str | None = None) -> M:
    """A webhook; with its secrets where those are given."""
    return project(
        webhook,
        message,
        id=f"webhook_{webhook.id}",
        events=json.loads(webhook.events),
        headers=json.loads(webhook.headers),
        order=webhook.ordering,
        enabled=webhook.enabled,
        secret=secret,
        signing_secret=signing,
    )


def delivery_as(
    message: type[M], attempt: type[Message], delivery: Delivery, attempts: Sequence[DeliveryAttempt] = ()
) -> M:
    """A delivery; without its body where the row was read for a list or kept by an event."""
    return project(
        delivery,
        message,
        id=f"delivery_{delivery.id}",
        webhook_id=f"webhook_{delivery.webhook_id}",
        event_id=str(delivery.event_number or ""),
        status=delivery.state,
        attempt_count=delivery.attempts,
        attempts=[project(each, attempt, response=each.answer) for each in attempts],
        body=delivery.body or None,
    )


def webhook_in_event(message: Message) -> dict[str, Any]:
    """What events show of a webhook: whoever reads them need not know with which credentials others are called."""
    shown = shown_message(message)
    del shown["headers"]
    return shown


def delivery_in_event(message: Message) -> dict[str, Any]:
    """What events show of a delivery."""
    shown = shown_message(message)
    del shown["attempts"]
    return shown
