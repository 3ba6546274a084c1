"""CoordinAItor: webhooks, in its envelope and with its words."""

from __future__ import annotations

from typing import Any

from orchestrator.wire.coordinaitor.v1 import webhook_service_pb2 as pb
from orchestrator.wire.coordinaitor.v1.webhook_pb2 import Webhook, WebhookAttempt, WebhookDelivery

from server.apikit.webhooks.servicer import DocumentedWebhooks
from server.apis.coordinaitor.envelope import answer, listed, page_of
from server.apis.coordinaitor.shape import shown_id
from server.core.shared.call_context import Call


class WebhookServicer(DocumentedWebhooks):
    """Webhooks as this API answers with them."""

    api = "coordinaitor"
    messages = (Webhook, WebhookDelivery, WebhookAttempt)
    switch = "active"
    spell = staticmethod(shown_id)

    def span(self, request: Any) -> tuple[int, int]:
        _, limit, offset = page_of(request)
        return limit, offset

    def webhook(self, call: Call, webhook: Any) -> pb.WebhookResponse:
        return answer(pb.WebhookResponse, call, webhook, "webhook")

    def delivery(self, call: Call, delivery: Any) -> pb.WebhookDeliveryResponse:
        return answer(pb.WebhookDeliveryResponse, call, delivery, "delivery")

    def webhooks(self, call: Call, request: Any, webhooks: Any, total: int) -> pb.ListWebhooksResponse:
        return listed(pb.ListWebhooksResponse, call, request, webhooks, total, "webhooks")

    def deliveries(self, call: Call, request: Any, deliveries: Any, total: int) -> pb.ListWebhookDeliveriesResponse:
        return listed(pb.ListWebhookDeliveriesResponse, call, request, deliveries, total, "deliveries")

    def deleted(self, call: Call, identifier: str) -> pb.DeleteWebhookResponse:
        return answer(pb.DeleteWebhookResponse, call, pb.DeletedWebhook(id=identifier, deleted=True))

    def recovered(self, call: Call, identifier: str, count: int) -> pb.RecoverWebhookResponse:
        return answer(pb.RecoverWebhookResponse, call, pb.RecoveredWebhook(id=identifier, recovered=count))
