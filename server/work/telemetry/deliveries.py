"""Deliveries of webhooks as spans."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

from server.core.webhooks.queue import Report
from server.core.webhooks.sending import Sending
from server.model import Delivery, Webhook
from server.spans import Spans


class TracedSending(Sending):
    """Sends as another one does, and tells of each attempt: to which machine, and how it ended."""

    def __init__(self, sending: Sending, spans: Spans) -> None:
        self._sending = sending
        self._spans = spans

    async def send(self, webhook: Webhook, delivery: Delivery) -> Report:
        """Attempts it, and says how that went; the receiver is told the attempt's trace context."""
        span = self._spans.begin(
            "POST webhook",
            "client",
            delivery.traceparent,
            {
                "http.request.method": "POST",
                "server.address": urlsplit(webhook.url).hostname or "",
                "orchestrator.organization.id": webhook.organization_id,
                "orchestrator.webhook.id": f"webhook_{webhook.id}",
                "orchestrator.webhook.event": delivery.event,
                "http.request.resend_count": max(0, delivery.attempts - 1),
            },
        )
        problem = "cancelled"
        try:
            report = await self._sending.send(
                webhook, Delivery.new(**{**delivery.values(), "traceparent": span.traceparent})
            )
            status = report.outcome.status
            if status is not None:
                span.note({"http.response.status_code": status})
            problem = "" if status is not None and 200 <= status < 300 else str(status or "unreached")
            # Whoever records it knows the delivery as it was.
            return replace(report, delivery=delivery)
        finally:
            span.end(problem)
