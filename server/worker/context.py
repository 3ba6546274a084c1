"""What a task's function is given beside its input."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from orchestrator.v1.task_pb2 import Task
from orchestrator.v1.worker_pb2 import LeaseRef, Log, Progress, WorkRequest


class Permanent(Exception):
    """Raise it, or a subclass, to fail a task so that it is not tried again."""


class Context:
    """One attempt at a task. Its methods may be called from any thread."""

    def __init__(self, task: Task, lease: LeaseRef, say: Callable[[WorkRequest], None]) -> None:
        self.task = task
        self.lease = lease
        # Set when somebody asks to cancel the task, or its lease is lost. Coroutines are cancelled as well; functions
        # that run in a thread should look at it from time to time.
        self.cancelled = asyncio.Event()
        self._say = say
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()

    @property
    def traceparent(self) -> str:
        """The W3C trace context of the request that made the task, for what is done for it; empty for none."""
        return self.task.traceparent

    def progress(self, percent: float, message: str = "") -> None:
        """Says how far the task has come, 0 to 100. Say it as often as you like: the server keeps the last word."""
        percent = min(100.0, max(0.0, percent))
        self._send(WorkRequest(progress=Progress(lease=self.lease, percent=percent, message=clean(message))))

    def log(self, message: str, level: str = "info") -> None:
        """Writes a line about the task: `debug`, `info`, `warning` or `error`."""
        if level not in {"debug", "info", "warning", "error"}:
            raise ValueError(f"no such level: {level}")
        self._send(WorkRequest(log=Log(lease=self.lease, level=level, message=clean(message))))

    def _send(self, request: WorkRequest) -> None:
        if threading.get_ident() == self._thread:
            # At once, so that it comes before the result.
            self._say(request)
        else:
            self._loop.call_soon_threadsafe(self._say, request)


def clean(text: object, limit: int = 8192) -> str:
    """A text that the server takes."""
    return str(text)[:limit].replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()
