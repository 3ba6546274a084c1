"""Bidirectional methods through a real gRPC channel."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from server.core.identity import api_keys
from server.core.shared.call_context import Call, Caller
from server.errors import Unauthorized
from server.rpc.callers.quotas import Quotas
from tests.support.tenants import Tenant, make_tenant
from tests.support.waiting import eventually
from tests.support.clock import pass_time
from tests.support.talk import PACKAGE, Say, Served, httpbody_pb2


@pytest.fixture
async def channel(served: Served):
    async with grpc.aio.insecure_channel(f"unix:{served.grpc_path}") as opened:
        yield opened


def talk(channel, method="Native", metadata=(), answer=Say):
    stub = channel.stream_stream(
        f"/{PACKAGE}.TalkService/{method}",
        request_serializer=lambda each: each if isinstance(each, bytes) else each.SerializeToString(),
        response_deserializer=answer.FromString,
    )
    return stub(metadata=metadata)


async def refusal(call) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        while await call.read() is not grpc.aio.EOF:
            pass
    info = ErrorInfo()
    Status.FromString(dict(caught.value.trailing_metadata())["grpc-status-details-bin"]).details[0].Unpack(info)
    return caught.value.code(), info.reason


async def test_both_sides_go_on_sending(served: Served, someone: Tenant, channel) -> None:
    call = talk(channel, metadata=(*someone.metadata, ("x-request-id", "mine")))
    for text in ("one", "two"):
        await call.write(Say(text=text))
        assert (await call.read()).text == text
    assert dict(await call.initial_metadata())["x-request-id"] == "mine"
    await call.done_writing()
    assert await call.read() is grpc.aio.EOF and await call.code() == grpc.StatusCode.OK


async def test_credentials_and_scopes_are_asked_for(served: Served, channel) -> None:
    assert await refusal(talk(channel)) == (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHORIZED")
    weak = await make_tenant(served.database, scopes="tasks:read")
    assert await refusal(talk(channel, metadata=weak.metadata)) == (grpc.StatusCode.PERMISSION_DENIED, "FORBIDDEN")


@pytest.mark.parametrize("request_", [b"\xff\xff", Say(text="x" * 101)])
async def test_a_malformed_request_ends_the_call(someone: Tenant, channel, request_) -> None:
    call = talk(channel, metadata=someone.metadata)
    await call.write(Say(text="good"))
    assert (await call.read()).text == "good"
    await call.write(request_)
    assert await refusal(call) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")


async def test_a_bug_says_nothing_of_itself(someone: Tenant, channel) -> None:
    call = talk(channel, metadata=someone.metadata)
    await call.write(Say(text="bug"))
    assert await refusal(call) == (grpc.StatusCode.INTERNAL, "INTERNAL_ERROR")


async def test_a_client_that_cancels_ends_it(served: Served, someone: Tenant, channel) -> None:
    call = talk(channel, metadata=someone.metadata)
    await call.write(Say(text="wait"))
    await eventually(lambda: served.talk.open == 1)
    call.cancel()
    await asyncio.wait_for(served.talk.ended.wait(), 5)
    assert served.talk.open == 0


async def test_it_ends_with_its_key(served: Served, channel) -> None:
    stored, key = await api_keys.create_key(served.database, organization="o", name="n")
    call = talk(channel, metadata=(("x-api-key", key),))
    await call.write(Say(text="one"))
    await call.read()
    await api_keys.revoke_key(served.database, f"key_{stored.id}")
    pass_time(served.database, 1)
    await call.write(Say(text="two"))
    assert await refusal(call) == (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHORIZED")


async def test_an_open_method_takes_a_key_in_a_message(someone: Tenant, channel) -> None:
    call = talk(channel, "Open", answer=httpbody_pb2.HttpBody)
    await call.write(Say())
    assert b'"organization": ""' in (await call.read()).data
    await call.write(Say(token=someone.key))
    assert someone.caller.organization_id.encode() in (await call.read()).data
    await call.write(Say(token="wrong"))
    assert (await refusal(call))[1] == "UNAUTHORIZED"
    wrong = (("authorization", "Bearer wrong"),)
    assert (await refusal(talk(channel, "Open", wrong, httpbody_pb2.HttpBody)))[1] == "UNAUTHORIZED"


async def test_through_the_transcoder_there_is_no_dialogue(someone: Tenant, channel) -> None:
    call = talk(channel, metadata=(*someone.metadata, ("x-envoy-original-path", "/t/echo/a")))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call.read()
    trailing = dict(caught.value.trailing_metadata())
    assert trailing["x-http-status"] == "426" and "UPGRADE_REQUIRED" in trailing["x-error-body"]


async def test_quotas_count_calls_but_not_unmetered_ones(sqlite_settings) -> None:  # noqa: F811
    running = Served(sqlite_settings, quotas=Quotas(redis_url="", requests_per_hour=2))
    await running.start()
    tenant = await make_tenant(running.database)
    async with grpc.aio.insecure_channel(f"unix:{running.grpc_path}") as channel:
        for method, good in (("Native", 5), ("Open", 5), ("Echo", 2)):
            for _ in range(good):
                call = talk(channel, method, tenant.metadata, httpbody_pb2.HttpBody if method == "Open" else Say)
                await call.done_writing()
                assert await call.read() is grpc.aio.EOF
        assert await refusal(talk(channel, "Echo", tenant.metadata)) == (
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            "RATE_LIMITED",
        )
    await running.stop()


async def test_a_call_that_takes_its_key_in_a_header_takes_no_other() -> None:
    with pytest.raises(Unauthorized):
        await Call(Caller("", "", "", frozenset()), "r").authenticate("key")


async def test_a_thousand_streams_of_a_key_ask_once(served: Served, someone: Tenant) -> None:
    from server.core.identity.authentication import Authenticator
    from server.rpc.access import AccessControl

    known, asked = Authenticator(served.database), []
    ask = known.caller

    async def counted(key):
        asked.append(key)
        return await ask(key)

    known.caller = counted
    admission = AccessControl(known, None)
    calls = [Call(someone.caller, "r", headers={"x-api-key": someone.key}) for _ in range(1000)]
    await asyncio.gather(*(admission.stay(call) for call in calls))
    assert len(asked) == 1 and all(call.caller.key_id == someone.caller.key_id for call in calls)
