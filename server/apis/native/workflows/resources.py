"""The native API's workflows and runs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.wire.v1.task_pb2 import RetryPolicy, TaskError
from orchestrator.wire.v1.workflow_pb2 import Workflow as WorkflowMessage
from orchestrator.wire.v1.workflow_pb2 import WorkflowRun as RunMessage
from orchestrator.wire.v1.workflow_pb2 import (
    WorkflowRunStatus,
    WorkflowRunStep,
    WorkflowStatus,
    WorkflowStep,
    WorkflowStepStatus,
)

from server.apikit.projection import project, timestamp
from server.core.workflows.runs import RunStep
from server.core.workflows.step_spec import steps_in
from server.model import Workflow, WorkflowRun

STATUS = {name.removeprefix("WORKFLOW_STATUS_").lower(): number for name, number in WorkflowStatus.items()}
RUN_STATUS = {name.removeprefix("WORKFLOW_RUN_STATUS_").lower(): number for name, number in WorkflowRunStatus.items()}
STEP_STATUS = {
    name.removeprefix("WORKFLOW_STEP_STATUS_").lower(): number for name, number in WorkflowStepStatus.items()
}
WORDS = {number: word for word, number in STATUS.items()}
RUN_WORDS = {number: word for word, number in RUN_STATUS.items()}


def workflow_message(workflow: Workflow) -> WorkflowMessage:
    """A workflow; without its steps where an event left them out."""
    return project(
        workflow,
        WorkflowMessage,
        id=f"workflow_{workflow.id}",
        status=STATUS[workflow.status],
        steps=[_step_message(step) for step in steps_in(workflow.steps or "[]")],
    )


def run_message(run: WorkflowRun, steps: Sequence[RunStep] = ()) -> RunMessage:
    """A run, with these steps."""
    return project(
        run,
        RunMessage,
        id=f"run_{run.id}",
        workflow_id=f"workflow_{run.workflow_id}",
        status=RUN_STATUS[run.status],
        priority=run.priority + 1,
        parameters=run.parameters or None,
        steps=[_run_step_message(step) for step in steps],
        output=run.output,
    )


def _step_message(step: Mapping[str, Any]) -> WorkflowStep:
    plain = {name: value for name, value in step.items() if name not in ("input", "retry")}
    return WorkflowStep(
        **plain,
        input=step.get("input"),
        retry=RetryPolicy(**step["retry"]) if "retry" in step else None,
    )


def _run_step_message(each: RunStep) -> WorkflowRunStep:
    status: Any = STEP_STATUS[each.status]
    message = WorkflowRunStep(step=_step_message(each.step), status=status)
    task = each.task
    if task is None:
        return message
    message.task_id = f"task_{task.id}"
    message.attempts = task.attempt
    if task.output is not None:
        message.output = task.output
    if task.error:
        message.error.CopyFrom(TaskError(**json.loads(task.error)))
    if task.started_at is not None:
        message.started_at.CopyFrom(timestamp(task.started_at))
    if task.completed_at is not None:
        message.completed_at.CopyFrom(timestamp(task.completed_at))
    if task.duration_ms is not None:
        message.duration_ms = task.duration_ms
    return message
