"""Agent Operations: what goes on over one WebSocket: who it is, which events it wants, and sending those in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping
from typing import Any, Protocol

from google.api.httpbody_pb2 import HttpBody
from orchestrator.agent_operations.v1.event_service_pb2 import SocketRequest

from server.apis.agent_operations.subscriptions import SCOPES, Subscriptions, topic_of
from server.core.call import Call
from server.core.events import Events
from server.errors import Conflict, Forbidden, InvalidRequest, NotFound, ServiceError, TooMany, Unauthorized
from server.model import Event

AUTH_SECONDS = 10.0
SUBSCRIPTIONS = 50
PAGE = 500
# Frames, or pages of events, that wait for whoever reads: who does not read is not sent more.
QUEUED = 4


class Finder(Protocol):
    """Finds a resource. Raises NotFound where it is not there for this call."""

    def __call__(self, call: Call, identifier: str, /) -> Awaitable[object]: ...


class Voice(Protocol):
    """Makes frames, and knows how many sockets a key has."""

    def event(self, event: Event) -> HttpBody:
        """The frame of an event."""

    def said(self, type: str, payload: dict[str, Any], reply_to: str) -> HttpBody:
        """A frame that is no event."""

    def enter(self, key: str) -> None:
        """Counts a socket of this key. Raises TooMany."""

    def leave(self, key: str) -> None:
        """Counts it no more."""


class Conversation:
    """One socket's. `frames` is what the server says; it reads requests meanwhile."""

    def __init__(
        self, events: Events, call: Call, voice: Voice, find: Mapping[str, Finder], *, slow_after: int
    ) -> None:
        self._events = events
        self._call = call
        self._voice = voice
        self._find = find
        self._slow_after = slow_after
        self._told_slow = False
        self._counted = ""
        self._wanted = Subscriptions(0)
        # Taken by whoever sends events, so that those of the past and those of now stay in order.
        self._turn = asyncio.Lock()
        self._out: asyncio.Queue[list[HttpBody] | Exception | None] = asyncio.Queue(QUEUED)
        self._works: list[asyncio.Task[None]] = []

    async def frames(self, requests: AsyncIterator[SocketRequest]) -> AsyncIterator[HttpBody]:
        """Everything that is to be sent. Raises what the socket is to be closed for."""
        self._start(self._read(requests))
        while (said := await self._out.get()) is not None:
            if isinstance(said, Exception):
                raise said
            for frame in said:
                yield frame

    async def end(self) -> None:
        """Stops everything that goes on here."""
        for work in self._works:
            work.cancel()
        await asyncio.gather(*self._works, return_exceptions=True)
        if self._counted:
            self._voice.leave(self._counted)
            self._counted = ""

    def _start(self, work: Any) -> None:
        self._works.append(asyncio.create_task(work))

    async def _say(self, type: str, payload: dict[str, Any], reply_to: str = "") -> None:
        await self._out.put([self._voice.said(type, payload, reply_to)])

    async def _complain(self, error: ServiceError, reply_to: str = "") -> None:
        payload: dict[str, Any] = {"code": error.reason, "message": error.message, "details": error.details}
        if "start_after" in error.details:
            payload["start_after"] = error.details["start_after"]
        await self._say("error", payload, reply_to)

    async def _read(self, requests: AsyncIterator[SocketRequest]) -> None:
        """Answers what the client says. What cannot be mended goes to the frames as an exception, and ends them."""
        try:
            if self._call.organization_id:
                await self._welcome("connected")
            async with asyncio.timeout(None if self._counted else AUTH_SECONDS) as patience:
                first = True
                async for request in requests:
                    # What the path and the query say comes first, and is mostly nothing.
                    if not first or request.type or request.invalid_frame:
                        await self._answer(request)
                    first = False
                    if self._counted:
                        patience.reschedule(None)
            if not self._wanted.topics:
                await self._out.put(None)
        except _Over as over:
            await self._out.put(over.error)
        except TimeoutError:
            error = Unauthorized(f"say who you are within {AUTH_SECONDS:g} seconds")
            await self._complain(error)
            await self._out.put(error)
        except Exception as error:
            await self._out.put(error)

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
            elif not self._counted:
                raise Unauthorized("say who you are first, in a frame of type auth")
            elif request.type == "subscribe":
                await self._subscribe(request)
            else:
                await self._unsubscribe(request)
        except ServiceError as error:
            await self._complain(error, request.id)

    async def _authenticate(self, request: SocketRequest) -> None:
        if self._counted:
            raise Conflict("this socket has said who it is", reason="ALREADY_AUTHENTICATED")
        try:
            await self._call.authenticate(request.token)
        except ServiceError as error:
            await self._complain(error, request.id)
            raise _Over(error) from error
        await self._welcome("auth_ok", request.id)

    async def _welcome(self, type: str, reply_to: str = "") -> None:
        """The caller is known: from here on the feed is followed."""
        key = self._call.caller.key_id
        try:
            self._voice.enter(key)
        except TooMany as error:
            await self._complain(error, reply_to)
            raise _Over(error) from error
        self._counted = key
        after = await self._events.begin(self._call, None)
        self._wanted.seen = after
        await self._say(type, {"cursor": str(after)}, reply_to)
        self._start(self._send(after))

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
            others = Subscriptions(until)
            others.topics = dict(self._wanted.topics)
            self._wanted.topics[topic] = after if since is not None or known is None else known
            await self._say("subscribed", {**_shown(request), "since": str(after)}, request.id)
            while since is not None and after < until:
                wanted = Subscriptions(after)
                wanted.topics = {topic: after}
                before = after
                events, after, _ = await self._events.page(self._call, before, PAGE, wanted)
                if after == before:
                    break
                missed = [event for event in events if event.number <= until and not others.has(event)]
                if missed:
                    await self._out.put([self._voice.event(event) for event in missed])

    async def _unsubscribe(self, request: SocketRequest) -> None:
        if self._wanted.topics.pop(topic_of(request), None) is None:
            raise NotFound("subscription", request.channel)
        await self._say("unsubscribed", _shown(request), request.id)

    async def _send(self, after: int) -> None:
        """Follows the feed and sends what is wanted, as fast as it is read."""
        try:
            async for events in self._events.follow(self._call, after, self._wanted):
                async with self._turn:
                    slow = self._out.full()
                    if events:
                        await self._out.put([self._voice.event(event) for event in events])
                    elif not slow:
                        # Also a look whether the key is still good.
                        await self._say("heartbeat", {})
                    if slow or self._told_slow:
                        await self._tell_slow()
        except ServiceError as error:
            await self._complain(error)
            await self._out.put(error)
        except Exception as error:
            await self._out.put(error)

    async def _tell_slow(self) -> None:
        """Says so once when the reader is far behind, and again when it was not for a while."""
        cursor = self._wanted.seen
        behind = await self._events.begin(self._call, None) - cursor
        if behind > self._slow_after and not self._told_slow:
            await self._say("slow_consumer", {"behind": behind, "cursor": str(cursor)})
        self._told_slow = behind > (self._slow_after // 2 if self._told_slow else self._slow_after)


class _Over(Exception):
    """The socket is to be closed for `error`, and has been told."""

    def __init__(self, error: ServiceError) -> None:
        super().__init__()
        self.error = error


def _shown(request: SocketRequest) -> dict[str, Any]:
    names = ("channel", "agent_id", "task_id", "workflow_id")
    return {name: getattr(request, name) for name in names if getattr(request, name)}
