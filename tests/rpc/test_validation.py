"""Validation: lists that are too long are refused before anybody looks at what is in them."""

from __future__ import annotations

import contextlib
import time
from typing import Any

import pytest
from orchestrator.wire.agent_operations.v1 import agent_service_pb2 as operations
from orchestrator.wire.v1 import task_service_pb2 as tasks
from orchestrator.wire.v1 import workflow_service_pb2 as workflows

from server.errors import InvalidRequest
from server.rpc import validation
from tests.support.holds import BOUND

STEP = {"agent_type": "x"}


@pytest.mark.parametrize(
    ("request_", "field", "most"),
    [
        (workflows.CreateWorkflowRequest(name="w", steps=[{}] * 300_000), "steps", 100),
        (
            workflows.CreateWorkflowRequest(name="w", steps=[STEP, {**STEP, "capabilities": ["x"] * 300_000}]),
            "steps[1].capabilities",
            100,
        ),
        (tasks.BatchCreateTasksRequest(tasks=[{}] * 300_000), "tasks", 500),
        (
            tasks.BatchCreateTasksRequest(tasks=[{"type": "x"}, {"type": "x", "depends_on": ["x"] * 300_000}]),
            "tasks[1].depends_on",
            100,
        ),
        (tasks.CreateTaskRequest(type="x", capabilities=["x"] * 300_000), "capabilities", 32),
        (operations.CreateAgentRequest(name="a", type="b", capabilities=["x"] * 300_000), "capabilities", 100),
    ],
    ids=["steps", "of a step", "tasks", "of a task", "capabilities", "of an agent"],
)
def test_a_list_that_is_too_long_is_refused_at_once(request_: Any, field: str, most: int) -> None:
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
