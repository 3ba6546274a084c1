"""Runners: what does the tasks of one runtime, and how one that is cancelled says what it leaves behind."""

from __future__ import annotations

import asyncio
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
