"""Agent Operations: what clients of its WebSocket may say, and what they are told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from google.api.httpbody_pb2 import HttpBody
from orchestrator.wire.agent_operations.v1.event_service_pb2 import SocketRequest

from server.apikit.sockets.frames import name_of, said
from server.apikit.sockets.socket_protocol import Finder, SocketProtocol, Subscriptions
from server.apikit.sockets.subscriber import Subscriber
from server.apis.agent_operations.subscriptions import SCOPES, topic_of
from server.core.shared.call_context import Call
from server.errors import NotFound, ServiceError
from server.model import Event

Socket = Subscriber[SocketRequest]


class OperationsSocket(SocketProtocol[SocketRequest]):
    """Subscriptions to channels, after a header or a frame that says who it is."""

    open_to_all = frozenset({"auth", "ping"})
    unknown = "say who you are first, in a frame of type auth"

    def __init__(self, show: Callable[[Event], HttpBody], find: Mapping[str, Finder]) -> None:
        self._show = show
        # What a subscription may name, by the field of a frame.
        self._find = find
        self.commands = {
            "auth": self._authenticate,
            "subscribe": self._subscribe,
            "unsubscribe": self._unsubscribe,
            "ping": self._ping,
        }

    def topics(self, call: Call) -> Subscriptions:
        return Subscriptions()

    async def admitted(self, socket: Socket, request: SocketRequest | None) -> None:
        after = await socket.locate(None)
        type, reply_to = ("connected", "") if request is None else ("auth_ok", name_of(request))
        await socket.say(type, {"cursor": str(after)}, reply_to)
        socket.follow(after)

    async def quiet(self, socket: Socket) -> None:
        # Also a look whether the key is still good.
        if not socket.busy:
            await socket.say("heartbeat", {})

    async def render(self, socket: Socket, events: Sequence[Event]) -> Sequence[HttpBody]:
        return [self._show(event) for event in events]

    def explained(self, error: ServiceError, request_id: str) -> dict[str, Any]:
        told = {"code": error.reason, "message": error.message, "details": error.details}
        return {**told, "start_after": error.details["start_after"]} if "start_after" in error.details else told

    async def _authenticate(self, socket: Socket, request: SocketRequest) -> None:
        await socket.authenticate(request.token, request)

    async def _ping(self, socket: Socket, request: SocketRequest) -> None:
        await socket.say("pong", {}, name_of(request))

    async def _subscribe(self, socket: Socket, request: SocketRequest) -> None:
        topic = topic_of(request)
        socket.require(SCOPES[topic.channel])
        for name, find in self._find.items():
            if getattr(request, name):
                await find(socket.call, getattr(request, name))
        named = _named(request)

        def confirmed(after: int) -> HttpBody:
            return said("subscribed", {**named, "since": str(after)}, name_of(request))

        await socket.subscribe(topic, request.since if request.HasField("since") else None, confirmed)

    async def _unsubscribe(self, socket: Socket, request: SocketRequest) -> None:
        if socket.topics.after.pop(topic_of(request), None) is None:
            raise NotFound("subscription", request.channel)
        await socket.say("unsubscribed", _named(request), name_of(request))


def _named(request: SocketRequest) -> dict[str, Any]:
    names = ("channel", "agent_id", "task_id", "workflow_id")
    return {name: getattr(request, name) for name in names if getattr(request, name)}
