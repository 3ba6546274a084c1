"""Runners: what does the tasks of one runtime, how it does one now, and what it leaves behind when it is cancelled."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol

from server.core.queue.completion import Result
from server.model import Task


class CancelledWith(asyncio.CancelledError):
    """A runner that is cancelled leaves this behind, for the case that its task is."""

    def __init__(self, result: Result) -> None:
        super().__init__()
        self.result = result


class Runner(Protocol):
    """Does the tasks of one runtime. Cancelling `run` ends whatever it has started."""

    runtime: str
    concurrency: int

    async def run(self, task: Task) -> Result:
        """Does the task. Whatever it raises fails the task as our own fault."""


@dataclass(slots=True)
class Running:
    """An attempt that is being made in this process."""

    attempt: int
    work: asyncio.Task[None]
    cancelled: bool = False
    lost: bool = False
    # Whether it has got its first turn: what is cancelled before that would never end.
    begun: bool = False
