"""What is made of whatever a receiver does, and to which machines connections go."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator

import pytest

from server.core.webhooks.addresses import AddressGuard
from server.core.webhooks.receivers import Receivers
from tests.support.receiver import Answer, Receiver

BODY = b'{"event":"e"}'


@pytest.fixture
async def receivers() -> AsyncIterator[Receivers]:
    opened = Receivers(AddressGuard(allow_private=True), seconds=5)
    yield opened
    await opened.close()


async def test_a_delivery_is_a_post_with_its_headers_and_the_start_of_the_answer_is_kept(receivers: Receivers) -> None:
    async with Receiver(lambda _: Answer(201, body=b"\xff\0" + b"x" * 5000)) as receiver:
        outcome = await receivers.send(receiver.url, BODY, {"User-Agent": "mine", "X-A": "b", "Content-Type": "application/json"})
        assert outcome.succeeded and (outcome.status, outcome.error) == (201, "")
        assert outcome.answer == "\ufffd\ufffd" + "x" * 1022 and outcome.latency_ms > 0
        (received,) = receiver.received
        assert received.body == BODY and received.path == "/hook" and received.headers["host"] == f"127.0.0.1:{receiver.port}"
        assert received.headers["user-agent"] == "mine" and "accept-encoding" not in received.headers
        await receivers.send(receiver.url, BODY, {})
        assert receiver.received[1].headers["user-agent"] == "Orchestrator-Webhooks/1.0" and receiver.connections == 1


async def test_a_redirect_is_a_failure_and_is_not_followed(receivers: Receivers) -> None:
    async with Receiver() as other, Receiver(lambda _: Answer(307, {"location": other.url})) as receiver:
        outcome = await receivers.send(receiver.url, BODY, {})
        assert (outcome.succeeded, outcome.status) == (False, 307) and other.received == []


async def test_cookies_are_not_kept(receivers: Receivers) -> None:
    async with Receiver(lambda _: Answer(200, {"set-cookie": "a=b; path=/"})) as receiver:
        for _ in range(2):
            await receivers.send(receiver.url, BODY, {})
        assert "cookie" not in receiver.received[1].headers


async def test_an_answer_without_end_is_read_to_64_kib(receivers: Receivers) -> None:
    sent = 0

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        try:
            while True:
                writer.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
                await writer.drain()
                sent += 65536
        except ConnectionError:
            writer.close()

    server = await asyncio.start_server(pour, "127.0.0.1", 0)
    outcome = await receivers.send(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", BODY, {})
    assert outcome.succeeded and len(outcome.answer) == 1024
    server.close()
    assert sent < 32 << 20


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"", "Disconnected"), (b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nx", "payload"), (b"nonsense\r\n\r\n", "HTTP"),
        (b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000 + b"\r\n\r\n", "than"),
    ],
)  # fmt: skip
async def test_an_answer_that_is_none_is_a_failure(receivers: Receivers, answer: bytes, why: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    outcome = await receivers.send(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", BODY, {})
    server.close()
    assert not outcome.succeeded and why in outcome.error


async def test_who_does_not_answer_in_time_or_at_all_has_failed() -> None:
    receivers = Receivers(AddressGuard(allow_private=True), seconds=0.05)
    async with Receiver(lambda _: Answer(hang=True)) as receiver:
        outcome = await receivers.send(receiver.url, BODY, {})
        assert outcome.error == "no answer within 0.05 seconds" and outcome.status is None
    outcome = await receivers.send(receiver.url, BODY, {})
    assert "Connect" in outcome.error and not outcome.succeeded
    await receivers.close()


@pytest.mark.parametrize(("text", "seconds"), [("120", 120), ("Fri, 31 Dec 1999 23:59:59 GMT", 0), ("soon", None), ("-5", None)])
async def test_retry_after_is_understood_in_both_forms(receivers: Receivers, text: str, seconds: float | None) -> None:
    async with Receiver(lambda _: Answer(503, {"retry-after": text})) as receiver:
        assert (await receivers.send(receiver.url, BODY, {})).retry_after == seconds


async def test_a_name_that_leads_elsewhere_the_second_time_is_not_connected_to() -> None:
    addresses = [["93.184.216.34"], ["127.0.0.1"], ["93.184.216.34", "127.0.0.1"]]

    async def resolve(host: str, port: int) -> list[str]:
        return addresses.pop(0)

    async with Receiver() as receiver:
        guard = AddressGuard(allow_private=False, resolve=resolve)
        url = f"http://rebinding.example:{receiver.port}/"
        await guard.check(url)
        receivers = Receivers(guard, seconds=5)
        for _ in range(2):
            outcome = await receivers.send(url, BODY, {})
            assert outcome.error == "the host leads to an address that is not public"
        for host in ("127.0.0.1", "[::ffff:127.0.0.1]", "2130706433", "localhost"):
            addresses[:] = [["127.0.0.1"]]
            outcome = await receivers.send(f"http://{host}:{receiver.port}/", BODY, {})
            assert "not public" in outcome.error or "not a canonical" in outcome.error, host
        assert receiver.connections == 0
        await receivers.close()


async def test_a_connection_goes_to_the_checked_address_with_the_name_in_host_and_sni() -> None:
    names: list[str | None] = []
    asked: list[tuple[str, int]] = []

    async def resolve(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return ["127.0.0.1"]

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    async with Receiver() as plain:
        receivers = Receivers(AddressGuard(allow_private=True, resolve=resolve), seconds=5)
        assert (await receivers.send(f"http://hooks.example:{plain.port}/x?y=1", BODY, {})).succeeded
        assert plain.received[0].headers["host"] == f"hooks.example:{plain.port}" and plain.received[0].path == "/x?y=1"
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        outcome = await receivers.send(f"https://secure.example:{port}/", BODY, {})
        server.close()
        # No certificate is there that anybody would believe.
        assert not outcome.succeeded and names == ["secure.example"] and asked[-1] == ("secure.example", port)
        await receivers.close()
