"""Industrial: rooms, and which events are in which."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from server.apikit.sockets.socket_protocol import Topics
from server.apis.industrial.ids import shown_id
from server.core.shared.ids import parse_id
from server.errors import InvalidRequest
from server.model import Event, Task, resource_of

SESSIONS, AGENTS, SYSTEM = "sessions", "agents", "system"
# What a key must be allowed to read, besides events, to be in a room: events show as much as reading does.
SCOPES: Mapping[str, tuple[str, ...]] = {
    SESSIONS: ("sessions:read", "tasks:read"),
    AGENTS: ("agents:read",),
    SYSTEM: ("system:read",),
}
# What an agent is told of its tasks.
TASKS_OF_AGENTS: Mapping[str, str] = {
    "task.created": "agent.task_assigned",
    "task.assigned": "agent.task_assigned",
    "task.routed": "agent.task_assigned",
    "task.started": "agent.task_started",
    "task.completed": "agent.task_completed",
    "task.failed": "agent.task_failed",
}
# Where somebody is found for a task on the way: one that had its agent before is not given to it again.
FOUND_MEANWHILE = frozenset({"task.ready", "task.released", "task.retrying", "task.reopened"})
_SPELLINGS = {"sessions/": SESSIONS, "session:": SESSIONS, "agents/": AGENTS, "agent:": AGENTS}
_RESOURCES = {SESSIONS: "session", AGENTS: "agent"}


class Room(NamedTuple):
    """Events of one kind, of one resource where it has an id (digits)."""

    kind: str
    id: str = ""

    @property
    def name(self) -> str:
        """As clients know it."""
        return f"{self.kind}/{shown_id(self.id)}" if self.id else self.kind


def room_of(text: str) -> Room:
    """The room of a name. Raises InvalidRequest, and NotFound for what cannot be an id."""
    if text in SCOPES:
        return Room(text)
    for spelling, kind in _SPELLINGS.items():
        if text.startswith(spelling):
            return room_at(kind, text.removeprefix(spelling))
    raise InvalidRequest("room", "must be sessions, agents or system, or sessions/ or agents/ and an id")


def room_at(kind: str, identifier: str) -> Room:
    """The room of one resource. Raises NotFound for what cannot be an id."""
    return Room(kind, parse_id(_RESOURCES[kind], identifier))


class Rooms(Topics):
    """The rooms that a socket is in."""

    def __init__(self, *, tasks: bool) -> None:
        super().__init__()
        # Whether its key may read tasks; without that, agents are shown without theirs.
        self._tasks = tasks

    def has(self, event: Event) -> bool:
        """Whether an event is in any of the rooms."""
        return next(self.sides(event), None) is not None

    def only(self, after: Mapping[Room, int]) -> Rooms:
        """Those of these rooms."""
        found = Rooms(tasks=self._tasks)
        found.after = dict(after)
        return found

    def sides(self, event: Event) -> Iterator[str]:
        """The kinds of rooms among these that an event is in."""
        for kind, identifier in _sides(event):
            if kind == AGENTS and not self._tasks and event.type.startswith("task."):
                continue
            # Plain pairs, which are made faster: everybody looks at every event.
            if (kind, "") in self.after or (kind, identifier) in self.after:
                yield kind


def word_for_agent(event: Event) -> str | None:
    """What the agent of a task is told by an event of it; None where that is nothing to it."""
    if event.type in FOUND_MEANWHILE:
        task = resource_of(event)
        return "agent.task_assigned" if isinstance(task, Task) and task.routed else None
    return TASKS_OF_AGENTS.get(event.type)


def _sides(event: Event) -> Iterator[tuple[str, str]]:
    """The kinds of rooms that an event is in, and of which resource it is there."""
    kind = event.type.partition(".")[0]
    if kind in ("session", "checkpoint", "task", "log") and event.session_id:
        yield SESSIONS, event.session_id
    if kind == "agent":
        yield AGENTS, event.resource_id
    elif (event.type == "worker.heartbeat" or (kind == "task" and word_for_agent(event))) and event.agent_id:
        yield AGENTS, event.agent_id
    elif kind == "system":
        yield SYSTEM, ""
