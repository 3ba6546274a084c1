"""Agent Orchestration: the feed as server-sent events."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import AsyncIterator
from typing import Any

import structlog
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from orchestrator.agent_orchestration.v1 import event_service_pb2 as pb

from server.apikit.projection import timestamp
from server.apis.agent_orchestration.shape import agent_message, execution_message, session_message
from server.core.events.stream import EventFilter, EventStreams
from server.core.sessions.lifecycle import Sessions
from server.core.shared.call_context import Call
from server.errors import InvalidRequest
from server.model import Agent, Event, Session, Task

CONTENT_TYPE = "text/event-stream"
ENCODED = 2048
log = structlog.get_logger()


class EventServicer:
    """Decodes, calls the use case, encodes; an event is encoded once for all the streams that send it."""

    def __init__(self, events: EventStreams, sessions: Sessions) -> None:
        self._events = events
        self._sessions = sessions
        self._encoded: OrderedDict[tuple[str, int], bytes] = OrderedDict()

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
            yield _piece(b"".join(map(self._encode, events)) or b": keep-alive\n\n")

    def _encode(self, event: Event) -> bytes:
        key = (event.organization_id, event.number)
        encoded = self._encoded.get(key)
        if encoded is None:
            encoded = self._encoded[key] = _encode(event)
            if len(self._encoded) > ENCODED:
                self._encoded.popitem(last=False)
        return encoded


def _cursor(request: pb.StreamEventsRequest, call: Call) -> int | None:
    last = call.headers.get("last-event-id", "").strip()
    if not last:
        return request.after if request.HasField("after") else None
    if not last.isascii() or not last.isdigit() or len(last) > 18:
        raise InvalidRequest("Last-Event-ID", "must be the id of an event of this stream, a whole number")
    return int(last)


def _native(type: str) -> str:
    return type.replace("execution.", "task.", 1) if type.startswith("execution.") else type


def _piece(data: bytes) -> HttpBody:
    return HttpBody(content_type=CONTENT_TYPE, data=data)


def _encode(event: Event) -> bytes:
    kind, _, what = event.type.partition(".")
    type = f"execution.{what}" if kind == "task" else event.type
    try:
        data = _data(kind, json.loads(event.payload))
    except Exception:
        # One event that cannot be shown must not end the stream for all that follow it.
        log.exception("bug", event_type=event.type, number=event.number)
        data = {"id": event.resource_id}
    body = {
        "id": str(event.number),
        "type": type,
        "created_at": timestamp(event.created_at).ToJsonString(),
        "data": data,
    }
    return f"id: {event.number}\nevent: {type}\ndata: {json.dumps(body, separators=(',', ':'))}\n\n".encode()


def _data(kind: str, payload: dict[str, Any]) -> dict[str, Any]:
    message: Message
    if kind == "session":
        message = session_message(Session.new(**payload))
    elif kind == "agent":
        message = agent_message(Agent.new(**payload))
    elif kind == "task":
        message = execution_message(Task.new(**payload))
    else:
        # What this API has no shape for is named and no more.
        return {"id": f"{'run' if kind == 'workflow_run' else kind}_{payload['id']}"}
    return MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
