"""The Agent Orchestration API's words for events: those of its stream, in which a task is an execution."""

from __future__ import annotations

from server.apikit.event_wording import EventWording, by_kind
from server.apis.agent_orchestration.shape import EVENT_SHAPES

WORDING = EventWording(
    api="agent_orchestration",
    by_type=by_kind({"agent": "agent", "log": "log", "session": "session", "task": "execution", "webhook": "webhook"}),
    shapes=EVENT_SHAPES,
)
