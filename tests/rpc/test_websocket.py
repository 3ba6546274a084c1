"""Sockets, through a real client on a real unix socket."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time

import pytest
from websockets.asyncio.client import unix_connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from server.core.identity import api_keys
from tests.support.holds import BOUND, longest_hold
from tests.support.tenants import Tenant, make_tenant
from tests.support.waiting import eventually
from tests.support.clock import pass_time
from tests.support.talk import Served, body


def connect(served: Served, path: str, tenant: Tenant | None = None, **options):
    headers = dict(tenant.metadata) if tenant else {}
    headers |= options.pop("headers", {})
    options.setdefault("compression", None)
    return unix_connect(str(served.path), uri=f"ws://talk{path}", additional_headers=headers, **options)


async def said(socket, what=None):
    if what is not None:
        await socket.send(what if isinstance(what, (str, bytes)) else json.dumps(what))
    return json.loads(await asyncio.wait_for(socket.recv(), 5))


async def closed(socket) -> tuple[int, str]:
    with pytest.raises(ConnectionClosed) as caught:
        while True:
            await asyncio.wait_for(socket.recv(), 5)
    return caught.value.rcvd.code, caught.value.rcvd.reason


async def test_path_and_query_fill_the_first_message_and_frames_the_others(served: Served, someone: Tenant) -> None:
    async with connect(served, "/t/echo/a%20b?times=3&loud=true&tags=x&tags=y", someone) as socket:
        first = await said(socket)
        assert (first["room"], first["times"], first["loud"], first["tags"]) == ("a b", 3, True, ["x", "y"])
        assert "invalid_frame" in first and first["text"] == ""
        again = await said(socket, {"text": "hällo", "unknown": {"deep": [1]}, "invalid_frame": "forged"})
        assert (again["text"], again["invalid_frame"], again["room"]) == ("hällo", "", "")


@pytest.mark.parametrize("query", ["nope=1", "room=other", "times=many", "loud=perhaps", "invalid_frame=x"])
async def test_a_query_that_is_not_known_closes(served: Served, someone: Tenant, query: str) -> None:
    async with connect(served, f"/t/echo/a?{query}", someone) as socket:
        code, reason = await closed(socket)
        assert code == 1008 and reason.startswith(f"INVALID_REQUEST: {query.partition('=')[0]}")


@pytest.mark.parametrize(("where", "field"), [("%ff", "room"), ("a?text=%ff", "query")], ids=["path", "query"])
async def test_what_is_no_utf_8_closes(served: Served, someone: Tenant, where: str, field: str) -> None:
    async with connect(served, f"/t/echo/{where}", someone) as socket:
        assert await closed(socket) == (1008, f"INVALID_REQUEST: {field}: must be UTF-8")


async def test_a_socket_refuses_what_it_does_not_obey(served: Served, someone: Tenant) -> None:
    async with connect(served, "/t/echo/a", someone, headers={"If-Match": '"1"'}) as socket:
        code, reason = await closed(socket)
        assert code == 1008 and reason.startswith("INVALID_REQUEST: If-Match")


async def test_credentials_come_by_header_or_query(served: Served, someone: Tenant) -> None:
    async with connect(served, f"/t/echo/a?token={someone.key}") as socket:
        assert (await said(socket))["token"] == ""
    async with connect(served, "/t/echo/a", headers={"X-API-Key": someone.key}) as socket:
        assert (await said(socket))["room"] == "a"
    for query in ("", "?token=wrong", "?token="):
        async with connect(served, f"/t/echo/a{query}") as socket:
            code, reason = await closed(socket)
            assert code == 1008 and reason.startswith("UNAUTHORIZED: ")


async def test_a_key_without_the_scope_is_refused(served: Served) -> None:
    async with connect(served, "/t/feed", await make_tenant(served.database, scopes="sessions:read")) as socket:
        code, reason = await closed(socket)
        assert code == 1008 and reason.startswith("FORBIDDEN: ")


async def test_an_open_socket_asks_for_the_key_itself(served: Served, someone: Tenant) -> None:
    async with connect(served, "/t/open") as socket:
        assert (await said(socket)) == {"organization": "", "path": "/t/open", "invalid": ""}
        assert (await said(socket, {"token": someone.key}))["organization"] == someone.caller.organization_id
        assert (await said(socket, {"text": "x"}))["organization"] == someone.caller.organization_id
    async with connect(served, "/t/open") as socket:
        await said(socket)
        await socket.send(json.dumps({"token": "wrong"}))
        assert (await closed(socket))[0] == 1008
    async with connect(served, "/t/open") as socket:
        await said(socket)
        await socket.send(json.dumps({"text": "no token"}))
        assert await closed(socket) == (1008, "UNAUTHORIZED: say your token first")
    async with connect(served, "/t/open?token=wrong") as socket:
        assert (await closed(socket))[0] == 1008
    weak = await make_tenant(served.database, scopes="tasks:read")
    async with connect(served, "/t/open") as socket:
        await said(socket)
        await socket.send(json.dumps({"token": weak.key}))
        assert (await closed(socket))[1].startswith("FORBIDDEN")


BAD_FRAMES = [
    ("{not json", 1007),
    ("[1]", 1007),
    ('"text"', 1007),
    (b"{}", 1003),
    ('{"times": "many"}', 1007),
    ('{"times": NaN}', 1007),
    ('{"text": "\\ud800"}', 1007),
    ('{"text": {"a": 1}}', 1007),
    ("[" * 100_000, 1007),
    ('{"x":' * 5000 + "1" + "}" * 5000, None),
]


@pytest.mark.parametrize(("frame", "code"), BAD_FRAMES)
async def test_a_bad_frame_is_told_or_closes(served: Served, someone: Tenant, frame, code) -> None:
    async with connect(served, "/t/echo/a", someone) as socket:
        await said(socket)
        answer = await said(socket, frame)
        if code is not None:
            assert answer["invalid_frame"] and answer["room"] == "" and answer["times"] == 0
        assert (await said(socket, {"text": "goes on"}))["text"] == "goes on"
    if code is None:
        return
    async with connect(served, "/t/strict", someone) as socket:
        await said(socket)
        await socket.send(frame)
        found, reason = await closed(socket)
        assert found == code and reason.startswith("INVALID_REQUEST: frame: ") and len(reason.encode()) <= 123


MANY_PARTS = {
    "keys": json.dumps({f"k{number}": 1 for number in range(80_000)}),
    "elements": json.dumps({"x": [[]] * 250_000}),
    "keys that fit not": json.dumps({f"k{number}": 1 for number in range(900)} | {"text": 1}),
    "depth": "[" * 1_000_000,
    "digits": '{"x": 1' + "0" * 1_000_000 + "}",
}


@pytest.mark.parametrize("name", MANY_PARTS)
async def test_a_frame_of_very_many_parts_keeps_nobody_waiting(served: Served, someone: Tenant, name: str) -> None:
    async with connect(served, "/t/echo/a", someone) as socket:
        await said(socket)
        async with longest_hold() as held:
            answer = await said(socket, MANY_PARTS[name])
        assert answer["invalid_frame"] and held.longest < BOUND


async def test_errors_close_with_their_codes(served: Served, someone: Tenant) -> None:
    for text, expected in (
        ("bug", (1011, "INTERNAL_ERROR: something went wrong on our side")),
        ("many", (1013, "RATE_LIMITED: too much said")),
        ("away", (1012, "SERVICE_UNAVAILABLE: the server is stopping")),
        ("end", (1000, "")),
    ):
        async with connect(served, "/t/echo/a", someone) as socket:
            await said(socket)
            await socket.send(json.dumps({"text": text}))
            assert await closed(socket) == expected
    async with connect(served, "/t/echo/a", someone) as socket:
        await said(socket)
        await socket.send(json.dumps({"text": "ä" * 101}))
        code, reason = await closed(socket)
        assert code == 1008 and reason.startswith("INVALID_REQUEST: text")


async def test_a_frame_too_large_closes_with_1009(served: Served, someone: Tenant) -> None:
    socket = await connect(served, "/t/echo/a", someone, max_size=None)
    await said(socket)
    # The client's library may fail over a transport that has gone meanwhile.
    with contextlib.suppress(ConnectionClosed, AttributeError):
        await socket.send("x" * 10_000_000)
    await asyncio.wait_for(socket.wait_closed(), 10)
    assert socket.close_code == 1009
    socket = await connect(served, "/t/echo/a", someone)
    await said(socket)
    with contextlib.suppress(AttributeError):
        await socket.send("x" * ((1 << 20) + 1))
    await asyncio.wait_for(socket.wait_closed(), 10)
    assert socket.close_code == 1009
    await eventually(lambda: served.talk.open == 0)


async def test_a_path_that_is_no_socket(served: Served, someone: Tenant) -> None:
    for path in ("/nothing", "/t/echo/a/b", "/t/echo/", "/test.talk.v1.TalkService/Native"):
        with pytest.raises(InvalidStatus) as caught:
            async with connect(served, path, someone):
                pass
        assert caught.value.response.status_code == 404
        assert json.loads(caught.value.response.body)["error"]["code"] == "NOT_FOUND"
    with pytest.raises(InvalidStatus):
        async with connect(served, "/t/echo/a", someone, headers={"X-Socket-Packages": "other.v1"}):
            pass
    async with connect(served, "/t/echo/a", someone, headers={"X-Socket-Packages": "other.v1, test.talk.v1"}) as socket:
        await said(socket)


async def plain(served: Served, path: str) -> bytes:
    reader, writer = await asyncio.open_unix_connection(str(served.path))
    writer.write(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    return answer


async def test_plain_requests_get_plain_answers(served: Served) -> None:
    assert (await plain(served, "/")).startswith(b"HTTP/1.1 200")
    answer = await plain(served, "/t/feed")
    assert answer.startswith(b"HTTP/1.1 426") and b'"UPGRADE_REQUIRED"' in answer and b"application/json" in answer


async def test_connections_are_bounded(served: Served, someone: Tenant) -> None:
    served.bridge._connections = 20
    sockets = [await connect(served, "/t/feed", someone) for _ in range(20)]
    with pytest.raises(InvalidStatus) as caught:
        await connect(served, "/t/feed", someone)
    assert caught.value.response.status_code == 503
    assert json.loads(caught.value.response.body)["error"]["code"] == "SERVICE_UNAVAILABLE"
    await sockets.pop().close()
    await eventually(lambda: len(served.bridge._sockets) == 19)
    sockets.append(await connect(served, "/t/feed", someone))
    for socket in sockets:
        socket.transport.abort()
    await eventually(lambda: not served.bridge._sockets and not served.talk.open)


@pytest.mark.parametrize("path", ["/t/feed", "/t/echo/a"])
@pytest.mark.parametrize("how", ["abort", "close"])
async def test_a_client_that_goes_ends_the_call(served: Served, someone: Tenant, path: str, how: str) -> None:
    socket = await connect(served, path, someone)
    await said(socket)
    if path != "/t/feed":
        await socket.send(json.dumps({"text": "wait"}))
    assert served.talk.open == 1
    if how == "abort":
        socket.transport.abort()
    else:
        await socket.close()
    await asyncio.wait_for(served.talk.ended.wait(), 5)
    assert served.talk.open == 0


async def test_a_slow_reader_delays_nobody_else(served: Served, someone: Tenant) -> None:
    slow = await connect(served, "/t/feed", someone, max_queue=1)
    slow.transport.pause_reading()
    await asyncio.sleep(0.05)
    fast = await connect(served, "/t/feed", someone)
    await said(fast)
    message = body(said="x" * 100_000)
    for _ in range(100):
        served.talk.publish(message)
        began = time.monotonic()
        await said(fast)
        assert time.monotonic() - began < 1
    queue = max(served.talk.queues, key=lambda each: each.qsize())
    assert queue.qsize() > 80
    slow.transport.abort()
    await fast.close()


async def test_a_call_that_does_not_read_stops_the_reading(served: Served, someone: Tenant) -> None:
    socket = await connect(served, "/t/feed", someone, write_limit=1024)
    await said(socket)
    sent = 0
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            while sent < 10_000:
                await socket.send("x" * 10_000)
                sent += 1
    assert sent < 1000
    socket.transport.abort()


async def test_a_reader_that_has_stopped_is_given_up(served: Served, someone: Tenant, monkeypatch) -> None:
    monkeypatch.setattr("server.websocket.socket.STALLED_SECONDS", 0.3)
    socket = await connect(served, "/t/feed", someone, max_queue=1)
    socket.transport.pause_reading()
    await eventually(lambda: served.talk.queues)
    for _ in range(100):
        served.talk.publish(body(said="x" * 100_000))
    await eventually(lambda: served.talk.open == 0)
    socket.transport.abort()


async def test_a_socket_ends_with_its_key(served: Served) -> None:
    stored, key = await api_keys.create_key(served.database, organization="o", name="n")
    async with connect(served, f"/t/feed?token={key}") as socket, connect(served, "/t/open") as other:
        await said(socket)
        await said(other)
        assert (await said(other, {"token": key}))["organization"]
        await api_keys.revoke_key(served.database, f"key_{stored.id}")
        pass_time(served.database, 1)
        served.talk.publish(body(said=1))
        assert await closed(socket) == (1008, "UNAUTHORIZED: this API key has been revoked")
        await other.send("{}")
        assert (await closed(other))[0] == 1008


async def test_a_server_that_stops_says_so(served: Served, someone: Tenant) -> None:
    sockets = [await connect(served, "/t/feed", someone) for _ in range(50)]
    deaf = await connect(served, "/t/feed", someone)
    deaf.transport.pause_reading()
    began = time.monotonic()
    await served.bridge.stop(3)
    assert time.monotonic() - began < 4
    for socket in sockets:
        assert await closed(socket) == (1001, "the server stops")
    assert not served.talk.open
    with pytest.raises(OSError):
        await connect(served, "/t/feed", someone)
    deaf.transport.abort()
