"""Every stream of every API, with the default settings: it speaks while it is idle, and ends with its key."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from orchestrator.v1 import event_service_pb2, event_service_pb2_grpc, worker_pb2

from server import values
from server.apis import serving
from server.apis.native.events import MESSAGE_BYTES
from server.app import Application
from server.core.agents.profile import AgentProfile
from server.core.identity import api_keys
from server.core.queue.creation import NewTask
from server.model import Priority
from server.rpc.streams import LOOK_SECONDS
from server.settings import Settings
from tests.support.clock import pass_loop_time
from tests.support.tenants import Tenant
from tests.support.waiting import eventually

HEARTBEAT = 15
CHAT = "ChatSocketService.Connect"
# Their streams are answers, and end with those.
ENDING = ("ChatService", "ChatCompletionService")
# The ping of an Industrial socket.
PING = 30


@pytest.fixture
def settings(sqlite_settings: Settings) -> Settings:
    assert sqlite_settings.heartbeat_seconds == HEARTBEAT
    return sqlite_settings


@pytest.fixture
async def channel(application: Application):
    async with grpc.aio.insecure_channel(f"127.0.0.1:{application.port}") as opened:
        yield opened


class Stream:
    """One call that the server goes on answering, and what it has answered."""

    def __init__(self, name: str, call) -> None:
        self.name, self.call = name, call
        self.heard = 0
        self.error: grpc.aio.AioRpcError | None = None
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        try:
            while await self.call.read() is not grpc.aio.EOF:
                self.heard += 1
        except grpc.aio.AioRpcError as error:
            self.error = error


class Idle:
    """An organization with something of each kind that can be watched, none of which changes."""

    def __init__(self, application: Application, tenant: Tenant, channel: grpc.aio.Channel) -> None:
        self._application, self._tenant, self._channel = application, tenant, channel

    async def make(self) -> Idle:
        cases, call = self._application.use_cases, self._tenant.call()
        self._agent = await cases.agents.register(call, name="a", profile=AgentProfile(type="t"))
        # Of a worker that has nothing to do.
        self._other_agent = await cases.agents.register(call, name="b", profile=AgentProfile(type="u"))
        self._session = await cases.coding_sessions.create(call, title="s", type="CODING", priority=Priority.HIGH)
        self._task = await cases.tasks.create(call, NewTask(agent_id=self._agent.id))
        workflow = await cases.workflows.create(call, name="w", steps=[{"id": "s", "agent_type": "t"}])
        self._run = await cases.workflow_runs.get(
            call, (await cases.workflows.execute(call, workflow.id, parameters=values.EMPTY_OBJECT)).id
        )
        return self

    async def open_all(self) -> list[Stream]:
        """A stream of every method that goes on answering, each with its first answer."""
        streams = []
        for api in serving(self._application.use_cases, self._application.settings):
            for service, _ in api.services:
                streams += [self._open(method) for method in service.methods if _has_no_end(method)]
        for each in streams:
            # A watch of events has nothing to say at first, and a chat as long as nobody asks anything.
            if not each.name.endswith((".Watch", CHAT)):
                await eventually(lambda each=each: each.heard or each.error)
            else:
                await each.call.initial_metadata()
            assert each.error is None, (each.name, each.error)
        return streams

    def _open(self, method) -> Stream:
        path = f"/{method.containing_service.full_name}/{method.name}"
        request, kinds = self._first(GetMessageClass(method.input_type)), {}
        kinds["request_serializer"] = type(request).SerializeToString
        if not method.client_streaming:
            return Stream(
                method.full_name, self._channel.unary_stream(path, **kinds)(request, metadata=self._tenant.metadata)
            )
        call = self._channel.stream_stream(path, **kinds)(metadata=self._tenant.metadata)
        asyncio.ensure_future(call.write(request))
        return Stream(method.full_name, call)

    def _first(self, kind: type[Message]) -> Message:
        """What is said at first on a stream whose requests are of this kind."""
        name, fields = kind.DESCRIPTOR.name, kind.DESCRIPTOR.fields_by_name
        if name == "WorkRequest":
            return kind(hello=worker_pb2.Hello(agent_id=self._other_agent.id, capacity=1))
        given = {"session_id": self._session.id, "agent_id": self._agent.id}
        given["id"] = self._task.id if name == "WatchTaskRequest" else self._run.id
        if name == "SocketRequest":
            del given["id"]
            given = given if "session_id" in fields else {}
        return kind(**{field: value for field, value in given.items() if field in fields})


def _has_no_end(method: MethodDescriptor) -> bool:
    """Whether its answers go on; a download ends with the file, and what is told of a chat's answer with that."""
    ends = method.name.startswith("Download") or method.containing_service.name in ENDING
    return method.server_streaming and not ends


@pytest.fixture
async def idle(application: Application, tenant: Tenant, channel) -> Idle:
    return await Idle(application, tenant, channel).make()


async def test_every_stream_ends_with_its_key_while_it_is_idle(
    idle: Idle, application: Application, tenant: Tenant
) -> None:
    streams = await idle.open_all()
    assert len(streams) >= 11
    await api_keys.revoke_key(application.database, f"key_{tenant.caller.key_id}")
    pass_loop_time(LOOK_SECONDS)
    await eventually(lambda: all(each.error for each in streams))
    for each in streams:
        assert (each.error.code(), each.error.details()) == (
            grpc.StatusCode.UNAUTHENTICATED,
            "this API key has been revoked",
        ), each.name


async def test_every_stream_speaks_while_it_is_idle(idle: Idle) -> None:
    streams = [each for each in await idle.open_all() if not each.name.endswith((".Work", CHAT))]
    before = {each.name: each.heard for each in streams}
    for _ in range(PING):
        pass_loop_time(1)
        await asyncio.sleep(0.005)
    await eventually(lambda: all(each.heard > before[each.name] for each in streams))
    assert not any(each.error for each in streams)


async def test_a_worker_that_does_not_say_hello_is_closed_after_ten_seconds(application, tenant: Tenant, channel) -> None:
    call = channel.stream_stream("/orchestrator.v1.WorkerService/Work")(metadata=tenant.metadata)
    open_streams = application.pipeline.streams
    await eventually(lambda: len(open_streams))
    pass_loop_time(9)
    await asyncio.sleep(0.02)
    assert len(open_streams) == 1
    pass_loop_time(1)
    assert await call.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert await call.details() == "message: hello must come within 10 seconds"
    # The client hears of it before all of it is over here.
    await eventually(lambda: not len(open_streams))


async def test_a_page_of_events_fits_into_a_message(application: Application, tenant: Tenant, channel) -> None:
    sessions = application.use_cases.sessions
    call = tenant.call()
    session = await sessions.create(call, name="s")
    for n in range(200):
        await sessions.update(call, session.id, name=None, description=f"{n}" + "ä" * 1900)
    stub, numbers, cursor, pages = event_service_pb2_grpc.EventServiceStub(channel), [], 0, 0
    while True:
        request = event_service_pb2.ListEventsRequest(after=cursor, limit=1000)
        page = await stub.ListEvents(request, metadata=tenant.metadata)
        assert page.ByteSize() <= MESSAGE_BYTES == 256 << 10
        numbers += [each.number for each in page.events]
        pages += 1
        if page.next_after == page.newest:
            break
        assert page.events and page.next_after == page.events[-1].number
        cursor = page.next_after
    assert numbers == list(range(1, 202)) and pages <= 10
