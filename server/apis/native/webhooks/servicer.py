"""orchestrator.v1.WebhookService."""

from __future__ import annotations

from typing import Any

from orchestrator.wire.v1 import webhook_service_pb2 as pb
from orchestrator.wire.v1.webhook_pb2 import Webhook as WebhookMessage

from server.apis.native.requests import changed_fields, once, require_etag
from server.apis.native.webhooks.resources import (
    ORDER_WORDS,
    STATE_WORDS,
    secret_message,
    sent_message,
    webhook_message,
)
from server.core.shared.call_context import Call
from server.core.webhooks.deliveries import Deliveries
from server.core.webhooks.registry import OVERLAP_SECONDS, Webhooks
from server.model import DeliveryOrder, Webhook

API = "native"
PAGE_SIZE, LARGEST_PAGE = 20, 100
CHANGEABLE = ("url", "events", "description", "headers", "order")


class WebhookServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(self, webhooks: Webhooks, deliveries: Deliveries) -> None:
        self._webhooks = webhooks
        self._deliveries = deliveries

    async def CreateWebhook(self, request: pb.CreateWebhookRequest, call: Call) -> pb.CreateWebhookResponse:
        once(request, call)
        given = request.webhook
        webhook = await self._webhooks.create(
            call,
            api=API,
            url=given.url,
            events=list(given.events),
            description=given.description,
            headers=dict(given.headers),
            secret=request.secret,
            ordering=_order(given) or DeliveryOrder.SUBJECT.value,
            enabled=not request.disabled,
        )
        secret = secret_message(self._webhooks.secret_of(webhook))
        return pb.CreateWebhookResponse(webhook=self._shown(webhook, call), secret=secret)

    async def GetWebhook(self, request: pb.GetWebhookRequest, call: Call) -> pb.GetWebhookResponse:
        return pb.GetWebhookResponse(webhook=self._shown(await self._webhooks.get(call, request.id), call))

    async def ListWebhooks(self, request: pb.ListWebhooksRequest, call: Call) -> pb.ListWebhooksResponse:
        page = await self._webhooks.page(call, size=_size(request), token=request.page_token)
        return pb.ListWebhooksResponse(
            webhooks=[self._message(webhook, call) for webhook in page.rows], next_page_token=page.next_token
        )

    async def UpdateWebhook(self, request: pb.UpdateWebhookRequest, call: Call) -> pb.UpdateWebhookResponse:
        once(request, call)
        require_etag(call, request.webhook.etag, "webhook.etag")
        given = request.webhook
        webhook = await self._webhooks.update(call, given.id, **_changes(given, request.update_mask.paths))
        return pb.UpdateWebhookResponse(webhook=self._shown(webhook, call))

    async def DeleteWebhook(self, request: pb.DeleteWebhookRequest, call: Call) -> pb.DeleteWebhookResponse:
        once(request, call)
        require_etag(call, request.etag)
        await self._webhooks.delete(call, request.id)
        return pb.DeleteWebhookResponse()

    async def EnableWebhook(self, request: pb.EnableWebhookRequest, call: Call) -> pb.EnableWebhookResponse:
        once(request, call)
        require_etag(call, request.etag)
        return pb.EnableWebhookResponse(webhook=self._shown(await self._webhooks.enable(call, request.id), call))

    async def DisableWebhook(self, request: pb.DisableWebhookRequest, call: Call) -> pb.DisableWebhookResponse:
        once(request, call)
        require_etag(call, request.etag)
        return pb.DisableWebhookResponse(webhook=self._shown(await self._webhooks.disable(call, request.id), call))

    async def RotateWebhookSecret(
        self, request: pb.RotateWebhookSecretRequest, call: Call
    ) -> pb.RotateWebhookSecretResponse:
        once(request, call)
        require_etag(call, request.etag)
        overlap = request.overlap.ToTimedelta().total_seconds() if request.HasField("overlap") else OVERLAP_SECONDS
        webhook = await self._webhooks.rotate_secret(call, request.id, secret=request.secret, overlap_seconds=overlap)
        secret = secret_message(self._webhooks.secret_of(webhook))
        return pb.RotateWebhookSecretResponse(webhook=self._shown(webhook, call), secret=secret)

    async def TestWebhook(self, request: pb.TestWebhookRequest, call: Call) -> pb.TestWebhookResponse:
        once(request, call)
        return pb.TestWebhookResponse(delivery=sent_message(await self._deliveries.test(call, request.id)))

    async def GetWebhookDelivery(
        self, request: pb.GetWebhookDeliveryRequest, call: Call
    ) -> pb.GetWebhookDeliveryResponse:
        sent = await self._deliveries.get(call, request.webhook_id, request.delivery_id)
        return pb.GetWebhookDeliveryResponse(delivery=sent_message(sent))

    async def ListWebhookDeliveries(
        self, request: pb.ListWebhookDeliveriesRequest, call: Call
    ) -> pb.ListWebhookDeliveriesResponse:
        state = STATE_WORDS[request.state] if request.state else None
        page = await self._deliveries.page(
            call, request.webhook_id, size=_size(request), token=request.page_token, state=state
        )
        return pb.ListWebhookDeliveriesResponse(
            deliveries=[sent_message(sent) for sent in page.rows], next_page_token=page.next_token
        )

    async def RedeliverWebhookDelivery(
        self, request: pb.RedeliverWebhookDeliveryRequest, call: Call
    ) -> pb.RedeliverWebhookDeliveryResponse:
        once(request, call)
        sent = await self._deliveries.redeliver(call, request.webhook_id, request.delivery_id)
        return pb.RedeliverWebhookDeliveryResponse(delivery=sent_message(sent))

    async def RecoverWebhookDeliveries(
        self, request: pb.RecoverWebhookDeliveriesRequest, call: Call
    ) -> pb.RecoverWebhookDeliveriesResponse:
        once(request, call)
        recovered = await self._deliveries.recover(call, request.webhook_id, request.since.ToMicroseconds())
        return pb.RecoverWebhookDeliveriesResponse(recovered=recovered)

    async def RewindWebhook(self, request: pb.RewindWebhookRequest, call: Call) -> pb.RewindWebhookResponse:
        once(request, call)
        webhook = await self._deliveries.rewind(call, request.id, request.event_number)
        return pb.RewindWebhookResponse(webhook=self._shown(webhook, call))

    def _message(self, webhook: Webhook, call: Call) -> WebhookMessage:
        return webhook_message(webhook, self._webhooks.headers_of(call, webhook))

    def _shown(self, webhook: Webhook, call: Call) -> WebhookMessage:
        call.etag = webhook.version
        return self._message(webhook, call)


def _size(request: Any) -> int:
    return min(LARGEST_PAGE, request.page_size or PAGE_SIZE)


def _order(given: WebhookMessage) -> str | None:
    return ORDER_WORDS[given.order] if given.order else None


def _changes(given: WebhookMessage, paths: Any) -> dict[str, Any]:
    """What the mask names, or, where it names nothing, what is set."""
    named = changed_fields(given, paths, CHANGEABLE)
    read: dict[str, Any] = {
        "url": given.url,
        "events": list(given.events),
        "description": given.description,
        "headers": dict(given.headers),
        "order": _order(given) or DeliveryOrder.SUBJECT.value,
    }
    return {{"order": "ordering"}.get(name, name): read[name] for name in named}
