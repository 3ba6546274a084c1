"""The Agent Orchestration API's words for events: those of its stream, in which a task is an execution."""

from __future__ import annotations

from server.apikit.event_wording import EventWording, by_kind
from server.apis.agent_orchestration.shape import EVENT_SHAPES

_SAME = ("agent", "document", "log", "session", "webhook")

WORDING = EventWording(
    api="agent_orchestration",
    by_type=by_kind({**{kind: kind for kind in _SAME}, "task": "execution"}),
    shapes=EVENT_SHAPES,
)
