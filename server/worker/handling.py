"""Calling a task's function, and putting into a message what came of it."""

from __future__ import annotations

import asyncio
import inspect
import traceback
from collections.abc import Callable
from typing import Any

from orchestrator.v1 import worker_pb2 as pb
from orchestrator.v1.task_pb2 import TaskError

from server.worker.context import Context, Permanent, clean
from server.worker.values import from_value, to_value

MAX_TRACEBACK = 64 << 10
# More than the server keeps, and less than a message may have.
MAX_RESULT = 3 << 20


class Unsendable(Exception):
    """Brings out of a thread what no future can hold, such as StopIteration, as its cause."""


class Handler:
    """A function, and how a task's input reaches it."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        parameters = list(inspect.signature(function).parameters.values())[1:]
        self._whole = len(parameters) == 1 and parameters[0].name == "input"
        self._keywords = any(each.kind == each.VAR_KEYWORD for each in parameters)
        self._names = [each.name for each in parameters]

    async def call(self, context: Context) -> Any:
        """Runs it: a coroutine here, anything else in a thread."""
        arguments = self._arguments(from_value(context.task.input))
        if inspect.iscoroutinefunction(self.function):
            return await self.function(context, **arguments)
        return await asyncio.to_thread(self._carried, context, arguments)

    def _carried(self, context: Context, arguments: dict[str, Any]) -> Any:
        try:
            return self.function(context, **arguments)
        except BaseException as error:
            # What is no Exception would end the thread or the loop, and StopIteration would never come out of it.
            if isinstance(error, Exception) and not isinstance(error, StopIteration):
                raise
            raise Unsendable from error

    def _arguments(self, given: Any) -> dict[str, Any]:
        if self._whole:
            return {"input": given}
        if not isinstance(given, dict):
            raise Permanent("the input must be an object: its keys are the function's parameters")
        if self._keywords:
            return given
        return {name: given[name] for name in self._names if name in given}


async def outcome(handler: Handler | None, context: Context) -> pb.WorkRequest:
    """What to say of a task: its result, why there is none, or that it has been cancelled."""
    try:
        if handler is None:
            raise Permanent(f"this worker does no tasks of type {context.task.type!r}")
        result = to_value(await handler.call(context))
        if result.ByteSize() > MAX_RESULT:
            raise Permanent(f"the result is larger than {MAX_RESULT} bytes")
        return pb.WorkRequest(complete=pb.Complete(lease=context.lease, output=result))
    except BaseException as raised:
        # Also what would end the program, `sys.exit` above all: it is the task that has failed, and others go on.
        error = raised.__cause__ if isinstance(raised, Unsendable) and raised.__cause__ is not None else raised
        if isinstance(error, asyncio.CancelledError) and context.cancelled.is_set():
            return pb.WorkRequest(cancelled=pb.Cancelled(lease=context.lease))
        told = TaskError(
            type=clean(type(error).__name__, 200),
            message=clean(_message(error)),
            traceback=clean("".join(traceback.format_exception(error))[-MAX_TRACEBACK:], MAX_TRACEBACK),
        )
        return pb.WorkRequest(fail=pb.Fail(lease=context.lease, error=told, retryable=not isinstance(error, Permanent)))


def _message(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"the code exited with {error.code!r}"
    try:
        return str(error)
    except Exception:
        # What describes itself badly has failed all the same.
        return "it cannot be put into words"
