"""AI Orchestra: webhooks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orchestrator.wire.ai_orchestra.v2 import webhook_service_pb2 as pb
from orchestrator.wire.ai_orchestra.v2.webhook_pb2 import Webhook as WebhookMessage
from orchestrator.wire.ai_orchestra.v2.webhook_pb2 import WebhookAttempt, WebhookDelivery

from server import values
from server.apikit.webhook_fields import delivery_as, webhook_as
from server.apis.ai_orchestra.envelope import answer
from server.core.shared.call_context import Call
from server.core.webhooks.deliveries import Deliveries, Sent
from server.core.webhooks.registry import OVERLAP_SECONDS, Webhooks
from server.core.webhooks.signatures import signing_secret
from server.model import Delivery, DeliveryAttempt, DeliveryOrder, Webhook

API = "ai_orchestra"
LIMIT = 10


class WebhookServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(self, webhooks: Webhooks, deliveries: Deliveries) -> None:
        self._webhooks = webhooks
        self._deliveries = deliveries

    async def CreateWebhook(self, request: pb.CreateWebhookRequest, call: Call) -> pb.WebhookResponse:
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

    async def GetWebhook(self, request: pb.GetWebhookRequest, call: Call) -> pb.WebhookResponse:
        return _answer(await self._webhooks.get(call, request.webhook_id), call)

    async def ListWebhooks(self, request: pb.ListWebhooksRequest, call: Call) -> pb.ListWebhooksResponse:
        limit = request.limit or LIMIT
        page = await self._webhooks.slice(call, limit=limit, offset=request.offset)
        shown = [webhook_message(webhook) for webhook in page.rows]
        data = pb.WebhookPage(webhooks=shown, total=page.total, limit=limit, offset=request.offset)
        return answer(pb.ListWebhooksResponse, call, data)

    async def UpdateWebhook(self, request: pb.UpdateWebhookRequest, call: Call) -> pb.WebhookResponse:
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
        return answer(pb.DeleteWebhookResponse, call, pb.DeletedWebhook(id=_id(webhook.id), deleted=True))

    async def EnableWebhook(self, request: pb.EnableWebhookRequest, call: Call) -> pb.WebhookResponse:
        return _answer(await self._webhooks.enable(call, request.webhook_id), call)

    async def DisableWebhook(self, request: pb.DisableWebhookRequest, call: Call) -> pb.WebhookResponse:
        return _answer(await self._webhooks.disable(call, request.webhook_id), call)

    async def RotateWebhookSecret(self, request: pb.RotateWebhookSecretRequest, call: Call) -> pb.WebhookResponse:
        overlap = request.overlap_seconds if request.HasField("overlap_seconds") else OVERLAP_SECONDS
        webhook = await self._webhooks.rotate_secret(
            call, request.webhook_id, secret=request.secret, overlap_seconds=overlap
        )
        return self._with_secret(webhook, call)

    async def TestWebhook(self, request: pb.TestWebhookRequest, call: Call) -> pb.WebhookDeliveryResponse:
        return _sent(await self._deliveries.test(call, request.webhook_id), call)

    async def RecoverWebhook(self, request: pb.RecoverWebhookRequest, call: Call) -> pb.RecoverWebhookResponse:
        recovered = await self._deliveries.recover(call, request.webhook_id, request.since.ToMicroseconds())
        webhook = await self._webhooks.get(call, request.webhook_id)
        return answer(pb.RecoverWebhookResponse, call, pb.RecoveredWebhook(id=_id(webhook.id), recovered=recovered))

    async def RewindWebhook(self, request: pb.RewindWebhookRequest, call: Call) -> pb.WebhookResponse:
        return _answer(await self._deliveries.rewind(call, request.webhook_id, int(request.event)), call)

    async def ListWebhookDeliveries(
        self, request: pb.ListWebhookDeliveriesRequest, call: Call
    ) -> pb.ListWebhookDeliveriesResponse:
        limit = request.limit or LIMIT
        page = await self._deliveries.slice(
            call, request.webhook_id, limit=limit, offset=request.offset, state=request.status or None
        )
        shown = [delivery_message(sent.delivery, sent.attempts) for sent in page.rows]
        data = pb.WebhookDeliveryPage(deliveries=shown, total=page.total, limit=limit, offset=request.offset)
        return answer(pb.ListWebhookDeliveriesResponse, call, data)

    async def GetWebhookDelivery(self, request: pb.GetWebhookDeliveryRequest, call: Call) -> pb.WebhookDeliveryResponse:
        return _sent(await self._deliveries.get(call, request.webhook_id, request.delivery_id), call)

    async def RedeliverWebhookDelivery(
        self, request: pb.RedeliverWebhookDeliveryRequest, call: Call
    ) -> pb.WebhookDeliveryResponse:
        return _sent(await self._deliveries.redeliver(call, request.webhook_id, request.delivery_id), call)

    def _with_secret(self, webhook: Webhook, call: Call) -> pb.WebhookResponse:
        secret = self._webhooks.secret_of(webhook)
        return _answer(webhook, call, secret=secret, signing=signing_secret(secret))


def webhook_message(webhook: Webhook, **secrets: str) -> WebhookMessage:
    """A webhook; with its `secret`, and the one that signs (`signing`), where those are given."""
    return webhook_as(WebhookMessage, webhook, **secrets)


def delivery_message(delivery: Delivery, attempts: Sequence[DeliveryAttempt] = ()) -> WebhookDelivery:
    """A delivery; without its body where the row was read for a list or kept by an event."""
    return delivery_as(WebhookDelivery, WebhookAttempt, delivery, attempts)


def _headers(request: pb.CreateWebhookRequest | pb.UpdateWebhookRequest) -> dict[str, Any] | None:
    return values.decode(values.of_struct(request.headers)) if request.HasField("headers") else None


def _sent(sent: Sent, call: Call) -> pb.WebhookDeliveryResponse:
    return answer(pb.WebhookDeliveryResponse, call, delivery_message(sent.delivery, sent.attempts))


def _answer(webhook: Webhook, call: Call, **secrets: str) -> pb.WebhookResponse:
    call.etag = webhook.version
    return answer(pb.WebhookResponse, call, webhook_message(webhook, **secrets))


def _id(digits: str) -> str:
    return f"webhook_{digits}"
