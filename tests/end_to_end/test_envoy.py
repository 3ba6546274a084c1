"""Sockets through a real Envoy with envoy.yaml, before servers in processes of their own."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from gateway.configuration import configuration
from gateway.envoy import Gateway, command, with_addresses
from gateway.files import DESCRIPTORS
from server.settings import Settings
from tests.support.ports import free_port
from tests.support.tenants import Tenant, make_tenant
from tests.support.waiting import eventually
from tests.support.talk import TALK, Served, _file


class Front:
    """Envoy before some servers, with the test's API at its first port and not at its second."""

    def __init__(self, servers: list[Served]) -> None:
        self.port, self.other_port = free_port(), free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="front-"))
        paths = [each.grpc_path for each in servers], [each.path for each in servers]
        gateway = Gateway("127.0.0.1", self.port, self.other_port, *paths)
        descriptors = FileDescriptorSet.FromString(DESCRIPTORS.read_bytes())
        descriptors.file.append(_file())
        (self.folder / "talk.binpb").write_bytes(descriptors.SerializeToString())
        arguments = command(gateway, self.folder)
        config = with_addresses(configuration([TALK], descriptors), gateway)
        text = json.dumps(config).replace(str(DESCRIPTORS), str(self.folder / "talk.binpb"))
        (self.folder / "envoy.json").write_text(text)
        self.process = subprocess.Popen(arguments, stderr=sys.stderr)

    def url(self, path: str) -> str:
        return f"ws://127.0.0.1:{self.port}{path}"

    async def get(self, path: str, **headers: str) -> tuple[int, dict]:
        def ask():
            request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers)
            try:
                with urllib.request.urlopen(request, timeout=5) as answer:
                    return answer.status, json.loads(answer.read())
            except urllib.error.HTTPError as error:
                return error.code, json.loads(error.read())

        return await asyncio.to_thread(ask)

    async def ready(self) -> None:
        async def opens():
            try:
                async with connect(self.url("/t/open")):
                    return True
            except (OSError, InvalidStatus):
                return False

        await eventually(opens, 20)


@pytest.fixture
async def servers(sqlite_settings: Settings) -> AsyncIterator[list[Served]]:
    running = [Served(sqlite_settings) for _ in range(2)]
    for each in running:
        await each.start()
    yield running
    for each in running:
        await each.stop()


@pytest.fixture
async def front(servers: list[Served]) -> AsyncIterator[Front]:
    running = Front(servers)
    try:
        await running.ready()
        yield running
    finally:
        running.process.terminate()
        await asyncio.to_thread(running.process.wait, 10)
        shutil.rmtree(running.folder)


@pytest.fixture
async def someone(servers: list[Served]) -> Tenant:
    return await make_tenant(servers[0].database)


async def test_a_socket_goes_through(front: Front, servers: list[Served], someone: Tenant) -> None:
    async with connect(front.url(f"/t/echo/room?times=2&token={someone.key}")) as socket:
        assert json.loads(await socket.recv())["room"] == "room"
        await socket.send('{"text": "hello"}')
        assert json.loads(await socket.recv())["text"] == "hello"
        assert socket.response.headers["x-request-id"]
    async with connect(front.url("/t/feed"), additional_headers=dict(someone.metadata)) as socket:
        assert json.loads(await socket.recv()) == {"ready": True}
        socket.transport.abort()
        for each in servers:
            await eventually(lambda each=each: each.talk.open == 0)
    async with connect(front.url("/t/echo/a")) as socket:
        said = json.loads(await socket.recv())
        assert said["type"] == "error" and said["payload"]["code"] == "UNAUTHORIZED"
        with pytest.raises(ConnectionClosed) as caught:
            await socket.recv()
        assert caught.value.rcvd.code == 1008


async def test_a_frame_of_ten_megabytes_closes_the_socket(front: Front, someone: Tenant) -> None:
    socket = await connect(front.url(f"/t/feed?token={someone.key}"), max_size=None)
    try:
        await socket.send("x" * 10_000_000)
    except (ConnectionClosed, AttributeError):
        pass
    await asyncio.wait_for(socket.wait_closed(), 10)
    assert socket.close_code == 1009


async def test_what_is_no_socket_gets_an_answer(front: Front, someone: Tenant) -> None:
    authorization = f"Bearer {someone.key}"
    status, said = await front.get("/t/feed", Authorization=authorization)
    assert status == 426, said
    assert said["error"]["code"] == "UPGRADE_REQUIRED"
    status, said = await front.get("/x/feed", Authorization=authorization)
    assert status == 404 and said["error"]["code"] == "NOT_FOUND"
    with pytest.raises(InvalidStatus) as caught:
        await connect(front.url("/t/nothing"))
    assert caught.value.response.status_code == 404
    assert json.loads(caught.value.response.body)["error"]["code"] == "NOT_FOUND"
    with pytest.raises(InvalidStatus) as caught:
        await connect(f"ws://127.0.0.1:{front.other_port}/t/feed?token={someone.key}")
    assert caught.value.response.status_code == 404


async def test_a_server_that_stops_gets_no_more_sockets(front: Front, servers: list[Served], someone: Tenant) -> None:
    url = front.url(f"/t/feed?token={someone.key}")
    sockets = [await connect(url) for _ in range(6)]
    for socket in sockets:
        await socket.recv()
    assert all(each.talk.open for each in servers)
    began = time.monotonic()
    await servers[0].bridge.stop(3)
    assert time.monotonic() - began < 2.5
    codes = []
    for socket in sockets:
        try:
            async with asyncio.timeout(0.2):
                await socket.recv()
        except ConnectionClosed as ended:
            codes.append(ended.rcvd.code)
        except TimeoutError:
            pass
    assert codes and set(codes) == {1001}
    for _ in range(3):
        async with connect(url) as socket:
            await socket.recv()
    await servers[1].bridge.stop(3)
    with pytest.raises(InvalidStatus) as caught:
        await connect(url)
    assert caught.value.response.status_code == 503
