"""The CoordinAItor API's shapes: resources as messages, in its units and words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cachetools import FIFOCache
from orchestrator.wire.coordinaitor.v1.task_pb2 import AssignedAgent, ProjectName
from orchestrator.wire.coordinaitor.v1.task_pb2 import Task as TaskMessage

from server import values
from server.apikit.projection import project, timestamp
from server.core.tasks.search import Seen
from server.model import Priority, Task, TaskStatus

STATUS_WORDS: Mapping[str, str] = {
    TaskStatus.PENDING: "pending",
    TaskStatus.RUNNING: "active",
    TaskStatus.COMPLETED: "completed",
    TaskStatus.FAILED: "failed",
    TaskStatus.CANCELLED: "cancelled",
}
PRIORITY_WORDS: Mapping[int, str] = {
    Priority.LOW: "low",
    Priority.MEDIUM: "medium",
    Priority.HIGH: "high",
    # It has no word for it.
    Priority.CRITICAL: "high",
}


def shown_id(prefix: str, digits: str) -> str:
    """An id as this API prints it, such as `task-0197…`."""
    return f"{prefix}-{digits}"


def nullable_id(prefix: str, digits: str | None) -> bytes:
    """The id of something that there may not be."""
    return values.encode(shown_id(prefix, digits)) if digits else values.NULL


def nullable_time(microseconds: int | None) -> bytes:
    """A time that there may not be yet."""
    return values.encode(timestamp(microseconds).ToJsonString()) if microseconds is not None else values.NULL


def nullable(number: float | None) -> bytes:
    """A figure that there may not be."""
    return values.encode(number) if number is not None else values.NULL


def task_message(task: Task, beside: Seen | None = None, **included: Any) -> TaskMessage:
    """A task, with the names of its agent and its project where they are known, and whatever else is included."""
    return project(
        task,
        TaskMessage,
        id=shown_id("task", task.id),
        title=task.title or task.type or "Untitled",
        status=STATUS_WORDS[task.status],
        priority=PRIORITY_WORDS[task.priority],
        project_id=nullable_id("proj", task.project_id),
        agent_id=nullable_id("agent", task.agent_id),
        tags=json.loads(task.tags),
        estimated_hours=nullable(task.estimated_hours),
        progress=round((task.progress or 0.0) / 100, 4),
        due_date=nullable_time(task.due_at),
        completed_at=nullable_time(task.completed_at),
        created_by=nullable_id("user", task.created_by),
        # In lists they are empty where they are long.
        requirements=json.loads(task.requirements or "[]"),
        acceptance_criteria=json.loads(task.acceptance_criteria or "[]"),
        taken_by=nullable_id("user", task.taken_by),
        assigned_agent=_agent(task, beside),
        project=_project(task, beside),
        comments=included.get("comments"),
        files=included.get("files"),
        history=included.get("history"),
        metrics=included.get("metrics"),
        result=included.get("result"),
        error=included.get("error"),
    )


def outcome(task: Task) -> dict[str, Any]:
    """What came of a task, or why it failed, as far as whoever did it has said so."""
    if task.status == TaskStatus.FAILED and task.error:
        return {"error": str(json.loads(task.error).get("message", ""))}
    said = task.status == TaskStatus.COMPLETED and task.output is not None and not values.is_null(task.output)
    return {"result": task.output} if said else {}


def seen_message(seen: Seen, **included: Any) -> TaskMessage:
    """A task with what is shown beside it."""
    return task_message(seen.task, seen, **included)


def listed_task(seen: Seen, longest: int) -> TaskMessage:
    """A task of a list, its description cut at `longest`. Remembered: lists show the same rows again and again."""
    # By every value, so a row that has changed in any way is encoded anew. Nobody may change the message.
    key = (longest, *seen[1:], *seen.task.values().values())
    message = _listed.get(key)
    if message is None:
        task = seen.task
        if len(task.description) > longest:
            task = Task.new(**{**task.values(), "description": task.description[:longest] + "…"})
        message = _listed[key] = task_message(task, seen)
    return message


# They may have some long texts.
_listed: FIFOCache[tuple[Any, ...], TaskMessage] = FIFOCache(2048)


def _agent(task: Task, beside: Seen | None) -> AssignedAgent | None:
    if task.agent_id is None or beside is None or beside.agent_name is None:
        return None
    return AssignedAgent(id=shown_id("agent", task.agent_id), name=beside.agent_name, type=beside.agent_type)


def _project(task: Task, beside: Seen | None) -> ProjectName | None:
    if task.project_id is None or beside is None or beside.project_name is None:
        return None
    return ProjectName(id=shown_id("proj", task.project_id), name=beside.project_name)
