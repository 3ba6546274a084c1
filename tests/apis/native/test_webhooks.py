"""Webhooks over native gRPC, with the whole server behind it."""

from __future__ import annotations

import asyncio
import grpc
import pytest
from orchestrator.v1 import session_service_pb2, session_service_pb2_grpc, webhook_service_pb2_grpc
from orchestrator.v1 import webhook_service_pb2 as pb
from orchestrator.v1.webhook_pb2 import Webhook, WebhookDelivery

from server.app import Application
from tests.support.receiver import Receiver
from tests.support.tenants import Tenant


@pytest.fixture
def settings(settings):
    return settings.model_copy(update={"webhook_allow_private": True})


@pytest.fixture
async def channel(application: Application):
    async with grpc.aio.insecure_channel(f"127.0.0.1:{application.port}") as opened:
        yield opened


class Api:
    def __init__(self, channel, tenant: Tenant) -> None:
        self.webhooks = webhook_service_pb2_grpc.WebhookServiceStub(channel)
        self.sessions = session_service_pb2_grpc.SessionServiceStub(channel)
        self.metadata = tenant.metadata

    async def call(self, name: str, request):
        return await getattr(self.webhooks, name)(request, metadata=self.metadata)

    async def session(self, name: str = "s") -> str:
        request = session_service_pb2.CreateSessionRequest(name=name)
        return (await self.sessions.CreateSession(request, metadata=self.metadata)).id


@pytest.fixture
def api(channel, tenant: Tenant) -> Api:
    return Api(channel, tenant)


async def test_an_event_is_delivered_signed_and_the_attempt_is_kept(api: Api) -> None:
    async with Receiver() as receiver:
        given = Webhook(url=receiver.url, events=["session.*"], headers={"X-Mine": "yes"})
        made = await api.call("CreateWebhook", pb.CreateWebhookRequest(webhook=given, secret="plain words"))
        session = await api.session()
        (received,) = await receiver.until(1)
        assert made.secret.words == "plain words" and received.signed_by("plain words")
        assert received.event == "session.created" and received.json["data"]["id"] == session
        assert received.headers["x-mine"] == "yes" and received.headers["content-type"] == "application/json"
        async with asyncio.timeout(5):
            while True:
                request = pb.ListWebhookDeliveriesRequest(webhook_id=made.webhook.id)
                (delivery,) = (await api.call("ListWebhookDeliveries", request)).deliveries
                if delivery.state == WebhookDelivery.STATE_DELIVERED:
                    break
                await asyncio.sleep(0.01)
    assert delivery.id == received.id and [each.status for each in delivery.attempts] == [200]
    assert delivery.attempts[0].answer == "ok" and delivery.body == ""
