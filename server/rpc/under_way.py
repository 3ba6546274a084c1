"""The calls under way: a server that stops finishes them, and takes no more."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from server.errors import Unavailable

# How long a call may take to say that it was given up.
LAST_WORDS_SECONDS = 1.0


class UnderWay:
    """Knows the task of each call that is under way in this process."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[object] | None] = set()
        self._given_up: set[asyncio.Task[object] | None] = set()
        self._refusing = False
        self._empty = asyncio.Event()

    def enter(self) -> asyncio.Task[object] | None:
        """The current task is a call's, until it leaves. Raises Unavailable where none are taken any more."""
        if self._refusing:
            raise Unavailable("this server is stopping; try again")
        task = asyncio.current_task()
        self._tasks.add(task)
        return task

    def leave(self, task: asyncio.Task[object] | None) -> None:
        """It no longer is."""
        self._tasks.discard(task)
        if not self._tasks:
            self._empty.set()

    def was_given_up(self) -> bool:
        """Whether it is because the server stops that the current task has been cancelled."""
        task = asyncio.current_task()
        if task not in self._given_up or task is None:
            return False
        self._given_up.discard(task)
        task.uncancel()
        return True

    async def finish(self, seconds: float) -> None:
        """Takes no more calls, and lets those under way end, which they are told to do after `seconds`."""
        self._refusing = True
        await self._emptied(seconds)
        self._given_up = set(self._tasks)
        for task in self._given_up:
            if task is not None:
                task.cancel()
        await self._emptied(LAST_WORDS_SECONDS)

    async def _emptied(self, seconds: float) -> None:
        if self._tasks:
            self._empty.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._empty.wait()
