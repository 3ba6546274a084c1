"""Agent Orchestration: webhooks."""

from __future__ import annotations

from typing import Any

from orchestrator.wire.agent_orchestration.v1 import webhook_service_pb2 as pb
from orchestrator.wire.agent_orchestration.v1.webhook_pb2 import Webhook as WebhookMessage
from orchestrator.wire.agent_orchestration.v1.webhook_pb2 import WebhookDelivery

from server import values
from server.apis.agent_orchestration.shape import LIMIT, delivery_message, webhook_message
from server.core.shared.call_context import Call
from server.core.webhooks.deliveries import Deliveries, Sent
from server.core.webhooks.registry import OVERLAP_SECONDS, Webhooks
from server.core.webhooks.signatures import signing_secret
from server.model import DeliveryOrder, Webhook

API = "agent_orchestration"


class WebhookServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(self, webhooks: Webhooks, deliveries: Deliveries) -> None:
        self._webhooks = webhooks
        self._deliveries = deliveries

    async def CreateWebhook(self, request: pb.CreateWebhookRequest, call: Call) -> WebhookMessage:
        webhook = await self._webhooks.create(
            call,
            api=API,
            url=request.url,
            events=list(request.events),
            description=request.description,
            headers=_headers(request),
            secret=request.secret,
            ordering=request.order or DeliveryOrder.SUBJECT.value,
            enabled=request.enabled if request.HasField("enabled") else True,
        )
        return self._with_secret(webhook, call)

    async def GetWebhook(self, request: pb.GetWebhookRequest, call: Call) -> WebhookMessage:
        return _answer(await self._webhooks.get(call, request.webhook_id), call)

    async def ListWebhooks(self, request: pb.ListWebhooksRequest, call: Call) -> pb.ListWebhooksResponse:
        limit = request.limit or LIMIT
        page = await self._webhooks.slice(call, limit=limit, offset=request.offset)
        return pb.ListWebhooksResponse(
            webhooks=[webhook_message(webhook) for webhook in page.rows],
            total=page.total,
            limit=limit,
            offset=request.offset,
        )

    async def UpdateWebhook(self, request: pb.UpdateWebhookRequest, call: Call) -> WebhookMessage:
        given = {
            name: getattr(request, name) if request.HasField(name) else None
            for name in ("url", "description", "enabled")
        }
        webhook = await self._webhooks.update(
            call,
            request.webhook_id,
            events=list(request.events) or None,
            headers=_headers(request),
            ordering=request.order or None,
            **given,
        )
        return _answer(webhook, call)

    async def DeleteWebhook(self, request: pb.DeleteWebhookRequest, call: Call) -> pb.DeleteWebhookResponse:
        webhook = await self._webhooks.delete(call, request.webhook_id)
        return pb.DeleteWebhookResponse(id=f"webhook_{webhook.id}", deleted=True)

    async def EnableWebhook(self, request: pb.EnableWebhookRequest, call: Call) -> WebhookMessage:
        return _answer(await self._webhooks.enable(call, request.webhook_id), call)

    async def DisableWebhook(self, request: pb.DisableWebhookRequest, call: Call) -> WebhookMessage:
        return _answer(await self._webhooks.disable(call, request.webhook_id), call)

    async def RotateWebhookSecret(self, request: pb.RotateWebhookSecretRequest, call: Call) -> WebhookMessage:
        overlap = request.overlap_seconds if request.HasField("overlap_seconds") else OVERLAP_SECONDS
        webhook = await self._webhooks.rotate_secret(
            call, request.webhook_id, secret=request.secret, overlap_seconds=overlap
        )
        return self._with_secret(webhook, call)

    async def TestWebhook(self, request: pb.TestWebhookRequest, call: Call) -> WebhookDelivery:
        return _delivery(await self._deliveries.test(call, request.webhook_id))

    async def RecoverWebhook(self, request: pb.RecoverWebhookRequest, call: Call) -> pb.RecoverWebhookResponse:
        recovered = await self._deliveries.recover(call, request.webhook_id, request.since.ToMicroseconds())
        webhook = await self._webhooks.get(call, request.webhook_id)
        return pb.RecoverWebhookResponse(id=f"webhook_{webhook.id}", recovered=recovered)

    async def RewindWebhook(self, request: pb.RewindWebhookRequest, call: Call) -> WebhookMessage:
        return _answer(await self._deliveries.rewind(call, request.webhook_id, int(request.event)), call)

    async def ListWebhookDeliveries(
        self, request: pb.ListWebhookDeliveriesRequest, call: Call
    ) -> pb.ListWebhookDeliveriesResponse:
        limit = request.limit or LIMIT
        page = await self._deliveries.slice(
            call, request.webhook_id, limit=limit, offset=request.offset, state=request.status or None
        )
        return pb.ListWebhookDeliveriesResponse(
            deliveries=[_delivery(sent) for sent in page.rows], total=page.total, limit=limit, offset=request.offset
        )

    async def GetWebhookDelivery(self, request: pb.GetWebhookDeliveryRequest, call: Call) -> WebhookDelivery:
        return _delivery(await self._deliveries.get(call, request.webhook_id, request.delivery_id))

    async def RedeliverWebhookDelivery(
        self, request: pb.RedeliverWebhookDeliveryRequest, call: Call
    ) -> WebhookDelivery:
        return _delivery(await self._deliveries.redeliver(call, request.webhook_id, request.delivery_id))

    def _with_secret(self, webhook: Webhook, call: Call) -> WebhookMessage:
        message, secret = _answer(webhook, call), self._webhooks.secret_of(webhook)
        message.secret, message.signing_secret = secret, signing_secret(secret)
        return message


def _headers(request: pb.CreateWebhookRequest | pb.UpdateWebhookRequest) -> dict[str, Any] | None:
    return values.decode(values.of_struct(request.headers)) if request.HasField("headers") else None


def _delivery(sent: Sent) -> WebhookDelivery:
    return delivery_message(sent.delivery, sent.attempts)


def _answer(webhook: Webhook, call: Call) -> WebhookMessage:
    call.etag = webhook.version
    return webhook_message(webhook)
