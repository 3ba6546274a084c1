"""The Industrial API's shapes: resources as messages, and pages."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any, Protocol

from orchestrator.wire.industrial.v1.agent_pb2 import Agent as AgentMessage
from orchestrator.wire.industrial.v1.session_pb2 import Checkpoint as CheckpointMessage
from orchestrator.wire.industrial.v1.session_pb2 import Session as SessionMessage
from orchestrator.wire.industrial.v1.session_pb2 import SessionMetrics
from orchestrator.wire.industrial.v1.task_pb2 import Task as TaskMessage

from server import values
from server.apikit.projection import project, timestamp
from server.apis.industrial.ids import shown_id
from server.apis.industrial.words import SESSION_WORDS, task_status
from server.core.agents.performance import AgentSnapshot, success_rate, tier
from server.core.coding.checkpoints import KEPT_CHECKPOINTS
from server.model import AgentStatus, Checkpoint, Priority, Session, SessionCount, SessionKind, Task, TaskStatus

PAGE_SIZE = 20
# From which figures on an agent is what.
OVERLOADED, LOADED = 95.0, 80.0
# Two heartbeats that did not come, and the time that one may take.
MISSED = 65_000_000


class Paged(Protocol):
    """A request for a page; 0 stands for absent."""

    page: int
    page_size: int


def page_of(request: Paged) -> tuple[int, int, int]:
    """The page and its size that are meant, and how many rows to skip."""
    page, size = request.page or 1, request.page_size or PAGE_SIZE
    return page, size, (page - 1) * size


def paged(page: int, size: int, total: int) -> dict[str, Any]:
    """What goes beside the items of a page."""
    return {"total": total, "page": page, "page_size": size, "has_more": page * size < total}


def _id(digits: str | None) -> str | None:
    return shown_id(digits) if digits else None


def session_message(session: Session, count: SessionCount, now: int | None = None) -> SessionMessage:
    """A session as it is now, in microseconds since 1970, and what it counts of its tasks."""
    return project(
        session,
        SessionMessage,
        id=shown_id(session.id),
        title=session.name,
        status=SESSION_WORDS[session.status],
        type=session.type or "CODING",
        priority=Priority(session.priority).name,
        initial_prompt=session.prompt,
        parent_session_id=_id(session.parent_id),
        max_duration_seconds=session.timeout_seconds,
        result=session.result,
        retry_count=session.retries,
        checkpoint_count=min(session.checkpoints, KEPT_CHECKPOINTS),
        metrics=SessionMetrics(
            total_tasks=count.total,
            completed_tasks=count.completed,
            failed_tasks=count.failed,
            execution_time_ms=execution_time(session, now) / 1000,
            tokens_used=count.tokens,
        ),
    )


def execution_time(session: Session, now: int | None = None) -> int:
    """How long a session has run, in microseconds, pauses not counted."""
    if session.resumed_at is not None:
        return session.ran + max(0, (now or time.time_ns() // 1000) - session.resumed_at)
    if session.kind == SessionKind.PLAIN and session.started_at is not None and not session.ran:
        # One that nobody has paused runs from its first task to its end.
        return (session.completed_at or now or time.time_ns() // 1000) - session.started_at
    return session.ran


def checkpoint_message(checkpoint: Checkpoint) -> CheckpointMessage:
    """A checkpoint."""
    return project(
        checkpoint,
        CheckpointMessage,
        id=shown_id(checkpoint.id),
        session_id=shown_id(checkpoint.session_id),
        sequence=checkpoint.number,
        data=values.struct_of(checkpoint.data),
    )


def task_message(
    task: Task, *, dependencies: Sequence[str] = (), completed: int | None = None, failed: int | None = None
) -> TaskMessage:
    """A task; dependencies as digits, and how many of its parts have ended so, where somebody has asked for them."""
    return project(
        task,
        TaskMessage,
        id=shown_id(task.id),
        session_id=_id(task.session_id),
        parent_task_id=_id(task.parent_id or task.recurring_id),
        title=task.title or task.type or "Untitled",
        status=task_status(task),
        complexity=task.complexity or "MEDIUM",
        priority=Priority(task.priority).name,
        required_capabilities=json.loads(task.capabilities),
        assigned_agent_id=_id(task.agent_id),
        progress=task.progress or 0.0,
        subtask_count=task.subtasks,
        completed_subtasks=completed,
        failed_subtasks=failed,
        dependencies=[shown_id(each) for each in dependencies],
        result=task.output or None,
        error=json.loads(task.error)["message"] if task.error else "",
        started_at=timestamp(task.started_at) if task.started_at and task.status != TaskStatus.PENDING else None,
        cancel_requested=task.cancel_requested_at is not None and task.completed_at is None,
    )


def agent_status(standing: AgentSnapshot, now: int) -> str:
    """What this API calls the state of an agent, from its heartbeats and its load."""
    agent = standing.agent
    if agent.status != AgentStatus.ACTIVE or agent.deleted_at is not None:
        return "OFFLINE"
    load = current_load(standing)
    silent = standing.last_seen_at is not None and standing.last_seen_at < now - MISSED
    if silent or (standing.load is not None and load >= OVERLOADED):
        return "DEGRADED"
    if load >= LOADED or standing.running >= agent.max_concurrent_tasks:
        return "BUSY"
    return "ACTIVE" if standing.running or load else "IDLE"


def current_load(standing: AgentSnapshot) -> float:
    """0 to 100: what the agent says, or else how much of its room is taken."""
    if standing.load is not None:
        return standing.load
    return min(100.0, round(100 * standing.running / standing.agent.max_concurrent_tasks, 2))


def agent_message(standing: AgentSnapshot, now: int | None = None) -> AgentMessage:
    """An agent as it is now, in microseconds since 1970."""
    agent = standing.agent
    return project(
        agent,
        AgentMessage,
        id=shown_id(agent.id),
        status=agent_status(standing, now or time.time_ns() // 1000),
        capabilities=json.loads(agent.capabilities),
        tier=tier(agent),
        current_load=current_load(standing),
        current_tasks=standing.running,
        success_rate=success_rate(agent),
        registered_at=timestamp(agent.created_at),
        last_heartbeat=timestamp(standing.last_seen_at) if standing.last_seen_at is not None else None,
    )
