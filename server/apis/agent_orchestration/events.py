"""Agent Orchestration: the feed as server-sent events."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from google.api.httpbody_pb2 import HttpBody
from orchestrator.wire.agent_orchestration.v1 import event_service_pb2 as pb

from server.apikit.event_encoder import EventEncoder
from server.apikit.projection import timestamp
from server.apikit.server_sent import CONTENT_TYPE, last_event_id
from server.apis.agent_orchestration.shape import EVENT_SHAPES
from server.core.events.stream import EventFilter, EventStreams
from server.core.sessions.lifecycle import Sessions
from server.core.shared.call_context import Call
from server.model import Event


class EventServicer:
    """Decodes, calls the use case, encodes; an event is encoded once for all the streams that send it."""

    def __init__(self, events: EventStreams, sessions: Sessions) -> None:
        self._events = events
        self._sessions = sessions
        self._encoder = EventEncoder(EVENT_SHAPES, _server_sent, _named)

    async def StreamEvents(self, request: pb.StreamEventsRequest, call: Call) -> AsyncIterator[HttpBody]:
        if request.session_id:
            await self._sessions.get(call, request.session_id)
        types = [_native(type) for type in request.types]
        wanted = EventFilter(types, request.session_id)
        after = await self._events.begin(call, _cursor(request, call))
        return self._pieces(call, after, wanted)

    async def _pieces(self, call: Call, after: int, wanted: EventFilter) -> AsyncIterator[HttpBody]:
        # The first piece opens the stream at once; clients reconnect after a second.
        yield _piece(b"retry: 1000\n: connected\n\n")
        async for events in self._events.follow(call, after, wanted):
            yield _piece(b"".join(map(self._encoder.encode, events)) or b": keep-alive\n\n")


def _cursor(request: pb.StreamEventsRequest, call: Call) -> int | None:
    last = last_event_id(call)
    return last if last is not None or not request.HasField("after") else request.after


def _native(type: str) -> str:
    return type.replace("execution.", "task.", 1) if type.startswith("execution.") else type


def _piece(data: bytes) -> HttpBody:
    return HttpBody(content_type=CONTENT_TYPE, data=data)


def _server_sent(event: Event, data: dict[str, Any]) -> bytes:
    kind, _, what = event.type.partition(".")
    type = f"execution.{what}" if kind == "task" else event.type
    body = {
        "id": str(event.number),
        "type": type,
        "created_at": timestamp(event.created_at).ToJsonString(),
        "data": data,
    }
    return f"id: {event.number}\nevent: {type}\ndata: {json.dumps(body, separators=(',', ':'))}\n\n".encode()


# What is said of a task, and hangs on it, is known by the task.
_KINDS = {"workflow_run": "run", "comment": "execution", "file": "execution"}


def _named(event: Event) -> dict[str, Any]:
    """What this API has no shape for is named and no more."""
    kind = event.type.partition(".")[0]
    return {"id": f"{_KINDS.get(kind, kind)}_{event.resource_id}"}
