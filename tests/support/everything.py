"""Every API, with servicers that only say which method was called, in this process; Envoy before it at both ports."""

from __future__ import annotations

import asyncio
import http.client
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import grpc
from google.api import annotations_pb2, httpbody_pb2
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health, health_pb2_grpc
from orchestrator.options.v1 import options_pb2

from gateway.configuration import configuration
from gateway.envoy import Gateway, command, with_addresses
from gateway.files import DESCRIPTORS
from server.apikit.api import Api
from server.apikit.declaration import Declaration, Route
from server.apikit.errors import HTTP_STATUS, ErrorContext, Rendered
from server.apis import declarations
from server.core.identity.authentication import Authenticator
from server.errors import InvalidRequest, ServiceError, Unavailable
from server.rpc import transport
from server.rpc.callers.guests import Guests
from server.rpc.handlers import Handlers
from server.rpc.log import CallLog
from server.rpc.pipeline import Pipeline
from server.settings import Settings
from server.store.database import Database
from server.websocket import Bridge
from tests.support.ports import free_port
from tests.support.waiting import eventually
from tests.support.industry import Answer

# In which a request must have come.
REQUEST_SECONDS = 8
HTTP_BODY = "google.api.HttpBody"
F = descriptor_pb2.FieldDescriptorProto


def camel_file() -> descriptor_pb2.FileDescriptorProto:
    """A small API whose JSON is in camelCase."""
    file = descriptor_pb2.FileDescriptorProto(name="test/camel.proto", package="test.camel.v1", syntax="proto3")
    file.dependency.extend(["google/api/annotations.proto", "orchestrator/options/v1/options.proto"])
    thing = file.message_type.add(name="Thing")
    for number, field in enumerate(("thing_id", "due_date"), 1):
        thing.field.add(name=field, number=number, type=F.TYPE_STRING, label=F.LABEL_OPTIONAL)
    thing.field.add(name="part_count", number=3, type=F.TYPE_INT32, label=F.LABEL_OPTIONAL)
    service = file.service.add(name="ThingService")
    for name, verb, path, body in (
        ("GetThing", "get", "/camel/v1/things/{thing_id}", ""),
        ("CreateThing", "post", "/camel/v1/things", "*"),
    ):
        method = service.method.add(name=name, input_type=".test.camel.v1.Thing", output_type=".test.camel.v1.Thing")
        method.options.Extensions[options_pb2.rule].CopyFrom(options_pb2.MethodRule(open=True))
        rule = method.options.Extensions[annotations_pb2.http]
        setattr(rule, verb, path)
        rule.body = body
    return file


descriptor_pool.Default().AddSerializedFile(camel_file().SerializeToString())


def render_camel(error: ServiceError, context: ErrorContext) -> Rendered:
    body = {"success": False, "error": {"code": error.reason, "message": error.message}}
    if isinstance(error, InvalidRequest):
        body["error"]["details"] = {error.details["field"]: [error.details["issue"]]}
    meta = {"requestId": context.request_id, "timestamp": context.timestamp}
    return Rendered(HTTP_STATUS[error.kind], {**body, "meta": meta})


CAMEL = Declaration(
    "camel",
    "Camel",
    ["test.camel.v1"],
    render_camel,
    listener="operations",
    routes=[Route("/camel/v1")],
    hosts=["api.camel.example"],
    includes=["oauth"],
    camel_case=True,
    max_body_bytes=1 << 20,
    field_words={"timeout_seconds": "due_date"},
)
ALL = (*declarations(), CAMEL)


class Says:
    """Every method of a service: it remembers that it was called, and answers what it was asked, if it can."""

    def __init__(self, service, calls: list[str]) -> None:
        self._service, self.calls = service, calls

    def __getattr__(self, name: str):
        descriptor = self._service.methods_by_name[name]
        answer = GetMessageClass(descriptor.output_type)

        def message(request=None):
            if descriptor.output_type.full_name == HTTP_BODY:
                kind = "text/event-stream" if name.startswith("Stream") else "application/json"
                return httpbody_pb2.HttpBody(content_type=kind, data=b'{"said":"' + name.encode() + b'"}')
            return request if isinstance(request, answer) else answer()

        async def once(request, call):
            self.calls.append(descriptor.full_name)
            if getattr(request, "due_date", "") == "never":
                raise InvalidRequest("timeout_seconds", "must be soon")
            return message(request)

        async def stream(request, call):
            self.calls.append(descriptor.full_name)

            async def answers():
                while True:
                    yield message()
                    if "fails" in (getattr(request, "session_id", ""), getattr(request, "document_id", "")):
                        raise Unavailable("the store has gone")
                    await asyncio.sleep(0.01)

            return answers()

        return stream if descriptor.server_streaming else once


def services(api: Declaration, calls: list[str]):
    descriptors = FileDescriptorSet.FromString(DESCRIPTORS.read_bytes())
    for file in (*descriptors.file, camel_file()):
        if file.package in api.packages:
            if file.name != "test/camel.proto":
                import_module(file.name.removesuffix(".proto").replace("/", ".") + "_pb2")
            for each in file.service:
                service = descriptor_pool.Default().FindServiceByName(f"{file.package}.{each.name}")
                yield service, Says(service, calls)


class Ended(grpc.GenericRpcHandler):
    """While `code` is set, every call ends with it as gRPC ends one: nothing is said that only the pipeline says."""

    code: grpc.StatusCode | None = None
    message = "in the words of gRPC"
    # Whether headers and a whole answer have gone out before.
    late = False
    # The bytes of the last request.
    received = 0

    def service(self, handler_call_details):
        if self.code is None or handler_call_details.method.startswith("/grpc.health"):
            return None

        async def end(request, context):
            self.received = len(request)
            if self.late:
                await context.send_initial_metadata((("x-late", "1"),))
                yield b""
            await context.abort(self.code, self.message)

        return grpc.unary_stream_rpc_method_handler(end)


class Everything:
    """A server process with all APIs, and Envoy, whose ports are `orchestra` and `operations`."""

    def __init__(self, settings: Settings, database: Database, origins: Sequence[str]) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="everything-"))
        path, grpc_path = self.folder / "socket.sock", self.folder / "server.sock"
        self.path, self.calls = path, []
        pipeline = Pipeline(
            database, Authenticator(database), None, CallLog("ERROR"), guests=Guests(settings.guest_key_path)
        )
        apis = [Api(each, list(services(each, self.calls)), each.limits) for each in ALL]
        handlers = Handlers(apis, pipeline)
        self.bridge = Bridge(handlers.bidi, connections=100)
        self.ended = Ended()
        self.server = grpc.aio.server(options=transport.options(apis))
        self.server.add_generic_rpc_handlers((self.ended, handlers))
        health_pb2_grpc.add_HealthServicer_to_server(health.aio.HealthServicer(), self.server)
        self.server.add_insecure_port(f"unix:{grpc_path}")
        self.orchestra, self.operations = free_port(), free_port()
        gateway = Gateway("127.0.0.1", self.orchestra, self.operations, [grpc_path], [path], origins)
        descriptors = FileDescriptorSet.FromString(DESCRIPTORS.read_bytes())
        descriptors.file.append(camel_file())
        (self.folder / "all.binpb").write_bytes(descriptors.SerializeToString())
        self.arguments = command(gateway, self.folder)
        config = json.dumps(with_addresses(configuration(ALL, descriptors), gateway))
        # Nobody waits here for ten minutes.
        assert config.count('"request_timeout": "600s"') == 2
        config = config.replace('"request_timeout": "600s"', f'"request_timeout": "{REQUEST_SECONDS}s"')
        (self.folder / "envoy.json").write_text(config.replace(str(DESCRIPTORS), str(self.folder / "all.binpb")))

    async def start(self) -> None:
        await self.server.start()
        await self.bridge.start(self.path)
        self.envoy = subprocess.Popen(self.arguments, stderr=sys.stderr)
        await self.ready()

    async def ready(self) -> None:
        async def answers() -> bool:
            try:
                return (await self.ask(self.orchestra, "GET", "/health")).status == 200
            except OSError:
                return False

        await eventually(answers, 20)

    async def stop(self) -> None:
        self.envoy.terminate()
        await asyncio.to_thread(self.envoy.wait, 10)
        await asyncio.gather(self.server.stop(0), self.bridge.stop(0.5))
        shutil.rmtree(self.folder, ignore_errors=True)

    def port(self, api: Declaration) -> int:
        return self.orchestra if api.listener == "orchestra" else self.operations

    async def ask(self, port: int, method: str, path: str, body: str | None = None, **headers: str) -> Answer:
        def ask() -> Answer:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            try:
                named = {name.replace("_", "-"): value for name, value in headers.items()}
                connection.request(method, path, body, named)
                response = connection.getresponse()
                found = {name.lower(): value for name, value in response.getheaders()}
                return Answer(response.status, found, response.read())
            finally:
                connection.close()

        return await asyncio.to_thread(ask)
