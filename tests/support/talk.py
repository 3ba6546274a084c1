"""A small API of bidirectional methods, made at run time, and a server for it: pipeline, gRPC and bridge."""

from __future__ import annotations

import asyncio
import gc
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

import grpc
from buf.validate import validate_pb2
from google.api import annotations_pb2, httpbody_pb2
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health, health_pb2_grpc
from orchestrator.options.v1 import options_pb2

from server.websocket import Bridge
from server.apikit.api import Api
from server.apikit.declaration import Declaration, Limits, Route
from server.apikit.errors import render_code_message_details
from server.core.identity import api_keys
from server.core.identity.authentication import Authenticator
from server.errors import TooMany, Unauthorized, Unavailable
from server.rpc.log import CallLog
from server.rpc.handlers import Handlers
from server.rpc.pipeline import Pipeline
from server.rpc.callers.quotas import Quotas
from server.settings import Settings
from server.store.migrations import migrate
from server.store.opened import open_database

PACKAGE = "test.talk.v1"
F = descriptor_pb2.FieldDescriptorProto


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name="test/talk.proto", package=PACKAGE, syntax="proto3")
    file.dependency.extend(
        [
            "google/api/annotations.proto",
            "google/api/httpbody.proto",
            "orchestrator/options/v1/options.proto",
            "buf/validate/validate.proto",
        ]
    )
    for name, extra in (("Say", ["invalid_frame"]), ("StrictSay", [])):
        message = file.message_type.add(name=name)
        for number, field in enumerate(["room", "text", "token", *extra], 1):
            added = message.field.add(name=field, number=number, type=F.TYPE_STRING, label=F.LABEL_OPTIONAL)
            if field == "text":
                added.options.Extensions[validate_pb2.field].string.max_len = 100
        message.field.add(name="times", number=10, type=F.TYPE_INT32, label=F.LABEL_OPTIONAL)
        message.field.add(name="loud", number=11, type=F.TYPE_BOOL, label=F.LABEL_OPTIONAL)
        message.field.add(name="tags", number=12, type=F.TYPE_STRING, label=F.LABEL_REPEATED)
    service = file.service.add(name="TalkService")
    for name, request, answer, path, rule in (
        ("Echo", "Say", f".{PACKAGE}.Say", "/t/echo/{room}", {"scope": "sessions:read"}),
        ("Strict", "StrictSay", f".{PACKAGE}.StrictSay", "/t/strict", {"scope": "sessions:read"}),
        ("Open", "Say", ".google.api.HttpBody", "/t/open", {"scope": "sessions:read", "open": True, "unmetered": True}),
        ("Feed", "Say", ".google.api.HttpBody", "/t/feed", {"scope": "events:read"}),
        ("Native", "Say", f".{PACKAGE}.Say", "", {"scope": "sessions:read", "unmetered": True}),
        ("Listen", "Say", ".google.api.HttpBody", "/t/listen", {"scope": "events:read"}),
    ):
        method = service.method.add(
            name=name,
            input_type=f".{PACKAGE}.{request}",
            output_type=answer,
            client_streaming=name != "Listen",
            server_streaming=True,
        )
        method.options.Extensions[options_pb2.rule].CopyFrom(options_pb2.MethodRule(**rule))
        if path:
            method.options.Extensions[annotations_pb2.http].get = path
    return file


_pool = descriptor_pool.Default()
_pool.AddSerializedFile(_file().SerializeToString())
DESCRIPTOR = _pool.FindFileByName("test/talk.proto")
SERVICE = DESCRIPTOR.services_by_name["TalkService"]
Say = GetMessageClass(DESCRIPTOR.message_types_by_name["Say"])


TALK = Declaration("talk", "Talk", [PACKAGE], render_code_message_details, listener="orchestra", routes=[Route("/t")])


def body(**said):
    return httpbody_pb2.HttpBody(content_type="application/json", data=json.dumps(said).encode())


class Talk:
    def __init__(self) -> None:
        self.open = 0
        self.ended = asyncio.Event()
        self.queues: set[asyncio.Queue] = set()

    def publish(self, message) -> None:
        for queue in self.queues:
            queue.put_nowait(message)

    async def _echo(self, requests):
        self.open += 1
        try:
            async for request in requests:
                if request.text == "bug":
                    raise ZeroDivisionError
                if request.text == "many":
                    raise TooMany("too much said")
                if request.text == "away":
                    raise Unavailable("the server is stopping")
                if request.text == "wait":
                    await asyncio.sleep(1000)
                if request.text == "end":
                    return
                yield request
        finally:
            self.open -= 1
            self.ended.set()

    async def Echo(self, requests, call):
        return self._echo(requests)

    async def Strict(self, requests, call):
        return self._echo(requests)

    async def Native(self, requests, call):
        return self._echo(requests)

    async def Open(self, requests, call):
        async def answers():
            first = True
            async for request in requests:
                if request.token:
                    await call.authenticate(request.token)
                elif not first and not call.organization_id:
                    raise Unauthorized("say your token first")
                first = False
                yield body(organization=call.organization_id, path=call.path, invalid=request.invalid_frame)

        return answers()

    async def Listen(self, request, call):
        return await self.Feed(None, call)

    async def Feed(self, requests, call):
        async def answers():
            queue: asyncio.Queue = asyncio.Queue()
            self.queues.add(queue)
            self.open += 1
            try:
                yield body(ready=True)
                while True:
                    yield await queue.get()
            finally:
                self.queues.discard(queue)
                self.open -= 1
                self.ended.set()

        return answers()


class Served:
    """Everything of a server process that sockets need."""

    def __init__(
        self,
        settings: Settings,
        *,
        connections: int = 10_000,
        quotas: Quotas | None = None,
        limits: Limits = Limits(),
        **bounds: int,
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="talk-"))
        self.path = self.folder / "socket.sock"
        self.grpc_path = self.folder / "server.sock"
        self.database = open_database(settings)
        self.talk = Talk()
        self.pipeline = Pipeline(self.database, Authenticator(self.database), quotas, CallLog("ERROR"), **bounds)
        methods = Handlers([Api(TALK, [(SERVICE, self.talk)], limits)], self.pipeline)
        self.bridge = Bridge(methods.bidi, connections=connections)
        self.server = grpc.aio.server()
        self.server.add_generic_rpc_handlers((methods,))
        self.health = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self.health, self.server)
        self.server.add_insecure_port(f"unix:{self.grpc_path}")

    async def start(self) -> None:
        await self.database.open()
        await self.server.start()
        await self.bridge.start(self.path)

    async def stop(self) -> None:
        await asyncio.gather(self.server.stop(0.5), self.bridge.stop(2))
        await self.database.close()
        shutil.rmtree(self.folder, ignore_errors=True)


async def main() -> None:
    """In a process of its own: prints a line with what a client needs; publishes when it reads a line."""
    folder = Path(tempfile.mkdtemp())
    settings = Settings(data_dir=folder, database_url=f"sqlite:///{folder / 'orchestrator.db'}")
    await asyncio.to_thread(migrate, settings)
    served = Served(settings)
    await served.start()
    _, key = await api_keys.create_key(served.database, organization="o", name="n")
    # As in `server.app.serve`.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 50)
    print(json.dumps({"path": str(served.path), "grpc_path": str(served.grpc_path), "key": key}), flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        for _ in range(int(line)):
            served.talk.publish(body(sent=time.monotonic(), said="x" * 300))
            await asyncio.sleep(0.25)
        print("published", flush=True)
    await served.stop()


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
