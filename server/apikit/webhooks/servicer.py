"""Webhooks as the documented APIs serve them: the same calls and fields, in the envelope that each has."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from google.protobuf.message import Message

from server import values
from server.apikit.webhooks.fields import delivery_as, plain_id, webhook_as
from server.core.shared.call_context import Call
from server.core.webhooks.deliveries import Deliveries, Sent
from server.core.webhooks.registry import OVERLAP_SECONDS, Webhooks
from server.core.webhooks.signatures import signing_secret
from server.model import DeliveryOrder, Webhook


class DocumentedWebhooks(ABC):
    """Decodes, calls the use case, encodes; what an API has around its answers a class of its own says."""

    # The API, and its messages: a webhook, a delivery, an attempt.
    api: ClassVar[str]
    messages: ClassVar[tuple[type[Message], type[Message], type[Message]]]
    # What says in a request, and in a webhook, whether it is told of events.
    switch: ClassVar[str] = "enabled"

    def __init__(self, webhooks: Webhooks, deliveries: Deliveries) -> None:
        self._webhooks = webhooks
        self._deliveries = deliveries

    @staticmethod
    def spell(prefix: str, digits: str) -> str:
        """An id as the API prints it."""
        return plain_id(prefix, digits)

    @abstractmethod
    def span(self, request: Any) -> tuple[int, int]:
        """How many rows a request for a list wants, and how many to skip."""

    @abstractmethod
    def webhook(self, call: Call, webhook: Any) -> Message:
        """The answer that is one webhook."""

    @abstractmethod
    def delivery(self, call: Call, delivery: Any) -> Message:
        """The answer that is one delivery."""

    @abstractmethod
    def webhooks(self, call: Call, request: Any, webhooks: Any, total: int) -> Message:
        """The answer that is a page of webhooks."""

    @abstractmethod
    def deliveries(self, call: Call, request: Any, deliveries: Any, total: int) -> Message:
        """The answer that is a page of deliveries."""

    @abstractmethod
    def deleted(self, call: Call, identifier: str) -> Message:
        """The answer that a webhook is deleted."""

    @abstractmethod
    def recovered(self, call: Call, identifier: str, count: int) -> Message:
        """The answer that so many deliveries of a webhook are sent again."""

    async def CreateWebhook(self, request: Any, call: Call) -> Message:
        webhook = await self._webhooks.create(
            call,
            api=self.api,
            url=request.url,
            events=list(request.events),
            description=request.description,
            headers=_headers(request),
            secret=request.secret,
            ordering=request.order or DeliveryOrder.SUBJECT.value,
            enabled=getattr(request, self.switch) if request.HasField(self.switch) else True,
        )
        return self._with_secret(call, webhook)

    async def GetWebhook(self, request: Any, call: Call) -> Message:
        return self._one(call, await self._webhooks.get(call, request.webhook_id))

    async def ListWebhooks(self, request: Any, call: Call) -> Message:
        limit, offset = self.span(request)
        page = await self._webhooks.slice(call, limit=limit, offset=offset)
        return self.webhooks(call, request, [self._shown(call, webhook) for webhook in page.rows], page.total)

    async def UpdateWebhook(self, request: Any, call: Call) -> Message:
        given = {
            name: getattr(request, name) if request.HasField(name) else None
            for name in ("url", "description", self.switch)
        }
        webhook = await self._webhooks.update(
            call,
            request.webhook_id,
            url=given["url"],
            events=list(request.events) or None,
            description=given["description"],
            headers=_headers(request),
            ordering=request.order or None,
            enabled=given[self.switch],
        )
        return self._one(call, webhook)

    async def DeleteWebhook(self, request: Any, call: Call) -> Message:
        webhook = await self._webhooks.delete(call, request.webhook_id)
        return self.deleted(call, self.spell("webhook", webhook.id))

    async def EnableWebhook(self, request: Any, call: Call) -> Message:
        return self._one(call, await self._webhooks.enable(call, request.webhook_id))

    async def DisableWebhook(self, request: Any, call: Call) -> Message:
        return self._one(call, await self._webhooks.disable(call, request.webhook_id))

    async def RotateWebhookSecret(self, request: Any, call: Call) -> Message:
        overlap = request.overlap_seconds if request.HasField("overlap_seconds") else OVERLAP_SECONDS
        webhook = await self._webhooks.rotate_secret(
            call, request.webhook_id, secret=request.secret, overlap_seconds=overlap
        )
        return self._with_secret(call, webhook)

    async def TestWebhook(self, request: Any, call: Call) -> Message:
        return self._sent(call, await self._deliveries.test(call, request.webhook_id))

    async def RecoverWebhook(self, request: Any, call: Call) -> Message:
        recovered = await self._deliveries.recover(call, request.webhook_id, request.since.ToMicroseconds())
        webhook = await self._webhooks.get(call, request.webhook_id)
        return self.recovered(call, self.spell("webhook", webhook.id), recovered)

    async def RewindWebhook(self, request: Any, call: Call) -> Message:
        return self._one(call, await self._deliveries.rewind(call, request.webhook_id, int(request.event)))

    async def ListWebhookDeliveries(self, request: Any, call: Call) -> Message:
        limit, offset = self.span(request)
        page = await self._deliveries.slice(
            call, request.webhook_id, limit=limit, offset=offset, state=request.status or None
        )
        return self.deliveries(call, request, [self._told(sent) for sent in page.rows], page.total)

    async def GetWebhookDelivery(self, request: Any, call: Call) -> Message:
        return self._sent(call, await self._deliveries.get(call, request.webhook_id, request.delivery_id))

    async def RedeliverWebhookDelivery(self, request: Any, call: Call) -> Message:
        return self._sent(call, await self._deliveries.redeliver(call, request.webhook_id, request.delivery_id))

    def _shown(self, call: Call, webhook: Webhook, **secrets: str) -> Message:
        headers = self._webhooks.headers_of(call, webhook)
        return webhook_as(self.messages[0], webhook, headers, spell=self.spell, switch=self.switch, **secrets)

    def _one(self, call: Call, webhook: Webhook, **secrets: str) -> Message:
        call.etag = webhook.version
        return self.webhook(call, self._shown(call, webhook, **secrets))

    def _with_secret(self, call: Call, webhook: Webhook) -> Message:
        secret = self._webhooks.secret_of(webhook)
        return self._one(call, webhook, secret=secret, signing=signing_secret(secret))

    def _told(self, sent: Sent) -> Message:
        _, delivery, attempt = self.messages
        return delivery_as(delivery, attempt, sent.delivery, sent.attempts, spell=self.spell)

    def _sent(self, call: Call, sent: Sent) -> Message:
        return self.delivery(call, self._told(sent))


def _headers(request: Any) -> dict[str, Any] | None:
    return values.decode(values.of_struct(request.headers)) if request.HasField("headers") else None
