"""The CoordinAItor API's shapes of agents: what they are, and what they have done."""

from __future__ import annotations

import json
from collections.abc import Sequence

from orchestrator.wire.coordinaitor.v1.agent_pb2 import Agent as AgentMessage
from orchestrator.wire.coordinaitor.v1.agent_pb2 import AgentMetrics as MetricsMessage

from server import values
from server.apikit.projection import project, timestamp
from server.apis.coordinaitor.envelope import shown_value
from server.apis.coordinaitor.shape import shown_id, task_message
from server.core.agents.directory import AgentEntry
from server.core.agents.history import AgentMetrics
from server.core.agents.performance import success_rate
from server.model import Task, TaskLog


def agent_message(
    entry: AgentEntry,
    *,
    tasks: Sequence[Task] | None = None,
    metrics: AgentMetrics | None = None,
    logs: Sequence[TaskLog] | None = None,
) -> AgentMessage:
    """An agent as it stands, with what is given of it; without configuration where the row was read for a list."""
    agent, active = entry.agent, entry.last_active_at
    mean = agent.busy_ms / agent.tasks_completed / 1000 if agent.tasks_completed else None
    configuration = agent.values().get("configuration")
    return project(
        agent,
        AgentMessage,
        id=shown_id("agent", agent.id),
        status=entry.standing,
        status_message=agent.status_message or None,
        capabilities=json.loads(agent.capabilities),
        specializations=json.loads(agent.specializations or "[]"),
        current_tasks=entry.running,
        average_response_time=round(mean, 3) if mean is not None else None,
        success_rate=success_rate(agent),
        total_tasks_completed=agent.tasks_completed,
        enabled=agent.disabled_at is None,
        last_active_at=timestamp(active) if active is not None else None,
        working_hours=values.encode(json.loads(agent.working_hours)) if agent.working_hours else None,
        configuration=configuration,
        tasks=shown_value(task_message(task) for task in tasks) if tasks is not None else None,
        metrics=metrics_message(metrics) if metrics is not None else None,
        logs=values.encode([_line(line) for line in logs]) if logs is not None else None,
    )


def metrics_message(metrics: AgentMetrics) -> MetricsMessage:
    """What an agent has done within a period."""
    hours, active = metrics.hours, metrics.active_hours
    return MetricsMessage(
        agent_id=shown_id("agent", metrics.agent.id),
        period=MetricsMessage.Period(start=timestamp(metrics.start), end=timestamp(metrics.end)),
        task_metrics=MetricsMessage.TaskMetrics(
            total_tasks=metrics.ended,
            completed_tasks=metrics.completed,
            failed_tasks=metrics.failed,
            cancelled_tasks=metrics.cancelled,
            # Of all that ended, as the document's figures are.
            success_rate=round(metrics.completed / metrics.ended, 4) if metrics.ended else None,
            average_completion_time=_rounded(metrics.completion_hours, 6),
        ),
        performance_metrics=MetricsMessage.PerformanceMetrics(
            average_response_time=_rounded(metrics.response_seconds, 3),
            quality_score=_rounded(metrics.quality, 4),
            customer_satisfaction=_rounded(metrics.satisfaction, 4),
            code_quality_score=_rounded(metrics.code_quality, 4),
        ),
        utilization_metrics=MetricsMessage.UtilizationMetrics(
            total_hours=_rounded(hours, 6),
            active_hours=round(active, 6),
            # What it has begun goes on when its shift is over.
            utilization_rate=round(min(1.0, active / hours), 4) if hours else None,
            peak_hours=metrics.peaks,
        ),
    )


def _rounded(number: float | None, digits: int) -> float | None:
    return round(float(number), digits) if number is not None else None


def _line(line: TaskLog) -> dict[str, str]:
    return {
        "taskId": shown_id("task", line.task_id),
        "level": line.level,
        "message": line.message,
        "timestamp": timestamp(line.created_at).ToJsonString(),
    }
