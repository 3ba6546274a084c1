"""Industrial: events over WebSockets, in rooms."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from google.api.httpbody_pb2 import HttpBody
from orchestrator.industrial.v1.event_service_pb2 import SocketRequest

from server.apikit.frames import Seats
from server.apis.industrial.conversation import Finder, House, Visit
from server.apis.industrial.rooms import AGENTS, SESSIONS, SYSTEM, Room, room_at
from server.apis.industrial.showing import Showing
from server.core.agents.performance import AgentPerformance
from server.core.events.stream import EventStreams
from server.core.shared.call_context import Call
from server.model import Session, SessionCount

Requests = AsyncIterator[SocketRequest]
Answers = AsyncIterator[HttpBody]


class EventServicer:
    """Holds conversations."""

    def __init__(
        self,
        events: EventStreams,
        find_session: Callable[[Call, str], Awaitable[tuple[Session, SessionCount]]],
        find_agent: Finder,
        performance: AgentPerformance,
        health: Callable[[], Awaitable[Mapping[str, Any]]],
        *,
        sockets_per_client: int,
        slow_after: int = 10_000,
        ping_seconds: float = 30.0,
        health_seconds: float = 30.0,
    ) -> None:
        self._house = House(
            events=events,
            seats=Seats(sockets_per_client),
            showing=Showing(find_session, performance),
            find={SESSIONS: find_session, AGENTS: find_agent},
            health=health,
            slow_after=slow_after,
            ping_seconds=ping_seconds,
            health_seconds=health_seconds,
        )

    async def WatchSessions(self, requests: Requests, call: Call) -> Answers:
        return self._visit(requests, call, lambda _: Room(SESSIONS))

    async def WatchSession(self, requests: Requests, call: Call) -> Answers:
        return self._visit(requests, call, lambda request: room_at(SESSIONS, request.session_id))

    async def WatchAgents(self, requests: Requests, call: Call) -> Answers:
        return self._visit(requests, call, lambda _: Room(AGENTS))

    async def WatchAgent(self, requests: Requests, call: Call) -> Answers:
        return self._visit(requests, call, lambda request: room_at(AGENTS, request.agent_id))

    async def WatchSystem(self, requests: Requests, call: Call) -> Answers:
        return self._visit(requests, call, lambda _: Room(SYSTEM))

    def _visit(self, requests: Requests, call: Call, first: Callable[[SocketRequest], Room]) -> Answers:
        return Visit(self._house, call, first).frames(requests)
