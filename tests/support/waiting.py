"""Waiting for what must come."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any


async def eventually(check: Callable[[], Any], seconds: float = 10.0) -> Any:
    """The first true value of `check` (which may be async), looked for until `seconds` have passed."""
    async with asyncio.timeout(seconds):
        while True:
            value = check()
            if asyncio.iscoroutine(value):
                value = await value
            if value:
                return value
            await asyncio.sleep(0.01)


def until(check: Callable[[], Any], seconds: float = 20.0) -> None:
    """Returns once `check` is true, in a test without a loop."""
    ends = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < ends, "it never came"
        time.sleep(0.01)
