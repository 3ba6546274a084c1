"""The native API's resources."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from google.protobuf.message import Message
from orchestrator.wire.v1.agent_pb2 import Agent as AgentMessage
from orchestrator.wire.v1.agent_pb2 import AgentRuntime, AgentStatus, DayOfWeek, WorkingHours
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
from server.apis.native.chat.resources import answer_message, conversation_message, pieces_message
from server.apis.native.collaboration.resources import (
    comment_message,
    file_message,
    member_message,
    project_message,
    rating_message,
)
from server.apis.native.knowledge.resources import document_message
from server.apis.native.people.messages import notification_message, user_message
from server.apis.native.people.resources import invitation_message, key_message
from server.apis.native.webhooks.resources import delivery_message, webhook_message
from server.apis.native.workflows.resources import run_message, workflow_message
from server.core.agents.entry_point import Entry, signature
from server.core.queue.schedule import next_runs
from server.model import (
    EVENT_TYPES,
    Agent,
    Answer,
    AnswerPieces,
    ApiKey,
    Attempt,
    Comment,
    Conversation,
    Delivery,
    Document,
    Event,
    Invitation,
    Notification,
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
_DAYS: Mapping[str, int] = {name.removeprefix("DAY_OF_WEEK_").lower(): number for name, number in DayOfWeek.items()}
_DAY_WORDS = {number: word for word, number in _DAYS.items()}
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
        specializations=json.loads(agent.specializations),
        working_hours=hours_message(agent.working_hours) if agent.working_hours else None,
        next_shift_time=timestamp(agent.shift_at) if agent.shift_at is not None else None,
        last_active_time=timestamp(agent.last_active_at) if agent.last_active_at is not None else None,
    )


def hours_message(kept: str) -> WorkingHours:
    """Working hours as an agent keeps them."""
    hours = json.loads(kept)
    days: Any = [_DAYS[day] for day in hours.get("days", ())]
    return WorkingHours(time_zone=hours["timezone"], start=hours["start"], end=hours["end"], days=days)


def hours_value(message: WorkingHours) -> bytes:
    """Working hours as core takes them."""
    hours: dict[str, Any] = {"timezone": message.time_zone or "UTC", "start": message.start, "end": message.end}
    if message.days:
        hours["days"] = [_DAY_WORDS[day] for day in message.days]
    return values.encode(hours)


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
        project_id=f"proj_{task.project_id}" if task.project_id else "",
        tags=json.loads(task.tags) if task.tags != "[]" else (),
        requirements=_texts(task.requirements),
        acceptance_criteria=_texts(task.acceptance_criteria),
        due_time=timestamp(task.due_at) if task.due_at is not None else None,
        created_by=f"user_{task.created_by}" if task.created_by else "",
        taken_by=f"user_{task.taken_by}" if task.taken_by else "",
        lease_holder=task.lease_holder or "",
    )


def _texts(array: str) -> Sequence[str]:
    """The texts of a JSON array; none where a list has left it out."""
    return json.loads(array) if array not in ("", "[]") else ()


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
    message = EventMessage(
        number=event.number, type=event.type, created_at=timestamp(event.created_at), traceparent=event.traceparent
    )
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
    Answer: ("answer", answer_message),
    AnswerPieces: ("answer_pieces", pieces_message),
    ApiKey: ("api_key", key_message),
    Comment: ("comment", comment_message),
    Conversation: ("conversation", conversation_message),
    Delivery: ("webhook_delivery", delivery_message),
    Document: ("document", document_message),
    Notification: ("notification", notification_message),
    Invitation: ("invitation", invitation_message),
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
