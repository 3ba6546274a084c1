"""The CoordinAItor API's shapes of agents: what they are, and what they have done."""

from __future__ import annotations

import json

from orchestrator.wire.coordinaitor.v1.agent_pb2 import Agent as AgentMessage

from server import values
from server.apikit.projection import project, timestamp
from server.apis.coordinaitor.shape import shown_id
from server.core.agents.directory import AgentEntry
from server.core.agents.performance import success_rate


def agent_message(entry: AgentEntry) -> AgentMessage:
    """An agent as it stands; without configuration where the row was read for a list."""
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
        tasks=None,
        metrics=None,
        logs=None,
    )
