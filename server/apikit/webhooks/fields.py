"""Fields of webhooks and their deliveries that APIs show alike, whatever they call a message."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from google.protobuf.message import Message

from server.apikit.projection import project, shown_message
from server.model import Delivery, DeliveryAttempt, Webhook

M = TypeVar("M", bound=Message)
Spell = Callable[[str, str], str]


def plain_id(prefix: str, digits: str) -> str:
    """An id as most APIs print it, such as `webhook_0197…`."""
    return f"{prefix}_{digits}"


def webhook_as(
    message: type[M],
    webhook: Webhook,
    headers: Mapping[str, str] | None = None,
    *,
    spell: Spell = plain_id,
    switch: str = "enabled",
    secret: str | None = None,
    signing: str | None = None,
) -> M:
    """A webhook; with the headers that it sends, and with its secrets, where those are given."""
    return project(
        webhook,
        message,
        id=spell("webhook", webhook.id),
        events=json.loads(webhook.events),
        headers=headers or {},
        order=webhook.ordering,
        secret=secret,
        signing_secret=signing,
        **{switch: webhook.enabled},
    )


def delivery_as(
    message: type[M],
    attempt: type[Message],
    delivery: Delivery,
    attempts: Sequence[DeliveryAttempt] = (),
    *,
    spell: Spell = plain_id,
) -> M:
    """A delivery; without its body where the row was read for a list or kept by an event."""
    return project(
        delivery,
        message,
        id=spell("delivery", delivery.id),
        webhook_id=spell("webhook", delivery.webhook_id),
        event_id=str(delivery.event_number or ""),
        status=delivery.state,
        attempt_count=delivery.attempts,
        attempts=[project(each, attempt, response=each.answer) for each in attempts],
        body=delivery.body or None,
    )


def webhook_in_event(message: type[Message], webhook: Webhook) -> dict[str, Any]:
    """What events show of a webhook: whoever reads them need not know with which headers others are called."""
    shown = shown_message(webhook_as(message, webhook))
    del shown["headers"]
    return shown


def delivery_in_event(message: type[Message], attempt: type[Message], delivery: Delivery) -> dict[str, Any]:
    """What events show of a delivery."""
    shown = shown_message(delivery_as(message, attempt, delivery))
    del shown["attempts"]
    return shown
