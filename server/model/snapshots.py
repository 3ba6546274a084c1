"""Snapshots: the resource that an event is about, as it was right after the change."""

from __future__ import annotations

from collections.abc import Mapping

from server.model.agents import Agent, Worker
from server.model.chat import Answer, AnswerPieces, Conversation
from server.model.discussion import Comment, Rating, TaskFile
from server.model.events import Event
from server.model.knowledge import Document
from server.model.people.identity import ApiKey, User
from server.model.people.logins import Invitation
from server.model.people.notifications import Notification
from server.model.projects import Project, ProjectMember
from server.model.record import Record
from server.model.sessions import Checkpoint, Session
from server.model.system import Alert
from server.model.task_records import TaskLog
from server.model.tasks import Task
from server.model.webhooks import Delivery, Webhook
from server.model.workflows import Workflow, WorkflowRun

# What an event's type stands for, or its first word.
RESOURCES: Mapping[str, type[Record]] = {
    "agent": Agent,
    "api_key": ApiKey,
    "chat": Answer,
    "chat.tokens": AnswerPieces,
    "checkpoint": Checkpoint,
    "comment": Comment,
    "conversation": Conversation,
    "document": Document,
    "file": TaskFile,
    "invitation": Invitation,
    "log": TaskLog,
    "notification": Notification,
    "project": Project,
    "project.member_added": ProjectMember,
    "project.member_removed": ProjectMember,
    "project.member_updated": ProjectMember,
    "rating": Rating,
    "session": Session,
    "system": Alert,
    "task": Task,
    "user": User,
    "worker": Worker,
    "webhook": Webhook,
    "webhook.delivery_exhausted": Delivery,
    "workflow": Workflow,
    "workflow_run": WorkflowRun,
}
_READ = "snapshot"


def resource_of(event: Event) -> Record:
    """The resource, without what events leave out; read once, however many ask. Raises KeyError for other events."""
    values = event.values()
    found: Record | None = values.get(_READ)
    if found is None:
        kind = RESOURCES.get(event.type) or RESOURCES[event.type.partition(".")[0]]
        found = values[_READ] = kind.of_snapshot(event.payload)
    return found
