"""Agent Operations: events as frames of a WebSocket, each encoded once for all the sockets that send it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from google.api.httpbody_pb2 import HttpBody
from orchestrator.wire.agent_operations.v1.event_service_pb2 import SocketRequest

from server.apikit.event_encoder import EventEncoder
from server.apikit.sockets.frames import alert_payload, event_frame, plain
from server.apikit.sockets.socket_protocol import Finder, SocketDependencies
from server.apikit.sockets.subscriber import Subscriber
from server.apis.agent_operations.shape import light_agent_message, task_message
from server.apis.agent_operations.socket import OperationsSocket
from server.apis.agent_operations.workflow_shape import run_message, workflow_message
from server.core.events.stream import EventStreams
from server.core.shared.call_context import Call
from server.model import Agent, Alert, Record, Task, Workflow, WorkflowRun

# Events that say no more than where an agent stands now.
STATUS_CHANGES = frozenset(
    {"agent.active", "agent.inactive", "agent.on_duty", "agent.off_duty", "agent.lost", "agent.failed"}
)


class EventServicer:
    """Holds conversations."""

    def __init__(self, events: EventStreams, find: Mapping[str, Finder], *, slow_after: int) -> None:
        self._shared = SocketDependencies(events, slow_after)
        encoder = EventEncoder(_SHAPES, lambda event, payload: event_frame(event, _word(event.type), payload))
        self._protocol = OperationsSocket(encoder.encode, find)

    async def Connect(self, requests: AsyncIterator[SocketRequest], call: Call) -> AsyncIterator[HttpBody]:
        return Subscriber(self._protocol, self._shared, call).frames(requests)


def _word(type: str) -> str:
    """What clients of this API know an event by."""
    if type in STATUS_CHANGES:
        return "agent_status_change"
    return type.replace("workflow_run.", "workflow.", 1).replace(".", "_")


def _agent(agent: Agent) -> dict[str, Any]:
    shown = plain(light_agent_message(agent))
    return {"agent_id": shown["id"], **shown}


def _alert(alert: Alert) -> dict[str, Any]:
    shown = alert_payload(alert, f"alert_{alert.id}")
    return {**shown, "agent_id": f"agent_{alert.subject}"} if alert.kind == "agent_lost" else shown


_SHAPES: Mapping[type[Record], Callable[[Any], dict[str, Any]]] = {
    Agent: _agent,
    Alert: _alert,
    Task: lambda task: plain(task_message(task)),
    Workflow: lambda workflow: plain(workflow_message(workflow)),
    WorkflowRun: lambda run: plain(run_message(run)),
}
