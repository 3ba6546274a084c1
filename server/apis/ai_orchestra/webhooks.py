"""AI Orchestra: webhooks, in its envelope."""

from __future__ import annotations

from typing import Any

from orchestrator.wire.ai_orchestra.v2 import webhook_service_pb2 as pb
from orchestrator.wire.ai_orchestra.v2.webhook_pb2 import Webhook, WebhookAttempt, WebhookDelivery

from server.apikit.webhooks.servicer import DocumentedWebhooks
from server.apis.ai_orchestra.envelope import answer
from server.core.shared.call_context import Call

LIMIT = 10


class WebhookServicer(DocumentedWebhooks):
    """Webhooks as this API answers with them."""

    api = "ai_orchestra"
    messages = (Webhook, WebhookDelivery, WebhookAttempt)

    def span(self, request: Any) -> tuple[int, int]:
        return request.limit or LIMIT, request.offset

    def webhook(self, call: Call, webhook: Any) -> pb.WebhookResponse:
        return answer(pb.WebhookResponse, call, webhook)

    def delivery(self, call: Call, delivery: Any) -> pb.WebhookDeliveryResponse:
        return answer(pb.WebhookDeliveryResponse, call, delivery)

    def webhooks(self, call: Call, request: Any, webhooks: Any, total: int) -> pb.ListWebhooksResponse:
        limit, offset = self.span(request)
        data = pb.WebhookPage(webhooks=webhooks, total=total, limit=limit, offset=offset)
        return answer(pb.ListWebhooksResponse, call, data)

    def deliveries(self, call: Call, request: Any, deliveries: Any, total: int) -> pb.ListWebhookDeliveriesResponse:
        limit, offset = self.span(request)
        data = pb.WebhookDeliveryPage(deliveries=deliveries, total=total, limit=limit, offset=offset)
        return answer(pb.ListWebhookDeliveriesResponse, call, data)

    def deleted(self, call: Call, identifier: str) -> pb.DeleteWebhookResponse:
        return answer(pb.DeleteWebhookResponse, call, pb.DeletedWebhook(id=identifier, deleted=True))

    def recovered(self, call: Call, identifier: str, count: int) -> pb.RecoverWebhookResponse:
        return answer(pb.RecoverWebhookResponse, call, pb.RecoveredWebhook(id=identifier, recovered=count))
