"""Agent Operations: what goes on over one WebSocket: who it is, and which events it wants."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from google.api.httpbody_pb2 import HttpBody
from orchestrator.agent_operations.v1.event_service_pb2 import SocketRequest

from server.apikit.conversation import Conversation, Over
from server.apikit.frames import Seats
from server.apis.agent_operations.subscriptions import SCOPES, Subscriptions, topic_of
from server.core.events.stream import EventStreams
from server.core.shared.call_context import Call
from server.errors import Conflict, Forbidden, InvalidRequest, NotFound, ServiceError, TooMany, Unauthorized
from server.model import Event

AUTH_SECONDS = 10.0
SUBSCRIPTIONS = 50
PAGE = 500


class Finder(Protocol):
    """Finds a resource. Raises NotFound where it is not there for this call."""

    def __call__(self, call: Call, identifier: str, /) -> Awaitable[object]: ...


class Subscriber(Conversation[SocketRequest]):
    """One socket's."""

    def __init__(
        self,
        events: EventStreams,
        call: Call,
        seats: Seats,
        show: Callable[[Event], HttpBody],
        find: Mapping[str, Finder],
        *,
        slow_after: int,
    ) -> None:
        self._wanted = Subscriptions()
        super().__init__(events, call, self._wanted, seats, slow_after=slow_after)
        self._show = show
        self._find = find
        self._known = False

    async def _shown(self, events: Sequence[Event]) -> Sequence[HttpBody]:
        return [self._show(event) for event in events]

    async def _quiet(self) -> None:
        # Also a look whether the key is still good.
        if not self._out.full():
            await self._say("heartbeat", {})

    def _explained(self, error: ServiceError) -> Mapping[str, Any]:
        told = super()._explained(error)
        return {**told, "start_after": error.details["start_after"]} if "start_after" in error.details else told

    async def _read(self, requests: AsyncIterator[SocketRequest]) -> None:
        if self._call.organization_id:
            await self._welcome("connected")
        try:
            async with asyncio.timeout(None if self._known else AUTH_SECONDS) as patience:
                first = True
                async for request in requests:
                    # What the path and the query say comes first, and is mostly nothing.
                    if not first or request.type or request.invalid_frame:
                        await self._answer(request)
                    first = False
                    if self._known:
                        patience.reschedule(None)
        except TimeoutError:
            error = Unauthorized(f"say who you are within {AUTH_SECONDS:g} seconds")
            await self._complain(error)
            raise error from None
        if not self._wanted.topics:
            await self._out.put(None)

    async def _answer(self, request: SocketRequest) -> None:
        try:
            if request.invalid_frame:
                raise InvalidRequest("frame", request.invalid_frame)
            if request.type == "auth":
                await self._authenticate(request)
            elif request.type == "ping":
                await self._say("pong", {}, request.id)
            elif request.type not in ("subscribe", "unsubscribe"):
                raise InvalidRequest("type", "must be one of auth, subscribe, unsubscribe, ping")
            elif not self._known:
                raise Unauthorized("say who you are first, in a frame of type auth")
            elif request.type == "subscribe":
                await self._subscribe(request)
            else:
                await self._unsubscribe(request)
        except ServiceError as error:
            await self._complain(error, request.id)

    async def _authenticate(self, request: SocketRequest) -> None:
        if self._known:
            raise Conflict("this socket has said who it is", reason="ALREADY_AUTHENTICATED")
        try:
            await self._call.authenticate(request.token)
        except ServiceError as error:
            await self._complain(error, request.id)
            raise Over(error) from error
        await self._welcome("auth_ok", request.id)

    async def _welcome(self, type: str, reply_to: str = "") -> None:
        """The caller is known: from here on the feed is followed."""
        try:
            self._sit_down()
        except TooMany as error:
            await self._complain(error, reply_to)
            raise Over(error) from error
        self._known = True
        after = await self._events.begin(self._call, None)
        self._wanted.seen = after
        await self._say(type, {"cursor": str(after)}, reply_to)
        self._start(self._follow, after)

    async def _subscribe(self, request: SocketRequest) -> None:
        topic = topic_of(request)
        if not self._call.caller.may(SCOPES[topic.channel]):
            # Events show as much of a resource as reading it does.
            scope = SCOPES[topic.channel]
            raise Forbidden(f"this key lacks the scope {scope}", details={"scope": scope})
        for name, find in self._find.items():
            if getattr(request, name):
                await find(self._call, getattr(request, name))
        if topic not in self._wanted.topics and len(self._wanted.topics) >= SUBSCRIPTIONS:
            raise TooMany(f"a socket has at most {SUBSCRIPTIONS} subscriptions", details={"limit": SUBSCRIPTIONS})
        since = request.since if request.HasField("since") else None
        if since is not None and since < 0:
            raise InvalidRequest("since", "must be the id of an event, or 0")
        after = await self._events.begin(self._call, since)
        async with self._turn:
            known = self._wanted.topics.pop(topic, None)
            until = self._wanted.seen
            others = Subscriptions()
            others.topics = dict(self._wanted.topics)
            self._wanted.topics[topic] = after if since is not None or known is None else known
            await self._say("subscribed", {**_named(request), "since": str(after)}, request.id)
            while since is not None and after < until:
                wanted = Subscriptions()
                wanted.topics = {topic: after}
                before = after
                events, after, _ = await self._events.page(self._call, before, PAGE, wanted)
                if after == before:
                    break
                missed = [event for event in events if event.number <= until and not others.has(event)]
                if missed:
                    await self._out.put([self._show(event) for event in missed])

    async def _unsubscribe(self, request: SocketRequest) -> None:
        if self._wanted.topics.pop(topic_of(request), None) is None:
            raise NotFound("subscription", request.channel)
        await self._say("unsubscribed", _named(request), request.id)


def _named(request: SocketRequest) -> dict[str, Any]:
    names = ("channel", "agent_id", "task_id", "workflow_id")
    return {name: getattr(request, name) for name in names if getattr(request, name)}
