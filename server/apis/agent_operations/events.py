"""Agent Operations: events as frames of a WebSocket, each encoded once for all the sockets that send it."""

from __future__ import annotations

import json
import time
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Mapping
from typing import Any, cast

import structlog
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from orchestrator.agent_operations.v1.event_service_pb2 import SocketRequest

from server.apis.agent_operations.conversation import Conversation, Finder
from server.apis.agent_operations.shape import light_agent_message, task_message
from server.apis.agent_operations.workflow_shape import run_message, workflow_message
from server.apis.messages import timestamp
from server.core.call import Call
from server.core.events import Events
from server.errors import TooMany
from server.model import Agent, Alert, Event, Task, Workflow, WorkflowRun

ENCODED = 2048
# Events that say no more than where an agent stands now.
STATUS_CHANGES = frozenset({"agent.active", "agent.inactive", "agent.lost", "agent.failed"})
log = structlog.get_logger()


class EventServicer:
    """Holds conversations, and counts them by key."""

    def __init__(self, events: Events, find: Mapping[str, Finder], *, sockets_per_key: int, slow_after: int) -> None:
        self._events = events
        self._find = find
        self._sockets_per_key = sockets_per_key
        self._slow_after = slow_after
        self._sockets: Counter[str] = Counter()
        self._encoded: OrderedDict[tuple[str, int], HttpBody] = OrderedDict()

    async def Connect(self, requests: AsyncIterator[SocketRequest], call: Call) -> AsyncIterator[HttpBody]:
        return self._frames(Conversation(self._events, call, self, self._find, slow_after=self._slow_after), requests)

    async def _frames(
        self, conversation: Conversation, requests: AsyncIterator[SocketRequest]
    ) -> AsyncIterator[HttpBody]:
        try:
            async for frame in conversation.frames(requests):
                yield frame
        finally:
            await conversation.end()

    def enter(self, key: str) -> None:
        """Counts a socket of this key. Raises TooMany."""
        if self._sockets[key] >= self._sockets_per_key:
            raise TooMany(
                f"this key has {self._sockets_per_key} sockets open, which is as many as it may",
                details={"limit": self._sockets_per_key},
            )
        self._sockets[key] += 1

    def leave(self, key: str) -> None:
        """Counts it no more."""
        self._sockets[key] -= 1
        if not self._sockets[key]:
            del self._sockets[key]

    def event(self, event: Event) -> HttpBody:
        """The frame of an event."""
        key = (event.organization_id, event.number)
        frame = self._encoded.get(key)
        if frame is None:
            frame = self._encoded[key] = _encode(event)
            if len(self._encoded) > ENCODED:
                self._encoded.popitem(last=False)
        return frame

    def said(self, type: str, payload: dict[str, Any], reply_to: str) -> HttpBody:
        """A frame that is no event."""
        body = {"type": type, "payload": payload, "timestamp": _time(time.time_ns() // 1000)}
        return _frame({**body, "reply_to": reply_to} if reply_to else body)


def _encode(event: Event) -> HttpBody:
    try:
        payload = _payload(event, json.loads(event.payload))
    except Exception:
        # One event that cannot be shown must not end the stream for all that follow it.
        log.exception("bug", event_type=event.type, number=event.number)
        payload = {"id": event.resource_id}
    return _frame(
        {
            "type": _word(event.type),
            "payload": payload,
            "timestamp": _time(event.created_at),
            "id": str(event.number),
        }
    )


def _word(type: str) -> str:
    """What clients of this API know an event by."""
    if type in STATUS_CHANGES:
        return "agent_status_change"
    return type.replace("workflow_run.", "workflow.", 1).replace(".", "_")


def _payload(event: Event, row: dict[str, Any]) -> dict[str, Any]:
    kind = event.type.partition(".")[0]
    if kind == "agent":
        agent = _plain(light_agent_message(Agent.new(**row)))
        return {"agent_id": agent["id"], **agent}
    if kind == "task":
        return _plain(task_message(Task.new(**row)))
    if kind == "workflow":
        return _plain(workflow_message(Workflow.new(**row)))
    if kind == "workflow_run":
        return _plain(run_message(WorkflowRun.new(**row)))
    return _alert(Alert.new(**row))


def _alert(alert: Alert) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": f"alert_{alert.id}",
        "kind": alert.kind,
        "severity": alert.severity,
        "message": alert.message,
        "details": json.loads(alert.details),
        "created_at": _time(alert.created_at),
    }
    if alert.kind == "agent_lost":
        shown["agent_id"] = f"agent_{alert.subject}"
    if alert.resolved_at is not None:
        shown["resolved_at"] = _time(alert.resolved_at)
    return shown


def _plain(message: Message) -> dict[str, Any]:
    plain = MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    return cast("dict[str, Any]", _whole(plain))


def _whole(value: Any) -> Any:
    """The same with numbers as the REST API writes them: those without a fraction have no point."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, dict):
        return {name: _whole(each) for name, each in value.items()}
    return [_whole(each) for each in value] if isinstance(value, list) else value


def _time(microseconds: int) -> str:
    return timestamp(microseconds).ToJsonString()


def _frame(body: dict[str, Any]) -> HttpBody:
    data = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")
    return HttpBody(content_type="application/json", data=data)
