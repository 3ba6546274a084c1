"""The Agent Operations API's shapes of workflows and runs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.wire.agent_operations.v1.task_pb2 import TaskError, TaskRetry
from orchestrator.wire.agent_operations.v1.workflow_pb2 import Workflow as WorkflowMessage
from orchestrator.wire.agent_operations.v1.workflow_pb2 import WorkflowRun as RunMessage
from orchestrator.wire.agent_operations.v1.workflow_pb2 import WorkflowRunStep, WorkflowStep

from server.apikit.projection import project, timestamp
from server.core.workflows.runs import RunStep
from server.core.workflows.step_spec import steps_in
from server.model import Priority, Workflow, WorkflowRun


def workflow_message(workflow: Workflow) -> WorkflowMessage:
    """A workflow; without its steps where an event left them out."""
    return project(
        workflow,
        WorkflowMessage,
        id=f"workflow_{workflow.id}",
        steps=[_step_message(step) for step in steps_in(workflow.steps or "[]")],
    )


def run_message(run: WorkflowRun, steps: Sequence[RunStep] = ()) -> RunMessage:
    """A run, with these steps."""
    ended = run.completed_at
    return project(
        run,
        RunMessage,
        id=f"run_{run.id}",
        workflow_id=f"workflow_{run.workflow_id}",
        priority=Priority(run.priority).name.lower(),
        parameters=run.parameters or None,
        steps=[_run_step_message(step) for step in steps],
        output=run.output,
        started_at=timestamp(run.created_at),
        duration=(ended - run.created_at) / 1_000_000 if ended is not None else None,
    )


def _step_message(step: Mapping[str, Any]) -> WorkflowStep:
    plain = {name: value for name, value in step.items() if name not in ("input", "retry")}
    return WorkflowStep(
        **plain,
        input=step.get("input"),
        retry=TaskRetry(**step["retry"]) if "retry" in step else None,
    )


def _run_step_message(each: RunStep) -> WorkflowRunStep:
    own = {name: each.step[name] for name in ("id", "name", "agent_type", "order")}
    message = WorkflowRunStep(**own, status=each.status)
    task = each.task
    if task is None:
        return message
    message.task_id = f"task_{task.id}"
    message.attempts = task.attempt
    if task.output is not None:
        message.output = task.output
    if task.error:
        error = json.loads(task.error)
        message.error.CopyFrom(TaskError(type=error["type"], message=error["message"]))
    if task.started_at is not None:
        message.started_at.CopyFrom(timestamp(task.started_at))
    if task.completed_at is not None:
        message.completed_at.CopyFrom(timestamp(task.completed_at))
    if task.duration_ms is not None:
        message.duration = task.duration_ms / 1000
    return message
