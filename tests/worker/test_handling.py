"""What becomes of a task whatever its function does: it ends, and the worker goes on."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest
from orchestrator.v1 import worker_pb2 as pb
from orchestrator.v1.task_pb2 import Task

from server.worker.context import Context
from server.worker.handling import Handler, outcome
from server.worker.values import from_value, to_value


class Mute(Exception):
    def __str__(self) -> str:
        raise ValueError("no words")


def raising(error: BaseException) -> Any:
    raise error


def in_a_thread(what: Callable[[], Any]) -> Handler:
    return Handler(lambda context: what())


def in_the_loop(what: Callable[[], Any]) -> Handler:
    async def function(context: Context) -> Any:
        return what()

    return Handler(function)


@pytest.mark.parametrize("handler", [in_a_thread, in_the_loop], ids=["thread", "coroutine"])
@pytest.mark.parametrize(
    ("what", "type", "message"),
    [
        (lambda: sys.exit(2), "SystemExit", "the code exited with 2"),
        (lambda: raising(KeyboardInterrupt()), "KeyboardInterrupt", ""),
        (lambda: raising(GeneratorExit()), "GeneratorExit", ""),
        (lambda: raising(Mute()), "Mute", "it cannot be put into words"),
        (lambda: {1: "a", "1": "b"}, "ValueError", "such as 1 and '1'"),
        (lambda: {"a": object()}, "TypeError", "this is a object"),
    ],
    ids=["exit", "interrupt", "generator", "mute", "keys", "no JSON"],
)
async def test_whatever_a_function_does_its_task_fails_and_nothing_else(
    handler: Callable[..., Handler], what: Callable[[], Any], type: str, message: str
) -> None:
    said = await outcome(handler(what), _context())
    assert said.fail.error.type == type and message in said.fail.error.message and said.fail.retryable
    assert type in said.fail.error.traceback


async def test_an_iteration_that_stops_fails_its_task() -> None:
    said = await outcome(in_a_thread(lambda: next(iter([]))), _context())
    assert said.fail.error.type == "StopIteration" and "test_handling" in said.fail.error.traceback
    # Python itself makes another error of it in coroutines.
    assert (await outcome(in_the_loop(lambda: next(iter([]))), _context())).fail.error.type == "RuntimeError"


async def test_what_would_be_plain_data_says_how() -> None:
    class Scalar:
        def tolist(self) -> float:
            return 1.0

    assert "`.tolist()`" in (await outcome(in_a_thread(Scalar), _context())).fail.error.message
    assert from_value((await outcome(in_a_thread(lambda: {1: 2}), _context())).complete.output) == {"1": 2}


def _context() -> Context:
    return Context(Task(input=to_value({})), pb.LeaseRef(), lambda request: None)
