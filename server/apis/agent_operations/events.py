"""Agent Operations: events as frames of a WebSocket, each encoded once for all the sockets that send it."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from typing import Any

import structlog
from google.api.httpbody_pb2 import HttpBody
from orchestrator.agent_operations.v1.event_service_pb2 import SocketRequest

from server.apikit.connection_limit import ConnectionLimit
from server.apikit.frames import alert_payload, event_frame, plain
from server.apikit.socket_protocol import Finder, SocketDependencies
from server.apikit.subscriber import Subscriber
from server.apis.agent_operations.shape import light_agent_message, task_message
from server.apis.agent_operations.socket import OperationsSocket
from server.apis.agent_operations.workflow_shape import run_message, workflow_message
from server.core.events.stream import EventStreams
from server.core.shared.call_context import Call
from server.model import Agent, Alert, Event, Task, Workflow, WorkflowRun

ENCODED = 2048
# Events that say no more than where an agent stands now.
STATUS_CHANGES = frozenset({"agent.active", "agent.inactive", "agent.lost", "agent.failed"})
log = structlog.get_logger()


class EventServicer:
    """Holds conversations."""

    def __init__(
        self, events: EventStreams, find: Mapping[str, Finder], *, sockets_per_key: int, slow_after: int
    ) -> None:
        self._shared = SocketDependencies(events, ConnectionLimit(sockets_per_key), slow_after)
        self._protocol = OperationsSocket(self._show, find)
        self._encoded: OrderedDict[tuple[str, int], HttpBody] = OrderedDict()

    async def Connect(self, requests: AsyncIterator[SocketRequest], call: Call) -> AsyncIterator[HttpBody]:
        return Subscriber(self._protocol, self._shared, call).frames(requests)

    def _show(self, event: Event) -> HttpBody:
        """The frame of an event."""
        key = (event.organization_id, event.number)
        frame = self._encoded.get(key)
        if frame is None:
            frame = self._encoded[key] = _encode(event)
            if len(self._encoded) > ENCODED:
                self._encoded.popitem(last=False)
        return frame


def _encode(event: Event) -> HttpBody:
    try:
        payload = _payload(event, json.loads(event.payload))
    except Exception:
        # One event that cannot be shown must not end the stream for all that follow it.
        log.exception("bug", event_type=event.type, number=event.number)
        payload = {"id": event.resource_id}
    return event_frame(event, _word(event.type), payload)


def _word(type: str) -> str:
    """What clients of this API know an event by."""
    if type in STATUS_CHANGES:
        return "agent_status_change"
    return type.replace("workflow_run.", "workflow.", 1).replace(".", "_")


def _payload(event: Event, row: dict[str, Any]) -> dict[str, Any]:
    kind = event.type.partition(".")[0]
    if kind == "agent":
        agent = plain(light_agent_message(Agent.new(**row)))
        return {"agent_id": agent["id"], **agent}
    if kind == "task":
        return plain(task_message(Task.new(**row)))
    if kind == "workflow":
        return plain(workflow_message(Workflow.new(**row)))
    if kind == "workflow_run":
        return plain(run_message(WorkflowRun.new(**row)))
    return _alert(Alert.new(**row))


def _alert(alert: Alert) -> dict[str, Any]:
    shown = alert_payload(alert, f"alert_{alert.id}")
    return {**shown, "agent_id": f"agent_{alert.subject}"} if alert.kind == "agent_lost" else shown
