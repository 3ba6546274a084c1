"""The Agent Operations API's shapes: agents, tasks and pages."""

from __future__ import annotations

import json
from collections.abc import Sequence

from orchestrator.wire.agent_operations.v1.agent_pb2 import Agent as AgentMessage
from orchestrator.wire.agent_operations.v1.agent_pb2 import AgentMetrics
from orchestrator.wire.agent_operations.v1.pagination_pb2 import Pagination
from orchestrator.wire.agent_operations.v1.task_pb2 import Task as TaskMessage
from orchestrator.wire.agent_operations.v1.task_pb2 import TaskAttempt, TaskError, TaskLog, TaskRetry, TaskSchedule

from server import values
from server.apikit.projection import project, remembered, timestamp
from server.core.queue.schedule import next_runs
from server.errors import InvalidRequest
from server.model import Agent, AgentStatus, Attempt, Priority, Task, TaskStatus
from server.model import TaskLog as Line

PAGE_LIMIT = 20


def page_of(page: int, limit: int) -> tuple[int, int, int]:
    """The page and the limit that are meant, 0 standing for absent, and how many rows to skip."""
    page, limit = page or 1, limit or PAGE_LIMIT
    return page, limit, (page - 1) * limit


def pagination(page: int, limit: int, total: int, omitted: Sequence[str] = ()) -> Pagination:
    """Where a page stands, and which fields its items lack because they are large."""
    left_out = ",".join(omitted) or None
    return Pagination(page=page, limit=limit, total=total, pages=-(-total // limit), omitted_fields=left_out)


def object_of(field: str, value: bytes) -> bytes:
    """A value that must be an object. Raises InvalidRequest."""
    if not values.is_object(value):
        raise InvalidRequest(field, "must be an object")
    return value


def agent_message(agent: Agent) -> AgentMessage:
    """An agent, as far as its row says."""
    settings = {
        "max_concurrent_tasks": values.encode(agent.max_concurrent_tasks),
        "timeout": values.encode(agent.timeout_seconds),
        "retry_attempts": values.encode(agent.retry_attempts),
    }
    configuration = values.merged(agent.configuration or values.EMPTY_OBJECT, settings)
    ended = agent.tasks_completed + agent.tasks_failed
    metrics = AgentMetrics(
        tasks_completed=agent.tasks_completed,
        tasks_failed=agent.tasks_failed,
        success_rate=round(100 * agent.tasks_completed / ended, 2) if ended else None,
        avg_response_time=round(agent.busy_ms / agent.tasks_completed, 3) if agent.tasks_completed else None,
    )
    return project(
        agent,
        AgentMessage,
        id=f"agent_{agent.id}",
        status="initializing" if agent.status == AgentStatus.INSTALLING else agent.status,
        capabilities=json.loads(agent.capabilities),
        configuration=values.struct_of(configuration),
        health=None,
        metrics=metrics,
    )


# For lists and events, whose rows have no code.
light_agent_message = remembered(agent_message)


def task_message(task: Task, logs: Sequence[Line] = (), attempts: Sequence[Attempt] = ()) -> TaskMessage:
    """A task; without what its row lacks in lists and events."""
    ended = task.completed_at is not None
    return project(
        task,
        TaskMessage,
        id=f"task_{task.id}",
        agent_id=f"agent_{task.agent_id}" if task.agent_id else None,
        priority=Priority(task.priority).name.lower(),
        progress=task.progress or 0.0,
        payload=task.input or None,
        result=task.output or None,
        error=_error(task.error),
        schedule=_schedule(task) if task.schedule is not None else None,
        retry=TaskRetry(**json.loads(task.retry)) if task.retry is not None else None,
        capabilities=json.loads(task.capabilities) if task.capabilities != "[]" else (),
        session_id=f"session_{task.session_id}" if task.session_id else None,
        parent_id=f"task_{origin}" if (origin := task.parent_id or task.recurring_id) else None,
        workflow_run_id=f"run_{task.workflow_run_id}" if task.workflow_run_id else None,
        step_id=task.step_id or None,
        timeout=task.timeout_seconds,
        cancel_requested=task.cancel_requested_at is not None and task.completed_at is None,
        # A task that is tried again still has the figures of the attempt before.
        duration=round(task.duration_ms / 1000, 6) if ended and task.duration_ms is not None else None,
        started_at=timestamp(task.started_at) if task.started_at and task.status != TaskStatus.PENDING else None,
        estimated_completion=None,
        logs=[_log(line) for line in logs],
        attempts=[_attempt(attempt) for attempt in attempts],
    )


def _error(text: str | None) -> TaskError | None:
    if text is None:
        return None
    error = json.loads(text)
    return TaskError(type=error["type"], message=error["message"])


def _log(line: Line) -> TaskLog:
    return TaskLog(timestamp=timestamp(line.created_at), level=line.level, message=line.message)


def _attempt(attempt: Attempt) -> TaskAttempt:
    agent_id = f"agent_{attempt.agent_id}" if attempt.agent_id else None
    return project(attempt, TaskAttempt, agent_id=agent_id, error=_error(attempt.error))


def _schedule(task: Task) -> TaskSchedule:
    written = json.loads(task.schedule or "{}")
    runs = next_runs(written, task.next_run_at - 1) if task.next_run_at is not None else []
    return TaskSchedule(**written, next_runs=[timestamp(run) for run in runs])
