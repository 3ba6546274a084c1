"""CoordinAItor: its WebSocket, what clients may say to it, and what they are told."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from cachetools import FIFOCache
from google.api.httpbody_pb2 import HttpBody
from orchestrator.wire.coordinaitor.v1.event_service_pb2 import SocketRequest

from server.apikit.errors import ErrorContext
from server.apikit.sockets.frames import Name, name_of, time_text
from server.apikit.sockets.socket_protocol import Finder, SocketDependencies, SocketProtocol, Subscriptions
from server.apikit.sockets.subscriber import Subscriber
from server.apis.coordinaitor.errors import render_error
from server.apis.coordinaitor.events.subscriptions import SCOPES, TOLD, topic_of
from server.apis.coordinaitor.wording import WORDING, notification_shown
from server.core.notifications.inbox import Inbox
from server.core.notifications.preferences import DESKTOP, wants
from server.core.shared.call_context import Call
from server.core.shared.names import Names
from server.errors import NotFound, ServiceError
from server.model import Event, resource_of

Socket = Subscriber[SocketRequest]
# Frames that are kept for others who are sent them, in bytes.
ENCODED_BYTES, KEEPING_BYTES = 4 << 20, 200


class EventServicer:
    """Holds conversations."""

    def __init__(self, shared: SocketDependencies, names: Names, inbox: Inbox, find: Mapping[str, Finder]) -> None:
        self._shared = shared
        self._protocol = CoordinaitorSocket(names, inbox, find)

    async def Connect(self, requests: AsyncIterator[SocketRequest], call: Call) -> AsyncIterator[HttpBody]:
        return Subscriber(self._protocol, self._shared, call).frames(requests)


class CoordinaitorSocket(SocketProtocol[SocketRequest]):
    """Subscriptions to channels, by whoever the socket is of."""

    open_to_all = frozenset({"auth", "ping"})
    unknown = "say who you are first, in a frame of type auth"

    def __init__(self, names: Names, inbox: Inbox, find: Mapping[str, Finder]) -> None:
        self._names = names
        self._inbox = inbox
        # What a filter may name, by the filter.
        self._find = find
        self._encoded: FIFOCache[tuple[str, int], HttpBody] = FIFOCache(
            ENCODED_BYTES, lambda frame: KEEPING_BYTES + frame.ByteSize()
        )
        self.commands = {
            "auth": self._authenticate,
            "subscribe": self._subscribe,
            "unsubscribe": self._unsubscribe,
            "ping": self._ping,
        }

    def topics(self, call: Call) -> Subscriptions:
        return Subscriptions()

    def said(self, type: str, payload: dict[str, Any], reply_to: Name = "") -> HttpBody:
        body = {"type": type, "data": payload, "timestamp": time_text(time.time_ns() // 1000)}
        return _frame({**body, "replyTo": reply_to} if reply_to != "" else body)

    async def admitted(self, socket: Socket, request: SocketRequest | None) -> None:
        after = await socket.locate(None)
        type, reply_to = ("connected", "") if request is None else ("auth_ok", name_of(request))
        await socket.say(type, {"cursor": str(after)}, reply_to)
        socket.follow(after)

    async def quiet(self, socket: Socket) -> None:
        # Also a look whether the credential is still good.
        if not socket.busy:
            await socket.say("heartbeat", {})

    async def render(self, socket: Socket, events: Sequence[Event]) -> Sequence[HttpBody]:
        if any(event.type == TOLD for event in events):
            user = await self._inbox.user(socket.call)
            if user is None or not wants(user, DESKTOP):
                events = [event for event in events if event.type != TOLD]
        new = [event for event in events if _key(event) not in self._encoded]
        references = {each for event in new for each in WORDING.references(event)}
        names = await self._names.of(socket.call.organization_id, references) if references else {}
        frames = []
        for event in events:
            frame = self._encoded.get(_key(event))
            if frame is None:
                frame = self._encoded[_key(event)] = _event_frame(event, names)
            frames.append(frame)
        return frames

    def explained(self, error: ServiceError, request_id: str) -> dict[str, Any]:
        told: dict[str, Any] = render_error(error, ErrorContext(request_id, "")).body["error"]
        return {**told, "startAfter": error.details["start_after"]} if "start_after" in error.details else told

    async def _authenticate(self, socket: Socket, request: SocketRequest) -> None:
        await socket.authenticate(request.token, request)

    async def _ping(self, socket: Socket, request: SocketRequest) -> None:
        await socket.say("pong", {}, name_of(request))

    async def _subscribe(self, socket: Socket, request: SocketRequest) -> None:
        topic = topic_of(request)
        socket.require(SCOPES[topic.channel])
        for name, value in topic.filters:
            if name in self._find:
                await self._find[name](socket.call, value)
        named = _named(request)

        def confirmed(after: int) -> HttpBody:
            return self.said("subscribed", {**named, "since": str(after)}, name_of(request))

        await socket.subscribe(topic, request.since if request.HasField("since") else None, confirmed)

    async def _unsubscribe(self, socket: Socket, request: SocketRequest) -> None:
        if socket.topics.after.pop(topic_of(request), None) is None:
            raise NotFound("subscription", request.channel)
        await socket.say("unsubscribed", _named(request), name_of(request))


def _named(request: SocketRequest) -> dict[str, Any]:
    return {"channel": request.channel, "filters": dict(request.filters)}


def _key(event: Event) -> tuple[str, int]:
    return event.organization_id, event.number


def _event_frame(event: Event, names: Mapping[str, str]) -> HttpBody:
    told = event.type == TOLD
    data = notification_shown(resource_of(event)) if told else WORDING.data(event, names)  # type: ignore[arg-type]
    name = TOLD if told else WORDING.name(event)
    return _frame({"type": name, "data": data, "timestamp": time_text(event.created_at), "id": str(event.number)})


def _frame(body: Mapping[str, Any]) -> HttpBody:
    data = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")
    return HttpBody(content_type="application/json", data=data)
