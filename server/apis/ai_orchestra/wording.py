"""The AI Orchestra API's words for events, and what its webhooks are shown of what they are about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from orchestrator.wire.ai_orchestra.v2 import webhook_pb2

from server.apikit.event_wording import EventWording, by_kind
from server.apikit.projection import shown_message
from server.apikit.webhooks.fields import delivery_in_event, webhook_in_event
from server.apis.ai_orchestra.chat.shape import answer_message, session_message
from server.model import Answer, Conversation, Delivery, Record, Webhook

Shown = dict[str, Any]
# The names that the document gives, by what there is to be told: an answered message, and the end of a conversation,
# which this API calls a session. Webhooks may ask for these names whether or not they ever happen.
DOCUMENTED: Mapping[str, str] = {
    "chat.completed": "chat.completed",
    "conversation.ended": "session.ended",
    "conversation.deleted": "session.ended",
}


SHAPES: Mapping[type[Record], Callable[[Any], Shown]] = {
    Answer: lambda answer: {"message": answer.message or "", **shown_message(answer_message(answer))},
    Conversation: lambda conversation: shown_message(session_message(conversation)),
    Delivery: lambda delivery: delivery_in_event(webhook_pb2.WebhookDelivery, webhook_pb2.WebhookAttempt, delivery),
    Webhook: lambda webhook: webhook_in_event(webhook_pb2.Webhook, webhook),
}
WORDING = EventWording(api="ai_orchestra", by_type={**by_kind({"webhook": "webhook"}), **DOCUMENTED}, shapes=SHAPES)
