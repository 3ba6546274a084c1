"""Turns of the loop that whoever has much to do gives to others while doing it, or has it done elsewhere."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")

# After so much time others are due. What is done between two looks at the clock comes on top of it: parsing the largest
# value takes nine milliseconds, and nobody is to hold the loop for more than twenty.
SECONDS = 0.003
# A request needs several turns of the loop, and gets them while one piece of work waits.
TURNS = 3


class Pace:
    """The pace of one piece of work, which asks for `turn` wherever it may be interrupted."""

    __slots__ = ("_until",)

    def __init__(self) -> None:
        self._until = time.perf_counter() + SECONDS

    async def turn(self) -> None:
        """Lets others go on, where they are due: asking takes a fraction of a microsecond."""
        if time.perf_counter() >= self._until:
            for _ in range(TURNS):
                await asyncio.sleep(0)
            self._until = time.perf_counter() + SECONDS


async def all_of(items: Iterable[T]) -> list[T]:
    """All that an iterable gives, each of which may take a while to make."""
    pace, made = Pace(), []
    for item in items:
        made.append(item)
        await pace.turn()
    return made


async def answer_of(module: str, request: bytes, seconds: float) -> bytes | None:
    """What a module, run as a process of its own, answers a request on its standard input; None where it fails.

    Raises TimeoutError. The process ends with the call, whichever way that does.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        # Nothing in the folder that this process was started in is ours.
        "-P",
        "-m",
        module,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(seconds):
            answer, _ = await process.communicate(request)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return answer if process.returncode == 0 else None
