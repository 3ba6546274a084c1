"""The AI Orchestra API's words for events, and what its webhooks are shown of what they are about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from server.apikit.event_wording import EventWording, by_kind
from server.apikit.projection import shown_message
from server.apis.ai_orchestra.chat.shape import answer_message, session_message
from server.apis.ai_orchestra.webhooks import delivery_message, webhook_message
from server.model import Answer, Conversation, Delivery, Record, Webhook

Shown = dict[str, Any]
# The names that the document gives, by what there is to be told: an answered message, and the end of a conversation,
# which this API calls a session. Webhooks may ask for these names whether or not they ever happen.
DOCUMENTED: Mapping[str, str] = {
    "chat.completed": "chat.completed",
    "conversation.ended": "session.ended",
    "conversation.deleted": "session.ended",
}


def _webhook_shown(webhook: Webhook) -> Shown:
    shown = shown_message(webhook_message(webhook))
    # Whoever reads events need not know with which credentials others are called.
    del shown["headers"]
    return shown


def _delivery_shown(delivery: Delivery) -> Shown:
    shown = shown_message(delivery_message(delivery))
    del shown["attempts"]
    return shown


SHAPES: Mapping[type[Record], Callable[[Any], Shown]] = {
    Answer: lambda answer: {"message": answer.message or "", **shown_message(answer_message(answer))},
    Conversation: lambda conversation: shown_message(session_message(conversation)),
    Delivery: _delivery_shown,
    Webhook: _webhook_shown,
}
WORDING = EventWording(api="ai_orchestra", by_type={**by_kind({"webhook": "webhook"}), **DOCUMENTED}, shapes=SHAPES)
