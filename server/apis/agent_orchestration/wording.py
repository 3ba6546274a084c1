"""The Agent Orchestration API's words for events: those of its stream, in which a task is an execution."""

from __future__ import annotations

from server.apikit.event_wording import EventWording
from server.apis.agent_orchestration.shape import EVENT_SHAPES

WORDING = EventWording(
    api="agent_orchestration",
    shapes=EVENT_SHAPES,
    kinds={"agent": "agent", "log": "log", "session": "session", "task": "execution", "webhook": "webhook"},
)
