"""Industrial: what clients of its WebSockets may say, and what they are told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, cast
from uuid import uuid4

import structlog
from google.api.httpbody_pb2 import HttpBody
from orchestrator.wire.industrial.v1.event_service_pb2 import SocketRequest

from server.apikit.errors import ErrorContext
from server.apikit.sockets.frames import name_of, said
from server.apikit.sockets.socket_protocol import Finder, SocketProtocol
from server.apikit.sockets.subscriber import Subscriber
from server.apis.industrial.errors import render_error
from server.apis.industrial.event_frames import EventFrames
from server.apis.industrial.rooms import SCOPES, SYSTEM, Room, Rooms, room_of
from server.core.shared.call_context import Call
from server.errors import Conflict, InvalidRequest, ServiceError
from server.model import Event

Socket = Subscriber[SocketRequest]
THE_SYSTEM = Room(SYSTEM)
log = structlog.get_logger()


class IndustrialSocket(SocketProtocol[SocketRequest]):
    """Rooms, of which the path names the first; a sign of life, and how the system is, every so many seconds."""

    full = "a socket is in at most {limit} rooms"

    def __init__(
        self,
        first: Callable[[SocketRequest], Room],
        frames: EventFrames,
        find: Mapping[str, Finder],
        health: Callable[[], Awaitable[Mapping[str, Any]]],
        *,
        ping_seconds: float,
        health_seconds: float,
    ) -> None:
        # Which room the path stands for.
        self._first = first
        self._frames = frames
        # By the kind of a room: finds what it is of.
        self._find = find
        self._health = health
        self._ping_seconds = ping_seconds
        self._health_seconds = health_seconds
        self.commands = {"join_room": self._join, "leave_room": self._leave, "ping": self._pong, "pong": self._hear}

    def topics(self, call: Call) -> Rooms:
        return Rooms(tasks=call.caller.may("tasks:read"))

    async def opened(self, socket: Socket, request: SocketRequest) -> None:
        room = self._first(request)
        await self._check(socket, room)
        after = await socket.locate(request.since if request.HasField("since") else None)
        socket.topics.after[room] = after
        established = said("connection.established", {"client_id": str(uuid4()), "cursor": str(after)})
        await socket.send([established, said("subscription.confirmed", {"room": room.name})])
        socket.follow(after)
        socket.start(self._ping, socket)
        await self._begin_health(socket, room)

    async def render(self, socket: Socket, events: Sequence[Event]) -> Sequence[HttpBody]:
        rooms = cast("Rooms", socket.topics)
        # Rooms may have been left since the events came.
        return await self._frames.render(socket.call, [each for each in events if rooms.has(each)], rooms)

    def explained(self, error: ServiceError, request_id: str) -> dict[str, Any]:
        told: dict[str, Any] = render_error(error, ErrorContext(request_id, "")).body["error"]
        return told

    async def _join(self, socket: Socket, request: SocketRequest) -> None:
        if request.HasField("since"):
            raise InvalidRequest("since", "goes into the address of the socket: a room is joined from now on")
        room = room_of(request.room)
        await self._check(socket, room)
        confirmed = said("subscription.confirmed", {"room": room.name}, name_of(request))
        await socket.subscribe(room, None, lambda _: confirmed)
        await self._begin_health(socket, room)

    async def _leave(self, socket: Socket, request: SocketRequest) -> None:
        room = room_of(request.room)
        async with socket.turn:
            if socket.topics.after.pop(room, None) is None:
                raise Conflict(f"this socket is not in the room {room.name}", reason="NOT_IN_ROOM")
            await socket.say("subscription.cancelled", {"room": room.name}, name_of(request))

    async def _pong(self, socket: Socket, request: SocketRequest) -> None:
        await socket.say("pong", {}, name_of(request))

    async def _hear(self, socket: Socket, request: SocketRequest) -> None:
        """An answer to a ping of ours, which needs none."""

    async def _check(self, socket: Socket, room: Room) -> None:
        """Whether the caller may be in a room. Raises Forbidden, NotFound."""
        socket.require(*SCOPES[room.kind])
        if room.id:
            await self._find[room.kind](socket.call, room.id)

    async def _ping(self, socket: Socket) -> None:
        while True:
            await asyncio.sleep(self._ping_seconds)
            # Also a look whether the key is still good. Who does not read need not be told to.
            if not socket.busy:
                await socket.say("ping", {})

    async def _begin_health(self, socket: Socket, room: Room) -> None:
        if room == THE_SYSTEM:
            await self._tell_health(socket)
            if socket.begin_once("health"):
                socket.start(self._keep_telling_health, socket)

    async def _keep_telling_health(self, socket: Socket) -> None:
        while True:
            await asyncio.sleep(self._health_seconds)
            if not socket.busy:
                await self._tell_health(socket)

    async def _tell_health(self, socket: Socket) -> None:
        if THE_SYSTEM not in socket.topics.after:
            return
        try:
            health = dict(await self._health())
        except Exception:
            # Events go on without it.
            log.exception("bug", frame="system.health")
            return
        async with socket.turn:
            if THE_SYSTEM in socket.topics.after:
                await socket.say("system.health", health)
