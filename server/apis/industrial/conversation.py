"""Industrial: what goes on over one WebSocket: which rooms it is in, and who is there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import uuid4

import structlog
from google.api.httpbody_pb2 import HttpBody
from orchestrator.industrial.v1.event_service_pb2 import SocketRequest

from server.apikit.conversation import Conversation
from server.apikit.errors import ErrorContext
from server.apikit.frames import Seats, said
from server.apis.industrial.errors import render_error
from server.apis.industrial.rooms import SCOPES, SYSTEM, Room, Rooms, room_of
from server.apis.industrial.showing import Showing
from server.core.events.stream import EventStreams
from server.core.shared.call_context import Call
from server.errors import Conflict, Forbidden, InvalidRequest, ServiceError, TooMany
from server.model import Event

ROOMS = 50
log = structlog.get_logger()


class Finder(Protocol):
    """Finds a resource. Raises NotFound where it is not there for this call."""

    def __call__(self, call: Call, identifier: str, /) -> Awaitable[object]: ...


@dataclass(frozen=True, slots=True)
class House:
    """What all sockets share."""

    events: EventStreams
    seats: Seats
    showing: Showing
    # By the kind of a room: finds what it is of.
    find: Mapping[str, Finder]
    health: Callable[[], Awaitable[Mapping[str, Any]]]
    slow_after: int
    ping_seconds: float
    health_seconds: float


class Visit(Conversation[SocketRequest]):
    """One socket's. `first` says which room the path stands for."""

    def __init__(self, house: House, call: Call, first: Callable[[SocketRequest], Room]) -> None:
        self._rooms = Rooms(tasks=call.caller.may("tasks:read"))
        super().__init__(house.events, call, self._rooms, house.seats, slow_after=house.slow_after)
        self._house = house
        self._first = first
        self._tells_health = False

    async def _shown(self, events: Sequence[Event]) -> Sequence[HttpBody]:
        # Rooms may have been left since the events came.
        return await self._house.showing.frames(
            self._call, [each for each in events if self._rooms.has(each)], self._rooms
        )

    def _explained(self, error: ServiceError) -> Mapping[str, Any]:
        told: Mapping[str, Any] = render_error(error, ErrorContext(self._call.request_id, "")).body["error"]
        return told

    async def _read(self, requests: AsyncIterator[SocketRequest]) -> None:
        self._sit_down()
        opened = False
        async for request in requests:
            if not opened:
                await self._open(request)
            # What the path and the query say comes first, and is mostly no more than that.
            if opened or request.type or request.invalid_frame:
                await self._answer(request)
            opened = True
        if not self._rooms.entered:
            await self._out.put(None)

    async def _open(self, request: SocketRequest) -> None:
        """The path and the query: what they ask for in vain, the socket is closed for."""
        room = self._first(request)
        await self._check(room)
        since = request.since if request.HasField("since") else None
        if since is not None and since < 0:
            raise InvalidRequest("since", "must be the id of an event, or 0")
        after = await self._events.begin(self._call, since)
        self._rooms.seen = after
        self._rooms.entered.add(room)
        await self._out.put(
            [
                said("connection.established", {"client_id": str(uuid4()), "cursor": str(after)}),
                said("subscription.confirmed", {"room": room.name}),
            ]
        )
        self._start(self._follow, after)
        self._start(self._ping)
        await self._begin_health(room)

    async def _answer(self, request: SocketRequest) -> None:
        try:
            if request.invalid_frame:
                raise InvalidRequest("frame", request.invalid_frame)
            if request.type == "join_room":
                await self._join(request)
            elif request.type == "leave_room":
                await self._leave(request)
            elif request.type == "ping":
                await self._say("pong", {}, request.id)
            elif request.type != "pong":
                raise InvalidRequest("type", "must be one of join_room, leave_room, ping, pong")
        except ServiceError as error:
            await self._complain(error, request.id)

    async def _join(self, request: SocketRequest) -> None:
        if request.HasField("since"):
            raise InvalidRequest("since", "goes into the address of the socket: a room is joined from now on")
        room = room_of(request.room)
        await self._check(room)
        async with self._turn:
            if room not in self._rooms.entered and len(self._rooms.entered) >= ROOMS:
                raise TooMany(f"a socket is in at most {ROOMS} rooms", details={"limit": ROOMS})
            self._rooms.entered.add(room)
            await self._say("subscription.confirmed", {"room": room.name}, request.id)
        await self._begin_health(room)

    async def _leave(self, request: SocketRequest) -> None:
        room = room_of(request.room)
        async with self._turn:
            if room not in self._rooms.entered:
                raise Conflict(f"this socket is not in the room {room.name}", reason="NOT_IN_ROOM")
            self._rooms.entered.remove(room)
            await self._say("subscription.cancelled", {"room": room.name}, request.id)

    async def _check(self, room: Room) -> None:
        """Whether the caller may be in a room. Raises Forbidden, NotFound."""
        for scope in SCOPES[room.kind]:
            if not self._call.caller.may(scope):
                raise Forbidden(f"this key lacks the scope {scope}", details={"scope": scope})
        if room.id:
            await self._house.find[room.kind](self._call, room.id)

    async def _ping(self) -> None:
        while True:
            await asyncio.sleep(self._house.ping_seconds)
            # Also a look whether the key is still good. Who does not read need not be told to.
            if not self._out.full():
                await self._say("ping", {})

    async def _begin_health(self, room: Room) -> None:
        if room.kind == SYSTEM:
            await self._tell_health()
            if not self._tells_health:
                self._tells_health = True
                self._start(self._keep_telling_health)

    async def _keep_telling_health(self) -> None:
        while True:
            await asyncio.sleep(self._house.health_seconds)
            if not self._out.full():
                await self._tell_health()

    async def _tell_health(self) -> None:
        if Room(SYSTEM) not in self._rooms.entered:
            return
        try:
            health = dict(await self._house.health())
        except Exception:
            # Events go on without it.
            log.exception("bug", frame="system.health")
            return
        async with self._turn:
            if Room(SYSTEM) in self._rooms.entered:
                await self._say("system.health", health)
