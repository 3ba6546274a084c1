"""The benchmarks' own arithmetic and parsing: figures are worth no more than these."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from benchmarks.load import Load, Run
from benchmarks.report import insert, percentile, table
from benchmarks.watch import Receipt, sse_receipts


@asynccontextmanager
async def answering(status: int) -> AsyncIterator[int]:
    """A server that sends every answer in two pieces; yields its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(f"HTTP/1.1 {status} Word\r\nContent-Le".encode())
                await asyncio.sleep(0.001)
                writer.write(b"ngth: 5\r\n\r\nhello")
        except asyncio.IncompleteReadError:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def test_load_counts_every_answer():
    async with answering(200) as port:
        run = Run(Load(port, ["GET / HTTP/1.1\r\n\r\n"], connections=4, count=50, expected="hello"))
        measured = await run.run()
    assert (measured.answers, measured.errors) == (50, 0)
    assert 0 < measured.p50 <= measured.p99
    assert measured.rate > 0


@pytest.mark.parametrize(("status", "expected"), [(500, "hello"), (200, "goodbye")])
async def test_load_counts_errors(status, expected):
    async with answering(status) as port:
        measured = await Run(Load(port, ["GET / HTTP/1.1\r\n\r\n"], count=3, expected=expected)).run()
    assert (measured.answers, measured.errors) == (0, 3)


async def test_load_keeps_its_pace():
    async with answering(200) as port:
        measured = await Run(Load(port, ["GET / HTTP/1.1\r\n\r\n"], count=6, interval=0.05)).run()
    assert measured.rate < 6 / 0.25 + 1


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_server_sent_events_are_read_from_any_pieces(size):
    events = [b"retry: 1000\n: connected\n\n"]
    events += [
        b'id: %d\nevent: session.created\ndata: {"created_at":"1970-01-01T00:00:01.%06dZ"}\n\n' % (number, number)
        for number in (7, 8)
    ]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(event), event) for event in [*events, b": keep-alive\n\n"])
    answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + chunks
    pieces = [(start, answer[start : start + size]) for start in range(0, len(answer), size)]
    receipts = list(sse_receipts(pieces))
    assert [receipt[:3] for receipt in receipts] == [
        (7, "session.created", 1_000_007),
        (8, "session.created", 1_000_008),
    ]
    assert isinstance(receipts[0], Receipt)


def test_percentiles_are_nearest_ranks():
    assert [percentile(range(1, 101), percent) for percent in (1, 50, 99, 100)] == [1, 50, 99, 100]
    assert percentile([3.0], 99) == 3.0
    assert percentile([], 50) == 0.0


def test_tables_go_between_their_markers():
    text = insert("a\n<!-- x -->\nold\n<!-- /x -->\nb", {"x": table(["", "n"], [["row", "1"]])})
    assert "old" not in text
    assert "| row | 1 |" in text
    assert insert(text, {"x": "new"}) == "a\n<!-- x -->\n\nnew\n\n<!-- /x -->\nb"
    with pytest.raises(ValueError, match="no place"):
        insert("text", {"x": "new"})
