"""CoordinAItor: what is told of a task beside itself: its history, its figures, why it waits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from orchestrator.wire.coordinaitor.v1.task_pb2 import (
    HistoryEntry,
    TaskMetrics,
    WaitingAgent,
    WaitingReason,
    WaitingTask,
)

from server import values
from server.apikit.projection import timestamp
from server.apis.coordinaitor.envelope import shown_value
from server.apis.coordinaitor.shape import PRIORITY_WORDS, STATUS_WORDS, nullable_id, nullable_time, shown_id
from server.core.tasks.history import Change, Figures
from server.core.tasks.waiting import Explanation

# What this API calls columns.
_FIELDS = {
    "project_id": "projectId",
    "agent_id": "agentId",
    "taken_by": "takenBy",
    "due_at": "dueDate",
    "estimated_hours": "estimatedHours",
    "actual_hours": "actualHours",
    "acceptance_criteria": "acceptanceCriteria",
}
_PREFIXES = {"project_id": "proj", "agent_id": "agent", "taken_by": "user"}


def history_message(change: Change) -> HistoryEntry:
    """One thing that has become of a task."""
    return HistoryEntry(
        id=f"history-{change.number}" + (f"-{change.field}" if change.field else ""),
        action=change.action,
        field=_FIELDS.get(change.field, change.field) or None,
        **{"from": _value(change.field, change.before)},
        to=_value(change.field, change.after),
        user=values.encode(change.actor.replace("_", "-", 1)) if change.actor else values.NULL,
        via=change.via,
        timestamp=timestamp(change.created_at),
    )


def history_value(changes: Sequence[Change]) -> bytes:
    """The same, many of them, as a value."""
    return shown_value(map(history_message, changes))


def metrics_message(figures: Figures) -> TaskMetrics:
    """A task's figures."""
    return TaskMetrics(
        time_spent=figures.time_spent,
        completion_rate=figures.completion_rate,
        quality_score=figures.quality_score,
        change_requests=figures.change_requests,
    )


def _value(field: str, value: Any) -> bytes:
    if value is None:
        return values.NULL
    if field in _PREFIXES:
        return nullable_id(_PREFIXES[field], value)
    if field == "due_at":
        return nullable_time(value)
    words: Any = {"status": STATUS_WORDS, "priority": PRIORITY_WORDS}.get(field)
    return values.encode(words[value] if words is not None else value)


def waiting_message(found: Explanation) -> WaitingTask:
    """Why a task waits."""
    return WaitingTask(
        task_id=shown_id("task", found.task.id),
        status=STATUS_WORDS[found.task.status],
        waits=found.waits,
        reasons=[
            WaitingReason(rule=each.rule, message=each.message, until=_until(each.until)) for each in found.reasons
        ],
        agents=[
            WaitingAgent(
                agent_id=shown_id("agent", each.agent.id),
                name=each.agent.name,
                rule=each.rule.value if each.rule is not None else "",
                message=each.message,
                until=_until(each.until),
            )
            for each in found.agents
        ],
    )


def _until(microseconds: int | None) -> Timestamp | None:
    return timestamp(microseconds) if microseconds is not None else None
