"""What reaches the log, and what must not."""

from __future__ import annotations

import asyncio
import json
import logging
import struct

import pytest
import structlog

from server.core.shared.call_context import Call, Caller
from server.rpc import log
from tests.support.talk import PACKAGE, Served

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
KEY = "ak_a_key_that_nobody_may_read"


def fail(call: Call, headers: dict[str, str]) -> None:
    assert call.headers is headers
    raise RuntimeError("a bug")


def test_a_bug_is_logged_without_the_callers_key(capfd: pytest.CaptureFixture[str]) -> None:
    before = structlog.get_config()
    try:
        log.configure("INFO")
        # Under pytest standard error is another file each time.
        logger = structlog.get_logger()
        headers = {"authorization": f"Bearer {KEY}"}
        call = Call(Caller("o", "u", "k", frozenset()), "r", headers=headers)
        try:
            fail(call, headers)
        except RuntimeError as error:
            logger.error("bug", exc_info=error)
    finally:
        structlog.configure(**before)
    line = capfd.readouterr().err.strip()
    logged = json.loads(line)
    assert logged["exception"][0]["exc_value"] == "a bug"
    assert [frame["name"] for frame in logged["exception"][0]["frames"]][-1] == "fail"
    assert KEY not in line and KEY not in repr(call)


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def header(name: bytes, value: bytes) -> bytes:
    """As HPACK has it without its tables."""
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


async def test_a_header_that_is_not_utf8_is_no_traceback(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    reader, writer = await asyncio.open_unix_connection(served.grpc_path)
    headers = {
        b":method": b"POST",
        b":scheme": b"http",
        b":path": f"/{PACKAGE}.TalkService/Listen".encode(),
        b":authority": b"localhost",
        b"te": b"trailers",
        b"content-type": b"application/grpc",
        b"authorization": b"Bearer \xff\xfe",
        b"x-anything": b"\xff",
    }
    block = b"".join(header(*each) for each in headers.items())
    with caplog.at_level(logging.WARNING):
        writer.write(PREFACE + frame(4, 0, 0, b"") + frame(1, 4, 1, block) + frame(0, 1, 1, bytes(5)))
        async with asyncio.timeout(5):
            said = b""
            while b"x-request-id" not in said:
                said += await reader.read(65_536)
        # Anything else that gRPC says of itself is kept.
        logging.getLogger("grpc._cython.cygrpc").error("something else")
    writer.close()
    assert [record.getMessage() for record in caplog.records if record.name.startswith("grpc")] == ["something else"]
