"""Open streams: their number, and their end with their key, over a real channel and real sockets."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import grpc
import pytest

from server.apikit.declaration import Limits
from server.core.identity import api_keys
from server.errors import Unavailable
from server.rpc.streams import LOOK_SECONDS
from server.settings import Settings
from server.store.database import Database
from tests.rpc.test_websocket import closed, connect, said
from tests.support.clock import pass_loop_time, pass_time
from tests.support.refusals import reason
from tests.support.talk import PACKAGE, Say, Served, body, httpbody_pb2
from tests.support.tenants import Tenant, make_tenant
from tests.support.waiting import eventually

SECOND = 1_000_000


@asynccontextmanager
async def serving(settings: Settings, **bounds):
    running = Served(settings, **bounds)
    await running.start()
    try:
        async with grpc.aio.insecure_channel(f"unix:{running.grpc_path}") as running.channel:
            yield running
    finally:
        await running.stop()


@pytest.fixture
async def served(sqlite_settings: Settings):
    async with serving(sqlite_settings) as running:
        yield running


@pytest.fixture
async def someone(served: Served) -> Tenant:
    return await make_tenant(served.database)


def listen(served: Served, tenant: Tenant):
    """A stream that only the server sends on."""
    stub = served.channel.unary_stream(
        f"/{PACKAGE}.TalkService/Listen",
        request_serializer=Say.SerializeToString,
        response_deserializer=httpbody_pb2.HttpBody.FromString,
    )
    return stub(Say(), metadata=tenant.metadata)


def talk(served: Served, tenant: Tenant):
    """A stream on which nobody says anything."""
    stub = served.channel.stream_stream(f"/{PACKAGE}.TalkService/Native", request_serializer=Say.SerializeToString)
    return stub(metadata=tenant.metadata)


async def refusal(call) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        while await asyncio.wait_for(call.read(), 5) is not grpc.aio.EOF:
            pass
    return caught.value


async def revoke(database: Database, tenant: Tenant) -> None:
    await api_keys.revoke_key(database, f"key_{tenant.caller.key_id}")


async def test_idle_streams_of_every_kind_end_with_their_key(served: Served, someone: Tenant) -> None:
    other = await make_tenant(served.database)
    calls = [listen(served, someone), talk(served, someone)]
    good = listen(served, other)
    async with connect(served, "/t/feed", someone) as socket, connect(served, "/t/open") as late:
        await said(socket)
        await said(late)
        assert (await said(late, {"token": someone.key}))["organization"]
        await asyncio.gather(*(call.initial_metadata() for call in (*calls, good)))
        await calls[0].read()
        await revoke(served.database, someone)
        pass_loop_time(LOOK_SECONDS)
        for call in calls:
            error = await refusal(call)
            assert (error.code(), error.details()) == (
                grpc.StatusCode.UNAUTHENTICATED,
                "this API key has been revoked",
            )
        for each in (socket, late):
            assert await closed(each) == (1008, "UNAUTHORIZED: this API key has been revoked")
    for _ in range(3):
        pass_loop_time(LOOK_SECONDS)
        await asyncio.sleep(0.01)
    assert served.talk.open == len(served.pipeline.streams) == 1
    good.cancel()
    await eventually(lambda: served.talk.open == len(served.pipeline.streams) == 0)


async def test_a_stream_ends_when_its_key_expires(served: Served) -> None:
    tenant = await make_tenant(served.database, expires_at=served.database.clock() + 3600 * SECOND)
    call = listen(served, tenant)
    await call.read()
    pass_time(served.database, 3600)
    pass_loop_time(LOOK_SECONDS)
    assert (await refusal(call)).details() == "this API key has expired"


async def test_nothing_is_told_to_a_key_that_has_ended(served: Served, someone: Tenant) -> None:
    call = listen(served, someone)
    await call.read()
    await revoke(served.database, someone)
    pass_time(served.database, 1)
    served.talk.publish(body(said=1))
    assert (await refusal(call)).code() == grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize("kind", ["grpc", "socket"])
async def test_a_stream_that_is_not_read_ends_with_its_key_when_it_is(
    served: Served, someone: Tenant, kind: str
) -> None:
    watching = served.pipeline.streams
    if kind == "grpc":
        call = listen(served, someone)
        await call.read()
    else:
        socket = await connect(served, "/t/feed", someone)
        await said(socket)
        socket.transport.pause_reading()
    for _ in range(100):
        served.talk.publish(body(said="x" * 100_000))
    (stream,) = watching._by_credential[someone.key]
    await eventually(lambda: not stream._waits)
    await revoke(served.database, someone)
    pass_loop_time(LOOK_SECONDS)
    await eventually(lambda: stream._error)
    if kind == "grpc":
        assert (await refusal(call)).code() == grpc.StatusCode.UNAUTHENTICATED
    else:
        socket.transport.resume_reading()
        assert (await closed(socket))[0] == 1008
    await eventually(lambda: served.talk.open == len(watching) == 0)


async def test_streams_go_on_while_the_store_is_away(served: Served, someone: Tenant) -> None:
    call = listen(served, someone)
    await call.read()
    asked = asyncio.Event()
    ended = served.pipeline.streams._identity.ended

    async def away(keys):
        asked.set()
        raise Unavailable("the database is locked")

    served.pipeline.streams._identity.ended = away
    pass_loop_time(LOOK_SECONDS)
    await asyncio.wait_for(asked.wait(), 5)
    served.talk.publish(body(said=1))
    assert b"said" in (await call.read()).data
    served.pipeline.streams._identity.ended = ended
    await revoke(served.database, someone)

    async def noticed() -> bool:
        pass_loop_time(LOOK_SECONDS)
        await asyncio.sleep(0.01)
        return not len(served.pipeline.streams)

    await eventually(noticed)
    assert (await refusal(call)).code() == grpc.StatusCode.UNAUTHENTICATED


async def test_a_key_has_so_many_streams_and_each_that_ends_makes_room(sqlite_settings: Settings) -> None:
    async with serving(sqlite_settings, limits=Limits(streams_per_key=2, sockets_per_key=2)) as served:
        someone, other = await make_tenant(served.database), await make_tenant(served.database)
        calls = [listen(served, someone) for _ in range(2)]
        await asyncio.gather(*(call.read() for call in calls))
        error = await refusal(listen(served, someone))
        assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED and reason(error).reason == "RATE_LIMITED"
        assert error.details() == "this key has 2 streams open, which is as many as it may"
        await listen(served, other).read()
        async with connect(served, "/t/feed", someone) as socket, connect(served, "/t/open") as late:
            await said(socket)
            await said(late)
            assert (await said(late, {"token": someone.key}))["organization"]
            async with connect(served, "/t/feed", someone) as third:
                assert await closed(third) == (
                    1013,
                    "RATE_LIMITED: this key has 2 sockets open, which is as many as it may",
                )
            async with connect(served, "/t/open") as third:
                await said(third)
                await third.send('{"token": "%s"}' % someone.key)
                assert (await closed(third))[0] == 1013
        calls[0].cancel()
        await eventually(lambda: len(served.pipeline.streams) == 2)
        assert (await listen(served, someone).read()).data
        async with connect(served, "/t/feed", someone) as socket:
            await said(socket)


async def test_a_process_has_so_many_streams(sqlite_settings: Settings) -> None:
    async with serving(sqlite_settings, open_streams=2) as served:
        tenants = [await make_tenant(served.database) for _ in range(3)]
        calls = [listen(served, tenant) for tenant in tenants[:2]]
        await asyncio.gather(*(call.read() for call in calls))
        error = await refusal(listen(served, tenants[2]))
        assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED and reason(error).metadata["limit"] == "2"
        assert len(served.pipeline.streams) == 2


async def test_clients_that_go_leave_nothing_behind(served: Served, someone: Tenant) -> None:
    before = len(asyncio.all_tasks())
    calls = [make(served, someone) for make in (listen, talk) for _ in range(20)]
    await asyncio.gather(*(call.initial_metadata() for call in calls))
    for call in calls:
        call.cancel()
    await eventually(lambda: served.talk.open == len(served.pipeline.streams) == 0)
    pass_loop_time(LOOK_SECONDS)
    await eventually(lambda: len(asyncio.all_tasks()) <= before)
