"""Starts the process with the model, asks it, and starts it again where it has died or says nothing."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from server.errors import Unavailable
from server.work.embedding.frames import HEAD, Said, frame

# How long a model may take to be read, and a question to be answered, with those before it.
START_SECONDS, ANSWER_SECONDS = 60.0, 20.0
MOST_ASKED = 64
# One that ends sooner than that is started again only then.
PAUSE_SECONDS = 5.0
# One core is enough for it, and the others are for servers. What it gives back between two layers is kept for the
# next one, which takes a seventh of the time away.
_SET = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    **dict.fromkeys(("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"), str(64 << 20)),
    "TOKENIZERS_PARALLELISM": "false",
}
_PASSED = ("PATH", "LANG", "LC_ALL", "VIRTUAL_ENV")
log = structlog.get_logger()


class NoEmbedder(Unavailable):
    """There is no process with a model now."""


@dataclass(slots=True, eq=False)
class Running:
    """One process. What it keeps is gone when another one follows it."""

    process: Process
    # The digest of its model.
    model: str
    # What it has not answered yet, also where nobody waits any more, and when it last said something.
    asked: dict[int, asyncio.Future[tuple[Said, bytes]]] = field(default_factory=dict)
    heard: float = field(default_factory=time.monotonic)


class Embedder:
    """Asks a process of its own, which is started with the first question."""

    def __init__(self, folder: Path, memory_bytes: int) -> None:
        self._folder = folder
        self._memory_bytes = memory_bytes
        self._numbers = itertools.count(1)
        self._running: Running | None = None
        self._starting: asyncio.Task[Running] | None = None
        self._listening: asyncio.Task[None] | None = None
        self._not_before = 0.0
        self._closed = False

    @property
    def busy(self) -> bool:
        """Whether so many ask already that one more would wait for longer than anybody does."""
        return self._running is not None and len(self._running.asked) >= MOST_ASKED

    async def running(self) -> Running:
        """The process. Raises NoEmbedder."""
        if self._running is not None:
            return self._running
        if self._starting is None:
            if self._closed or time.monotonic() < self._not_before:
                raise NoEmbedder("there is no process with a model now")
            self._starting = asyncio.create_task(self._start())
            self._starting.add_done_callback(looked_at)
        # Whoever cannot wait leaves it to those after them.
        return await asyncio.shield(self._starting)

    async def _start(self) -> Running:
        self._not_before = time.monotonic() + PAUSE_SECONDS
        # Nothing in the folder that this process was started in is ours.
        command = [sys.executable, "-P", "-m", "server.work.embedding", str(self._folder), str(self._memory_bytes)]
        environment = {name: os.environ[name] for name in _PASSED if name in os.environ} | _SET
        process: Process | None = None
        try:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=environment, start_new_session=True
            )
            async with asyncio.timeout(START_SECONDS):
                said, _ = await _read(process)
            if "unusable" in said:
                raise NoEmbedder(said["unusable"])
            self._running = Running(process, said["model"])
            self._listening = asyncio.create_task(self._listen(self._running))
            return self._running
        except (OSError, asyncio.IncompleteReadError, TimeoutError, NoEmbedder) as error:
            log.warning("passages are found by their words alone: there is no model", reason=str(error))
            raise NoEmbedder("the model cannot be read") from None
        finally:
            self._starting = None
            if process is not None and self._running is None:
                await _end(process)

    async def ask(self, said: Said, beside: bytes = b"") -> tuple[Said, bytes]:
        """What the process answers. Raises NoEmbedder."""
        running = await self.running()
        assert running.process.stdin is not None
        number = next(self._numbers)
        answer = running.asked[number] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                running.process.stdin.write(frame({"id": number, **said}, beside))
                await running.process.stdin.drain()
                answered, more = await answer
        except TimeoutError:
            if time.monotonic() - running.heard >= ANSWER_SECONDS:
                log.warning("the process with the model says nothing, and is ended")
                await _end(running.process)
            raise NoEmbedder("the process with the model does not answer in time") from None
        except (BrokenPipeError, ConnectionResetError):
            raise NoEmbedder("the process with the model has ended") from None
        if "error" in answered:
            log.error("bug", did=said["do"], error=answered["error"])
            raise NoEmbedder("something went wrong on our side")
        return answered, more

    async def vector(self, text: str) -> bytes:
        """The vector of a text, as it is stored. Raises NoEmbedder."""
        _, vector = await self.ask({"do": "embed", "text": text})
        return vector

    async def _listen(self, running: Running) -> None:
        try:
            while True:
                said, beside = await _read(running.process)
                running.heard = time.monotonic()
                answer = running.asked.pop(said["id"])
                if not answer.done():
                    answer.set_result((said, beside))
        except Exception as error:
            # It has ended, or says what nobody could understand.
            log.warning("the process with the model is ended", reason=repr(error), code=await _end(running.process))
        finally:
            self._running = None
            for answer in running.asked.values():
                if not answer.done():
                    answer.set_exception(NoEmbedder("the process with the model has ended"))

    async def close(self) -> None:
        """Ends the process; nobody is answered any more."""
        self._closed = True
        tasks = [task for task in (self._starting, self._listening) if task is not None]
        running = self._running
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if running is not None:
            await _end(running.process)


def looked_at(task: asyncio.Task[Any]) -> None:
    """Whoever waited for it may have left, so nobody is told that nobody has looked at its error."""
    if not task.cancelled():
        task.exception()


async def _read(process: Process) -> tuple[Said, bytes]:
    assert process.stdout is not None
    said, beside = HEAD.unpack(await process.stdout.readexactly(HEAD.size))
    return json.loads(await process.stdout.readexactly(said)), await process.stdout.readexactly(beside)


async def _end(process: Process) -> int:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    return await process.wait()
