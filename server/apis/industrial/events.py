"""Industrial: events over WebSockets, in rooms."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from google.api.httpbody_pb2 import HttpBody
from orchestrator.wire.industrial.v1.event_service_pb2 import SocketRequest

from server.apikit.sockets.socket_protocol import Finder, SocketDependencies
from server.apikit.sockets.subscriber import Subscriber
from server.apis.industrial.event_frames import EventFrames
from server.apis.industrial.rooms import AGENTS, SESSIONS, SYSTEM, Room, room_at
from server.apis.industrial.socket import IndustrialSocket
from server.apis.industrial.views import Views
from server.core.agents.performance import AgentPerformance
from server.core.events.stream import EventStreams
from server.core.shared.call_context import Call

Requests = AsyncIterator[SocketRequest]
Answers = AsyncIterator[HttpBody]


class EventServicer:
    """Holds conversations."""

    def __init__(
        self,
        events: EventStreams,
        find_session: Finder,
        find_agent: Finder,
        views: Views,
        performance: AgentPerformance,
        health: Callable[[], Awaitable[Mapping[str, Any]]],
        *,
        slow_after: int = 10_000,
        ping_seconds: float = 30.0,
        health_seconds: float = 30.0,
    ) -> None:
        self._shared = SocketDependencies(events, slow_after)
        frames = EventFrames(views, performance)
        find = {SESSIONS: find_session, AGENTS: find_agent}

        def at(first: Callable[[SocketRequest], Room]) -> IndustrialSocket:
            seconds = {"ping_seconds": ping_seconds, "health_seconds": health_seconds}
            return IndustrialSocket(first, frames, find, health, **seconds)

        self._sessions = at(lambda _: Room(SESSIONS))
        self._session = at(lambda request: room_at(SESSIONS, request.session_id))
        self._agents = at(lambda _: Room(AGENTS))
        self._agent = at(lambda request: room_at(AGENTS, request.agent_id))
        self._system = at(lambda _: Room(SYSTEM))

    async def WatchSessions(self, requests: Requests, call: Call) -> Answers:
        return Subscriber(self._sessions, self._shared, call).frames(requests)

    async def WatchSession(self, requests: Requests, call: Call) -> Answers:
        return Subscriber(self._session, self._shared, call).frames(requests)

    async def WatchAgents(self, requests: Requests, call: Call) -> Answers:
        return Subscriber(self._agents, self._shared, call).frames(requests)

    async def WatchAgent(self, requests: Requests, call: Call) -> Answers:
        return Subscriber(self._agent, self._shared, call).frames(requests)

    async def WatchSystem(self, requests: Requests, call: Call) -> Answers:
        return Subscriber(self._system, self._shared, call).frames(requests)
