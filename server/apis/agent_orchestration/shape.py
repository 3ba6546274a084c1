"""The Agent Orchestration API's shapes: bare resources."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from orchestrator.wire.agent_orchestration.v1.agent_pb2 import Agent as AgentMessage
from orchestrator.wire.agent_orchestration.v1.document_pb2 import Document as DocumentMessage
from orchestrator.wire.agent_orchestration.v1.execution_pb2 import Execution, ExecutionError
from orchestrator.wire.agent_orchestration.v1.session_pb2 import Session as SessionMessage
from orchestrator.wire.agent_orchestration.v1.session_pb2 import SessionConfig
from orchestrator.wire.agent_orchestration.v1.webhook_pb2 import Webhook as WebhookMessage
from orchestrator.wire.agent_orchestration.v1.webhook_pb2 import WebhookAttempt, WebhookDelivery

from server.apikit.projection import project, remembered, shown_message, timestamp
from server.apikit.webhooks.fields import delivery_in_event, webhook_in_event
from server.core.agents.entry_point import Entry, signature
from server.model import (
    Agent,
    Delivery,
    Document,
    Record,
    Session,
    SessionStatus,
    Task,
    TaskLog,
    Webhook,
)

LIMIT = 10
# What this API calls the states of a session, and by which filter those of that name are found.
SESSION_WORDS: Mapping[str, str] = {
    SessionStatus.CREATED: "created",
    SessionStatus.QUEUED: "created",
    SessionStatus.RUNNING: "running",
    SessionStatus.PAUSED: "running",
    SessionStatus.COMPLETED: "completed",
    SessionStatus.FAILED: "failed",
    SessionStatus.CANCELLED: "failed",
    SessionStatus.EXPIRED: "expired",
}
SESSION_FILTERS = {"created": "waiting", "running": "begun", "failed": "unfinished"}


@remembered
def session_message(session: Session) -> SessionMessage:
    """A session."""
    config = SessionConfig(timeout=session.timeout_seconds, max_iterations=session.max_iterations)
    return project(
        session, SessionMessage, id=f"session_{session.id}", status=SESSION_WORDS[session.status], config=config
    )


def agent_message(agent: Agent) -> AgentMessage:
    """An agent; without code where the row was read for a list or kept by an event."""
    entry = Entry.from_json(agent.entry) if agent.entry != "{}" else None
    return project(
        agent,
        AgentMessage,
        id=f"agent_{agent.id}",
        type=agent.runtime,
        requirements=json.loads(agent.requirements),
        entry_function=entry.function if entry is not None else "",
        input_binding=signature(entry) if entry is not None else "",
    )


def document_message(document: Document) -> DocumentMessage:
    """A document."""
    return project(
        document,
        DocumentMessage,
        id=f"document_{document.id}",
        tags=json.loads(document.tags),
        content_version=document.revision,
    )


def execution_message(task: Task) -> Execution:
    """A task, as an execution; without its long texts where the row was read for a list."""
    return project(
        task,
        Execution,
        id=f"execution_{task.id}",
        agent_id=f"agent_{task.agent_id}" if task.agent_id else "",
        session_id=f"session_{task.session_id}" if task.session_id else "",
        input_data=task.input or None,
        output=task.output or None,
        stdout=task.stdout or "",
        stderr=task.stderr or "",
        error=ExecutionError(**json.loads(task.error)) if task.error else None,
        cancel_requested=task.cancel_requested_at is not None and task.completed_at is None,
    )


def _line(line: TaskLog) -> dict[str, Any]:
    return {
        "execution_id": f"execution_{line.task_id}",
        "level": line.level,
        "message": line.message,
        "created_at": timestamp(line.created_at).ToJsonString(),
    }


# What is shown of a resource in the stream of events, and sent to webhooks.
EVENT_SHAPES: Mapping[type[Record], Callable[[Any], dict[str, Any]]] = {
    Agent: lambda agent: shown_message(agent_message(agent)),
    Delivery: lambda delivery: delivery_in_event(WebhookDelivery, WebhookAttempt, delivery),
    Document: lambda document: shown_message(document_message(document)),
    Session: lambda session: shown_message(session_message(session)),
    Task: lambda task: shown_message(execution_message(task)),
    TaskLog: _line,
    Webhook: lambda webhook: webhook_in_event(WebhookMessage, webhook),
}
