"""The native API's resources."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.message import Message
from orchestrator.wire.v1.agent_pb2 import Agent as AgentMessage
from orchestrator.wire.v1.agent_pb2 import AgentRuntime, AgentStatus
from orchestrator.wire.v1.event_pb2 import Event as EventMessage
from orchestrator.wire.v1.session_pb2 import Session as SessionMessage
from orchestrator.wire.v1.session_pb2 import SessionStatus
from orchestrator.wire.v1.task_pb2 import (
    Cron,
    RetryPolicy,
    Schedule,
    TaskAttempt,
    TaskError,
    TaskLogLine,
    TaskPriority,
    TaskStatus,
)
from orchestrator.wire.v1.task_pb2 import Task as TaskMessage

from server import values
from server.apikit.projection import project, remembered, timestamp
from server.apis.native.document_resources import document_message
from server.apis.native.people_resources import (
    comment_message,
    file_message,
    member_message,
    project_message,
    rating_message,
    user_message,
)
from server.apis.native.webhook_resources import delivery_message, webhook_message
from server.apis.native.workflow_resources import run_message, workflow_message
from server.core.agents.entry_point import Entry, signature
from server.core.queue.schedule import next_runs
from server.model import (
    EVENT_TYPES,
    Agent,
    Attempt,
    Comment,
    Delivery,
    Document,
    Event,
    Project,
    ProjectMember,
    Rating,
    Record,
    Session,
    Task,
    TaskFile,
    TaskLog,
    User,
    Webhook,
    Workflow,
    WorkflowRun,
    resource_of,
)

SESSION_STATUS = {name.removeprefix("SESSION_STATUS_").lower(): number for name, number in SessionStatus.items()}
AGENT_STATUS = {name.removeprefix("AGENT_STATUS_").lower(): number for name, number in AgentStatus.items()}
AGENT_RUNTIME = {name.removeprefix("AGENT_RUNTIME_").lower(): number for name, number in AgentRuntime.items()}
TASK_STATUS = {name.removeprefix("TASK_STATUS_").lower(): number for name, number in TaskStatus.items()}
SESSION_WORDS = {number: word for word, number in SESSION_STATUS.items()}
AGENT_WORDS = {number: word for word, number in AGENT_STATUS.items()}
TASK_WORDS = {number: word for word, number in TASK_STATUS.items()}


@remembered
def session_message(session: Session) -> SessionMessage:
    """A session."""
    return project(
        session,
        SessionMessage,
        id=f"session_{session.id}",
        status=SESSION_STATUS[session.status],
        priority=session.priority + 1,
        parent_id=f"session_{session.parent_id}" if session.parent_id else "",
        result=session.result,
    )


def agent_message(agent: Agent) -> AgentMessage:
    """An agent; without code where the row was read for a list or kept by an event."""
    entry = Entry.from_json(agent.entry) if agent.entry != "{}" else None
    return project(
        agent,
        AgentMessage,
        id=f"agent_{agent.id}",
        runtime=AGENT_RUNTIME[agent.runtime],
        status=AGENT_STATUS[agent.status],
        requirements=json.loads(agent.requirements),
        entry_function=entry.function if entry is not None else "",
        input_binding=signature(entry) if entry is not None else "",
        capabilities=json.loads(agent.capabilities),
        configuration=_configuration(agent.configuration),
        disabled=agent.disabled_at is not None,
    )


def task_message(task: Task) -> TaskMessage:
    """A task; without its long texts where the row was read for a list or they were too long for an event."""
    return project(
        task,
        TaskMessage,
        id=f"task_{task.id}",
        agent_id=f"agent_{task.agent_id}" if task.agent_id else "",
        session_id=f"session_{task.session_id}" if task.session_id else "",
        parent_id=f"task_{origin}" if (origin := task.parent_id or task.recurring_id) else "",
        workflow_run_id=f"run_{task.workflow_run_id}" if task.workflow_run_id else "",
        status=TASK_STATUS[task.status],
        priority=task.priority + 1,
        input=task.input or None,
        output=task.output or None,
        stdout=task.stdout or "",
        stderr=task.stderr or "",
        error=TaskError(**json.loads(task.error)) if task.error else None,
        capabilities=json.loads(task.capabilities) if task.capabilities != "[]" else (),
        schedule=_schedule(task) if task.schedule is not None else None,
        retry=RetryPolicy(**json.loads(task.retry)) if task.retry is not None else None,
        cancel_requested=task.cancel_requested_at is not None and task.completed_at is None,
        cancel_acknowledged=task.cancel_acknowledged_at is not None,
        lease_holder=task.lease_holder or "",
    )


def attempt_message(attempt: Attempt) -> TaskAttempt:
    """An attempt that has ended."""
    return project(
        attempt,
        TaskAttempt,
        agent_id=f"agent_{attempt.agent_id}" if attempt.agent_id else "",
        error=TaskError(**json.loads(attempt.error)) if attempt.error else None,
    )


def log_message(line: TaskLog) -> TaskLogLine:
    """A line about a task."""
    return project(line, TaskLogLine)


def event_message(event: Event) -> EventMessage:
    """An event with the resource as it was."""
    message = EventMessage(number=event.number, type=event.type, created_at=timestamp(event.created_at))
    if event.type.partition(".")[0] in _KINDS:
        resource = resource_of(event)
        field, encode = RESOURCE_FIELDS[type(resource)]
        getattr(message, field).CopyFrom(encode(resource))
    return message


def priority_word(number: int) -> Any:
    """The priority that an enum number stands for; None for none."""
    return number - TaskPriority.TASK_PRIORITY_LOW if number else None


def _configuration(value: bytes) -> bytes | None:
    """The Struct of a configuration that says something, and is not left out."""
    return values.struct_of(value) if value and value != values.EMPTY_OBJECT else None


def _schedule(task: Task) -> Schedule:
    written = json.loads(task.schedule or "{}")
    if written["type"] == "at":
        return Schedule(at=timestamp(task.ready_at) if task.ready_at is not None else None)
    if written["type"] == "delay":
        return Schedule(delay_seconds=written["seconds"])
    runs = next_runs(written, task.next_run_at - 1) if task.next_run_at is not None else []
    return Schedule(
        cron=Cron(
            expression=written["expression"], timezone=written["timezone"], next_runs=[timestamp(run) for run in runs]
        )
    )


# The field of an event that holds a resource, and what fills it; and the kinds of events that have one.
RESOURCE_FIELDS: Mapping[type[Record], tuple[str, Callable[[Any], Message]]] = {
    Agent: ("agent", agent_message),
    Comment: ("comment", comment_message),
    Delivery: ("webhook_delivery", delivery_message),
    Document: ("document", document_message),
    Project: ("project", project_message),
    ProjectMember: ("project_member", member_message),
    Rating: ("rating", rating_message),
    Session: ("session", session_message),
    Task: ("task", task_message),
    TaskFile: ("task_file", file_message),
    User: ("user", user_message),
    Webhook: ("webhook", webhook_message),
    Workflow: ("workflow", workflow_message),
    WorkflowRun: ("workflow_run", run_message),
}
_KINDS = frozenset(type.partition(".")[0] for type in EVENT_TYPES) - {"log"}
