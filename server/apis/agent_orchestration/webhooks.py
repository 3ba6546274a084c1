"""Agent Orchestration: webhooks, which are bare."""

from __future__ import annotations

from typing import Any

from orchestrator.wire.agent_orchestration.v1 import webhook_service_pb2 as pb
from orchestrator.wire.agent_orchestration.v1.webhook_pb2 import Webhook, WebhookAttempt, WebhookDelivery

from server.apikit.webhooks.servicer import DocumentedWebhooks
from server.apis.agent_orchestration.shape import LIMIT
from server.core.shared.call_context import Call


class WebhookServicer(DocumentedWebhooks):
    """Webhooks as this API answers with them."""

    api = "agent_orchestration"
    messages = (Webhook, WebhookDelivery, WebhookAttempt)

    def span(self, request: Any) -> tuple[int, int]:
        return request.limit or LIMIT, request.offset

    def webhook(self, call: Call, webhook: Webhook) -> Webhook:
        return webhook

    def delivery(self, call: Call, delivery: WebhookDelivery) -> WebhookDelivery:
        return delivery

    def webhooks(self, call: Call, request: Any, webhooks: Any, total: int) -> pb.ListWebhooksResponse:
        limit, offset = self.span(request)
        return pb.ListWebhooksResponse(webhooks=webhooks, total=total, limit=limit, offset=offset)

    def deliveries(
        self,
        call: Call,
        request: Any,
        deliveries: Any,
        total: int,
    ) -> pb.ListWebhookDeliveriesResponse:
        limit, offset = self.span(request)
        return pb.ListWebhookDeliveriesResponse(deliveries=deliveries, total=total, limit=limit, offset=offset)

    def deleted(self, call: Call, identifier: str) -> pb.DeleteWebhookResponse:
        return pb.DeleteWebhookResponse(id=identifier, deleted=True)

    def recovered(self, call: Call, identifier: str, count: int) -> pb.RecoverWebhookResponse:
        return pb.RecoverWebhookResponse(id=identifier, recovered=count)
