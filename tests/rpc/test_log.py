"""What reaches the log, and what must not."""

from __future__ import annotations

import json

import pytest
import structlog

from server.core.shared.call_context import Call, Caller
from server.rpc import log

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
