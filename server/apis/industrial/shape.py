"""The Industrial API's shapes: resources as messages.

None of their fields is ever missing over HTTP: what may have no value is a JSON value, and null then.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from typing import TypeVar

from orchestrator.wire.industrial.v1.agent_pb2 import Agent as AgentMessage
from orchestrator.wire.industrial.v1.session_pb2 import Checkpoint as CheckpointMessage
from orchestrator.wire.industrial.v1.session_pb2 import CheckpointSummary, SessionMetrics
from orchestrator.wire.industrial.v1.session_pb2 import Session as SessionMessage
from orchestrator.wire.industrial.v1.task_pb2 import Task as TaskMessage

from server import values
from server.apikit.projection import project, timestamp
from server.apis.industrial.ids import shown_id
from server.apis.industrial.words import SESSION_WORDS, task_status
from server.core.agents.performance import LOADED, MISSED, AgentSnapshot, success_rate, tier
from server.core.coding.checkpoints import kept
from server.core.coding.relations import Relations
from server.model import AgentStatus, Checkpoint, Priority, Session, SessionCount, SessionKind, Task, TaskStatus

# What checkpoints are made by: there is nobody but who calls.
MANUAL = "MANUAL"
# From which load on an agent is too busy.
OVERLOADED = 95.0


NO_RELATIONS = Relations([])


def _id(digits: str | None) -> bytes:
    return values.encode(shown_id(digits)) if digits else values.NULL


def _time(microseconds: int | None) -> bytes:
    return values.encode(timestamp(microseconds).ToJsonString()) if microseconds is not None else values.NULL


def nullable(number: float | None) -> bytes:
    """A figure that there may not be yet."""
    return values.encode(number) if number is not None else values.NULL


T = TypeVar("T", str, bytes, bytes | None)


class Texts:
    """Texts of a row, of which the first `longest` characters are shown; `truncated` names those that are not whole."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self.truncated: list[str] = []

    def cut(self, field: str, text: str) -> str:
        """The beginning of a text."""
        if len(text) <= self._longest:
            return text
        self.truncated.append(field)
        return text[: self._longest]

    def left_out(self, field: str, content: T) -> T:
        """JSON or a value, which lists have left out where it is empty."""
        if content is not None and not content:
            self.truncated.append(field)
        return content

    def message(self, error: str | None) -> str:
        """The message of an error, which is a JSON object of its type, its message and its traceback, or begins so."""
        if not error:
            return ""
        try:
            return str(json.loads(error)["message"])
        except ValueError:
            begun = _MESSAGE.search(error)
            if begun is None or not begun[2]:
                self.truncated.append("error")
            # Half a character may stand at the end.
            return json.loads(f'"{begun[1]}"').encode("utf-8", "ignore").decode() if begun is not None else ""


# As far as it goes, and whether it ends.
_MESSAGE = re.compile(r'"message": ?"((?:[^"\\]|\\u[0-9a-f]{4}|\\[^u])*)("?)')
# Nothing is left out of one resource alone.
WHOLE = 1 << 30


def session_message(
    session: Session,
    count: SessionCount,
    checkpoints: Sequence[Checkpoint] = (),
    *,
    now: int | None = None,
    longest: int = WHOLE,
) -> SessionMessage:
    """A session as it is now, in microseconds since 1970, what it counts of its tasks, and its checkpoints."""
    texts = Texts(longest)
    return project(
        session,
        SessionMessage,
        id=shown_id(session.id),
        title=session.name,
        status=SESSION_WORDS[session.status],
        type=session.type or "CODING",
        priority=Priority(session.priority).name,
        initial_prompt=texts.cut("initial_prompt", session.prompt),
        parent_session_id=_id(session.parent_id),
        max_duration_seconds=session.timeout_seconds,
        result=texts.left_out("result", session.result) or values.NULL,
        error=texts.cut("error", session.error),
        retry_count=session.retries,
        checkpoint_count=kept(session),
        metrics=SessionMetrics(
            total_tasks=count.total,
            completed_tasks=count.completed,
            failed_tasks=count.failed,
            execution_time_ms=execution_time(session, now) / 1000,
            tokens_used=count.tokens,
        ),
        started_at=_time(session.started_at),
        completed_at=_time(session.completed_at),
        checkpoints=map(_summary, checkpoints),
        truncated_fields=texts.truncated,
    )


def _summary(checkpoint: Checkpoint) -> CheckpointSummary:
    created_at = timestamp(checkpoint.created_at)
    return CheckpointSummary(
        id=shown_id(checkpoint.id), sequence=checkpoint.number, created_at=created_at, trigger=MANUAL
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
    """A checkpoint, without its data where a list has left that out."""
    texts = Texts(WHOLE)
    return project(
        checkpoint,
        CheckpointMessage,
        id=shown_id(checkpoint.id),
        session_id=shown_id(checkpoint.session_id),
        sequence=checkpoint.number,
        data=texts.left_out("data", checkpoint.data) or values.NULL,
        trigger=MANUAL,
        truncated_fields=texts.truncated,
    )


def task_message(task: Task, relations: Relations = NO_RELATIONS, *, longest: int = WHOLE) -> TaskMessage:
    """A task, what it depends on and how its parts stand."""
    texts = Texts(longest)
    capabilities = texts.left_out("required_capabilities", task.capabilities)
    return project(
        task,
        TaskMessage,
        id=shown_id(task.id),
        session_id=_id(task.session_id),
        parent_task_id=_id(task.parent_id or task.recurring_id),
        title=task.title or task.type or "Untitled",
        description=texts.cut("description", task.description),
        status=task_status(task),
        complexity=task.complexity or "MEDIUM",
        priority=Priority(task.priority).name,
        required_capabilities=json.loads(capabilities) if capabilities else (),
        assigned_agent_id=_id(task.agent_id),
        estimated_minutes=nullable(task.estimated_minutes),
        progress=task.progress or 0.0,
        subtask_count=task.subtasks,
        completed_subtasks=relations.completed,
        failed_subtasks=relations.failed,
        dependencies=[shown_id(each) for each in relations.depends_on],
        result=texts.left_out("result", task.output) or values.NULL,
        error=texts.message(task.error),
        tokens_used=nullable(task.tokens_used),
        started_at=_time(task.started_at if task.status != TaskStatus.PENDING else None),
        completed_at=_time(task.completed_at),
        cancel_requested=task.cancel_requested_at is not None and task.completed_at is None,
        truncated_fields=texts.truncated,
    )


def agent_status(standing: AgentSnapshot, now: int) -> str:
    """What this API calls the state of an agent, from its heartbeats and its load."""
    agent = standing.agent
    if agent.status != AgentStatus.ACTIVE or agent.off_duty or agent.deleted_at is not None:
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
    agent, texts = standing.agent, Texts(WHOLE)
    capabilities = texts.left_out("capabilities", agent.capabilities)
    return project(
        agent,
        AgentMessage,
        id=shown_id(agent.id),
        status=agent_status(standing, now or time.time_ns() // 1000),
        capabilities=json.loads(capabilities) if capabilities else (),
        tier=tier(agent),
        current_load=current_load(standing),
        current_tasks=standing.running,
        success_rate=nullable(success_rate(agent)),
        registered_at=timestamp(agent.created_at),
        last_heartbeat=_time(standing.last_seen_at),
        truncated_fields=texts.truncated,
    )
