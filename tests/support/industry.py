"""The Industrial API's services, with servicers that only say what a call knew, in this process; Envoy before it."""

from __future__ import annotations

import asyncio
import http.client
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import grpc
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health, health_pb2_grpc
from orchestrator.industrial.v1 import (
    agent_service_pb2,
    event_service_pb2,
    session_service_pb2,
    system_service_pb2,
    task_service_pb2,
)

from gateway.envoy import Gateway, command
from server.websocket import Bridge
from server.apikit.api import Api
from server.apikit.errors import HTTP_STATUS, ErrorContext, Rendered
from server.apis.industrial.declaration import DECLARATION
from server.core.identity.authentication import Authenticator
from server.apikit.cors import Origins
from server.errors import ServiceError
from server.rpc.callers.guests import Guests
from server.rpc.log import CallLog
from server.rpc.handlers import Handlers
from server.rpc.pipeline import Pipeline
from server.rpc.callers.quotas import Quotas
from server.settings import Settings
from server.store.database import Database
from tests.support.ports import free_port
from tests.support.waiting import eventually
from tests.support.talk import body

SERVICES = {
    name: module.DESCRIPTOR.services_by_name[name]
    for name, module in (
        ("AgentService", agent_service_pb2),
        ("EventService", event_service_pb2),
        ("SessionService", session_service_pb2),
        ("SystemService", system_service_pb2),
        ("TaskService", task_service_pb2),
    )
}


def render_error(error: ServiceError, context: ErrorContext) -> Rendered:
    return Rendered(
        HTTP_STATUS[error.kind],
        {"error": {"code": error.reason, "message": error.message, "request_id": context.request_id}},
    )


class Says:
    """Every method of a service: `total`, `items` and the rest stay empty, and `calls` has what there was."""

    def __init__(self, service, calls: list) -> None:
        self._service, self.calls = service, calls

    def __getattr__(self, name: str):
        descriptor = self._service.methods_by_name[name]
        answer = GetMessageClass(descriptor.output_type)

        async def once(request, call):
            self.calls.append(call)
            return answer()

        async def dialogue(requests, call):
            self.calls.append(call)

            async def answers():
                async for _ in requests:
                    yield body(organization=call.organization_id)

            return answers()

        return dialogue if descriptor.client_streaming else once


class Industry:
    """A server process with this API alone."""

    def __init__(self, settings: Settings, database: Database, quotas: Quotas | None = None, **api) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="industry-"))
        self.path, self.grpc_path = self.folder / "socket.sock", self.folder / "server.sock"
        self.database = database
        self.calls: list = []
        pipeline = Pipeline(
            database, Authenticator(database), quotas, CallLog("ERROR"), guests=Guests(settings.guest_key_path)
        )
        services = [(each, api.pop(name, None) or Says(each, self.calls)) for name, each in SERVICES.items()]
        origins = api.pop("origins", Origins(settings.origins))
        declared = replace(DECLARATION, render_error=render_error, **api)
        methods = Handlers([Api(declared, services, declared.limits, origins)], pipeline)
        self.bridge = Bridge(methods.bidi, connections=1000)
        self.server = grpc.aio.server()
        self.server.add_generic_rpc_handlers((methods,))
        health_pb2_grpc.add_HealthServicer_to_server(health.aio.HealthServicer(), self.server)
        self.server.add_insecure_port(f"unix:{self.grpc_path}")

    async def start(self) -> None:
        await self.server.start()
        await self.bridge.start(self.path)

    async def stop(self) -> None:
        await asyncio.gather(self.server.stop(0.5), self.bridge.stop(2))
        shutil.rmtree(self.folder, ignore_errors=True)


class Answer:
    def __init__(self, status: int, headers: dict[str, str], text: bytes) -> None:
        self.status, self.headers, self.text = status, headers, text

    @property
    def json(self):
        return json.loads(self.text)


class Door:
    """Envoy with envoy.yaml as it is, before a server."""

    def __init__(self, industry: Industry, origins) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="door-"))
        gateway = Gateway("127.0.0.1", self.port, free_port(), [industry.grpc_path], [industry.path], origins)
        self.process = subprocess.Popen(command(gateway, self.folder), stderr=sys.stderr)

    async def ask(self, method: str, path: str, body: bytes | str | None = None, **headers: str) -> Answer:
        def ask() -> Answer:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
            try:
                named = {name.replace("_", "-"): value for name, value in headers.items()}
                connection.request(method, path, body, named)
                response = connection.getresponse()
                found = {name.lower(): value for name, value in response.getheaders()}
                return Answer(response.status, found, response.read())
            finally:
                connection.close()

        return await asyncio.to_thread(ask)

    def url(self, path: str) -> str:
        return f"ws://127.0.0.1:{self.port}{path}"

    async def ready(self, path: str = "/health") -> None:
        async def answers() -> bool:
            try:
                return (await self.ask("GET", path)).status == 200
            except OSError:
                return False

        await eventually(answers, 20)

    async def close(self) -> None:
        self.process.terminate()
        await asyncio.to_thread(self.process.wait, 10)
        shutil.rmtree(self.folder)
