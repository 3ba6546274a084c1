"""Agent Operations: which events a WebSocket wants."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.wire.agent_operations.v1.event_service_pb2 import SocketRequest

from server.core.shared.ids import parse_filter
from server.errors import InvalidRequest
from server.model import Event, WorkflowRun, resource_of

# The kinds of events in each channel, by how their types begin.
CHANNELS = {
    "agent_events": ("agent.",),
    "task_events": ("task.",),
    "workflow_events": ("workflow.", "workflow_run."),
    "system_events": ("system.",),
}
# What a key must be allowed to read, besides events, to have a channel.
SCOPES = {
    "agent_events": "agents:read",
    "task_events": "tasks:read",
    "workflow_events": "workflows:read",
    "system_events": "system:read",
}


@dataclass(frozen=True, slots=True)
class Topic:
    """Which events somebody subscribes to; ids as digits, empty for any."""

    channel: str
    agent_id: str = ""
    task_id: str = ""
    workflow_id: str = ""

    def takes(self, event: Event) -> bool:
        """Whether an event belongs to it."""
        if not event.type.startswith(CHANNELS[self.channel]):
            return False
        if self.agent_id and self.agent_id not in (event.agent_id, event.resource_id):
            return False
        if self.task_id and event.resource_id != self.task_id:
            return False
        if not self.workflow_id or event.resource_id == self.workflow_id:
            return True
        run = resource_of(event)
        return isinstance(run, WorkflowRun) and run.workflow_id == self.workflow_id


def topic_of(request: SocketRequest) -> Topic:
    """What is subscribed to. Raises InvalidRequest."""
    if request.channel not in CHANNELS:
        raise InvalidRequest("channel", f"must be one of {', '.join(CHANNELS)}")
    ids = {
        f"{name}_id": parse_filter(f"{name}_id", name, getattr(request, f"{name}_id"))
        for name in ("agent", "task", "workflow")
        if getattr(request, f"{name}_id")
    }
    return Topic(request.channel, **ids)
