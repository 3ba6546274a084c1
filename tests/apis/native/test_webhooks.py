"""Webhooks over native gRPC, with the whole server behind it."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp
from orchestrator.v1 import (
    event_service_pb2,
    event_service_pb2_grpc,
    session_service_pb2,
    session_service_pb2_grpc,
    webhook_service_pb2_grpc,
)
from orchestrator.v1 import webhook_service_pb2 as pb
from orchestrator.v1.webhook_pb2 import Webhook, WebhookDelivery

from server.app import Application
from tests.support.receiver import Receiver
from tests.support.refusals import reason, refused
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


async def created(api: Api, **given) -> pb.CreateWebhookResponse:
    webhook = Webhook(**{"url": "https://example.com/", "events": ["*"], **given})
    return await api.call("CreateWebhook", pb.CreateWebhookRequest(webhook=webhook))


async def test_an_update_changes_what_the_mask_names_or_else_what_is_set(api: Api) -> None:
    made = (await created(api, description="old", headers={"X-A": "1"})).webhook
    given = Webhook(id=made.id, etag=made.etag, events=["task.*"])
    changed = (await api.call("UpdateWebhook", pb.UpdateWebhookRequest(webhook=given))).webhook
    assert (list(changed.events), changed.description, dict(changed.headers)) == (["task.*"], "old", {"X-A": "1"})
    mask = FieldMask(paths=["description", "headers"])
    cleared = (await api.call("UpdateWebhook", pb.UpdateWebhookRequest(webhook=Webhook(id=made.id), update_mask=mask))).webhook
    assert (cleared.description, dict(cleared.headers), cleared.etag) == ("", {}, "3")
    for wrong, why in (
        (pb.UpdateWebhookRequest(webhook=Webhook(id=made.id), update_mask=FieldMask(paths=["create_time"])), "update_mask"),
        (pb.UpdateWebhookRequest(webhook=Webhook(id=made.id, etag="x")), "etag"),
        (pb.UpdateWebhookRequest(webhook=Webhook(id=made.id), update_mask=FieldMask(paths=["url"])), "url"),
    ):
        error = await refused(api.call("UpdateWebhook", wrong))
        assert error.code() == grpc.StatusCode.INVALID_ARGUMENT and why in error.details()
    stale = await refused(api.call("UpdateWebhook", pb.UpdateWebhookRequest(webhook=given)))
    assert (stale.code(), reason(stale).reason) == (grpc.StatusCode.ABORTED, "VERSION_MISMATCH")


async def test_a_request_with_an_id_is_done_once_and_shows_the_secret_again(api: Api) -> None:
    webhook = Webhook(url="https://example.com/", events=["*"])
    request = pb.CreateWebhookRequest(webhook=webhook, request_id="once")
    first, again = await api.call("CreateWebhook", request), await api.call("CreateWebhook", request)
    assert first == again and first.secret.words
    other = pb.CreateWebhookRequest(webhook=webhook, request_id="once", disabled=True)
    assert reason(await refused(api.call("CreateWebhook", other))).reason == "IDEMPOTENCY_KEY_REUSED"
    rotation = pb.RotateWebhookSecretRequest(id=first.webhook.id, request_id="rotate")
    rotated, same = await api.call("RotateWebhookSecret", rotation), await api.call("RotateWebhookSecret", rotation)
    assert rotated == same and rotated.secret.words != first.secret.words
    assert rotated.webhook.HasField("previous_secret_expire_time")


async def test_lists_cut_large_pages_down_and_go_on_by_token(api: Api) -> None:
    made = [(await created(api)).webhook.id for _ in range(3)]
    page = await api.call("ListWebhooks", pb.ListWebhooksRequest(page_size=2))
    rest = await api.call("ListWebhooks", pb.ListWebhooksRequest(page_size=1_000_000, page_token=page.next_page_token))
    assert [each.id for each in [*page.webhooks, *rest.webhooks]] == made[::-1] and not rest.next_page_token


async def test_a_webhook_is_switched_tested_rewound_recovered_and_deleted(api: Api) -> None:
    async with Receiver() as receiver:
        made = (await created(api, url=receiver.url, events=["session.*"])).webhook
        sent = (await api.call("TestWebhook", pb.TestWebhookRequest(id=made.id))).delivery
        await receiver.until(1)
        assert (sent.state, sent.event, receiver.received[0].id) == (WebhookDelivery.STATE_PENDING, "webhook.test", sent.id)
        disabled = (await api.call("DisableWebhook", pb.DisableWebhookRequest(id=made.id, etag=made.etag))).webhook
        assert disabled.disabled_reason == Webhook.DISABLED_REASON_REQUESTED and disabled.HasField("disable_time")
        recovery = pb.RecoverWebhookDeliveriesRequest(webhook_id=made.id, since=Timestamp(seconds=1))
        assert (await refused(api.call("RecoverWebhookDeliveries", recovery))).code() == grpc.StatusCode.FAILED_PRECONDITION
        await api.session("missed")
        await api.call("EnableWebhook", pb.EnableWebhookRequest(id=made.id))
        assert (await api.call("RecoverWebhookDeliveries", recovery)).recovered == 0
        rewound = await api.call("RewindWebhook", pb.RewindWebhookRequest(id=made.id, event_number=1))
        assert rewound.webhook.position == 0
        assert (await receiver.until(2))[1].json["data"]["name"] == "missed"
        again = pb.RedeliverWebhookDeliveryRequest(webhook_id=made.id, delivery_id=sent.id)
        await api.call("RedeliverWebhookDelivery", again)
        assert (await receiver.until(3))[2].id == sent.id
        whole = pb.GetWebhookDeliveryRequest(webhook_id=made.id, delivery_id=sent.id)
        assert (await api.call("GetWebhookDelivery", whole)).delivery.body.encode() == receiver.received[2].body
    await api.call("DeleteWebhook", pb.DeleteWebhookRequest(id=made.id))
    assert (await refused(api.call("GetWebhook", pb.GetWebhookRequest(id=made.id)))).code() == grpc.StatusCode.NOT_FOUND


async def test_the_feed_shows_webhooks_without_what_is_secret(api: Api, channel) -> None:
    made = (await created(api, headers={"Authorization": "Bearer hidden"})).webhook
    feed = event_service_pb2_grpc.EventServiceStub(channel)
    (event,) = (await feed.ListEvents(event_service_pb2.ListEventsRequest(types=["webhook.*"]), metadata=api.metadata)).events
    assert (event.type, event.webhook.id, event.webhook.url) == ("webhook.created", made.id, made.url)
    assert b"hidden" not in event.SerializeToString()


async def test_a_private_address_is_refused_where_it_is_not_allowed(api: Api, application: Application) -> None:
    application.addresses.allow_private = False
    error = await refused(created(api, url="http://169.254.169.254/latest"))
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT and "public addresses" in error.details()
