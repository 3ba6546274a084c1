"""CoordinAItor: which events a WebSocket wants."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.wire.coordinaitor.v1.event_service_pb2 import SocketRequest

from server.apis.coordinaitor.shape import PRIORITY_WORDS, STATUS_WORDS
from server.apis.coordinaitor.wording import BY_TYPE, agent_word
from server.core.shared.ids import parse_filter
from server.errors import InvalidRequest
from server.model import Agent, Event, Project, Record, Task, resource_of

TOLD = "notification.created"
# The kinds of events in each channel, by how their types begin. What is said of a task is of its channel.
CHANNELS: Mapping[str, tuple[str, ...]] = {
    "agents": ("agent.",),
    "notifications": (TOLD,),
    "projects": ("project.",),
    "tasks": ("task.", "comment.", "file."),
}
# What a caller must be allowed to read, besides events, to have a channel.
SCOPES = {channel: f"{channel}:read" for channel in CHANNELS}
_IDS = {"agentId": "agent", "projectId": "project", "taskId": "task"}
# What of a resource a filter looks at, by its class.
_SEEN: Mapping[type[Record], Mapping[str, Callable[[Any], str | None]]] = {
    Agent: {"status": agent_word, "type": lambda agent: agent.type},
    Project: {"status": lambda project: project.status},
    Task: {
        "priority": lambda task: PRIORITY_WORDS[task.priority],
        "projectId": lambda task: task.project_id,
        "status": lambda task: STATUS_WORDS[task.status],
    },
}
# The filters of each channel: those that an event itself knows, and those of the resource.
_FILTERS: Mapping[str, frozenset[str]] = {
    "agents": frozenset({"agentId", *_SEEN[Agent]}),
    "notifications": frozenset(),
    "projects": frozenset({"projectId", *_SEEN[Project]}),
    "tasks": frozenset({"agentId", "taskId", *_SEEN[Task]}),
}


@dataclass(frozen=True, slots=True)
class Topic:
    """Which events somebody subscribes to; ids as digits."""

    channel: str
    filters: tuple[tuple[str, str], ...] = ()

    def takes(self, event: Event) -> bool:
        """Whether an event belongs to it. What others are told does not come this far."""
        if not event.type.startswith(CHANNELS[self.channel]):
            return False
        if event.type == TOLD:
            return True
        return event.type in BY_TYPE and all(_fits(event, name, value) for name, value in self.filters)


def _fits(event: Event, name: str, value: str) -> bool:
    if name == "taskId":
        return event.resource_id == value
    if name == "agentId":
        return value in (event.agent_id, event.resource_id)
    if name == "projectId" and event.resource_id == value:
        return True
    resource = resource_of(event)
    seen = _SEEN.get(type(resource), {}).get(name)
    return seen is not None and seen(resource) == value


def topic_of(request: SocketRequest) -> Topic:
    """What is subscribed to. Raises InvalidRequest."""
    if request.channel not in CHANNELS:
        raise InvalidRequest("channel", f"must be one of {', '.join(CHANNELS)}")
    known = _FILTERS[request.channel]
    filters = []
    for name, value in sorted(request.filters.items()):
        if name not in known:
            of_channel = f"one of {', '.join(sorted(known))}" if known else "left out"
            raise InvalidRequest(f"filters.{name[:100]}", f"is no filter of {request.channel}: must be {of_channel}")
        kind = _IDS.get(name)
        filters.append((name, parse_filter(f"filters.{name}", kind, value) if kind else value))
    return Topic(request.channel, tuple(filters))
