"""Validation: lists that are too long are refused before anybody looks at what is in them, and pages that there are not."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.message import Message
from orchestrator.wire.agent_operations.v1 import agent_service_pb2 as operations
from orchestrator.wire.v1 import task_service_pb2 as tasks
from orchestrator.wire.v1 import workflow_service_pb2 as workflows

from gateway.files import DESCRIPTORS
from server.errors import InvalidRequest
from server.rpc import validation
from tests.support.holds import BOUND

STEP = {"agent_type": "x"}


@pytest.mark.parametrize(
    ("make", "field", "most"),
    [
        (lambda: workflows.CreateWorkflowRequest(name="w", steps=[{}] * 300_000), "steps", 100),
        (
            lambda: workflows.CreateWorkflowRequest(name="w", steps=[STEP, {**STEP, "capabilities": ["x"] * 300_000}]),
            "steps[1].capabilities",
            100,
        ),
        (lambda: tasks.BatchCreateTasksRequest(tasks=[{}] * 300_000), "tasks", 500),
        (
            lambda: tasks.BatchCreateTasksRequest(tasks=[{"type": "x"}, {"type": "x", "depends_on": ["x"] * 300_000}]),
            "tasks[1].depends_on",
            100,
        ),
        (lambda: tasks.CreateTaskRequest(type="x", capabilities=["x"] * 300_000), "capabilities", 32),
        (lambda: operations.CreateAgentRequest(name="a", type="b", capabilities=["x"] * 300_000), "capabilities", 100),
    ],
    ids=["steps", "of a step", "tasks", "of a task", "capabilities", "of an agent"],
)
def test_a_list_that_is_too_long_is_refused_at_once(make: Callable[[], Any], field: str, most: int) -> None:
    request_ = make()
    # The rules of a message are compiled when they are first needed.
    with contextlib.suppress(InvalidRequest):
        validation.check(type(request_)(), has_nul=False)
    began = time.thread_time()
    with pytest.raises(InvalidRequest) as refused:
        validation.check(request_, has_nul=True)
    assert time.thread_time() - began < BOUND
    assert refused.value.details == {"field": field, "issue": f"must contain no more than {most} item(s)"}


def test_lists_that_are_not_too_long_are_looked_at() -> None:
    whole = workflows.CreateWorkflowRequest(name="w", steps=[STEP] * 100)
    validation.check(whole, has_nul=True)
    whole.steps[99].agent_type = ""
    with pytest.raises(InvalidRequest) as refused:
        validation.check(whole, has_nul=True)
    assert refused.value.details["field"] == "steps[99].agent_type"


def numbered() -> dict[str, type[Message]]:
    """Every request for a numbered page, of every API."""
    found = {}
    for file in FileDescriptorSet.FromString(DESCRIPTORS.read_bytes()).file:
        if file.name.startswith("orchestrator/") and file.service:
            # The messages that the server works with.
            name = file.name.removesuffix(".proto").replace("orchestrator/", "orchestrator/wire/", 1)
            module = import_module(name.replace("/", ".") + "_pb2")
            for method in (method for service in file.service for method in service.method):
                message = getattr(module, method.input_type.rpartition(".")[2], None)
                if message is not None and "page" in message.DESCRIPTOR.fields_by_name:
                    found[method.input_type.removeprefix(".orchestrator.")] = message
    return found


@pytest.mark.parametrize("name", numbered())
def test_pages_are_counted_from_one_to_a_million(name: str) -> None:
    message, check = numbered()[name], validation.check
    sizes = [each for each in ("limit", "page_size") if each in message.DESCRIPTOR.fields_by_name]
    assert len(sizes) == 1, "it says how many a page has"
    for field in ("page", *sizes):
        for wrong in (0, -1, 1_000_000_000):
            with pytest.raises(InvalidRequest) as refused:
                request = message(**{field: wrong})
                check(request, has_nul=False)
            assert field in {each["field"] for each in refused.value.details.get("violations", [refused.value.details])}
