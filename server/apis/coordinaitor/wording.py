"""The CoordinAItor API's words for events, and what webhooks and sockets show of what they are about."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from server.apikit.event_wording import EventWording, Named
from server.apikit.projection import shown_message, timestamp
from server.apis.coordinaitor.shape import PRIORITY_WORDS, shown_id, task_message
from server.core.shared.names import NamesById
from server.model import (
    Agent,
    AgentStatus,
    Comment,
    Notification,
    Project,
    ProjectMember,
    Record,
    Task,
    TaskFile,
    User,
)

Shown = dict[str, Any]
# What is seen of a change of a task or an agent that has no documented name of its own.
_TASK_UPDATED = ("updated", "started", "progress", "released", "retrying", "decomposed", "taken", "reopened")
_AGENT_STATUS = ("installing", "active", "inactive", "on_duty", "off_duty", "lost", "failed")
_SAME = {
    "agent": "created updated deleted",
    "comment": "created deleted",
    "file": "uploaded deleted",
    "project": "created updated completed deleted member_added member_updated member_removed",
    "task": "created assigned completed failed cancelled deleted",
    "user": "registered updated disabled",
}
BY_TYPE: Mapping[str, str] = {
    **{f"{kind}.{what}": f"{kind}.{what}" for kind, happenings in _SAME.items() for what in happenings.split()},
    **{f"task.{what}": "task.updated" for what in _TASK_UPDATED},
    # Nobody named the agent; dispatch has found it.
    "task.routed": "task.assigned",
    **{f"agent.{what}": "agent.status_changed" for what in _AGENT_STATUS},
}


def task_shown(task: Task, names: NamesById) -> Shown:
    """A task with the agent and the project that it belongs to."""
    shown = shown_message(task_message(task), camel=True)
    agent = _named("agent", task.agent_id, names)
    # The document calls it `agent` in webhooks and `assignedAgent` in answers.
    return {**shown, "agent": agent, "assignedAgent": agent, "project": _named("proj", task.project_id, names)}


def agent_shown(agent: Agent) -> Shown:
    """An agent; how busy it is and what it has achieved is in its metrics."""
    return {
        "id": shown_id("agent", agent.id),
        "name": agent.name,
        "type": agent.type,
        "status": agent_word(agent),
        "model": agent.model,
        "provider": agent.provider,
        "capabilities": json.loads(agent.capabilities),
        "specializations": json.loads(agent.specializations),
        "maxConcurrentTasks": agent.max_concurrent_tasks,
        "createdAt": _time(agent.created_at),
    }


def agent_word(agent: Agent) -> str:
    """Where an agent stands, as far as its row says."""
    if agent.disabled_at is not None or agent.deleted_at is not None:
        return "offline"
    if agent.status == AgentStatus.ERROR:
        return "error"
    return "available" if agent.status == AgentStatus.ACTIVE and not agent.off_duty else "offline"


def project_shown(project: Project) -> Shown:
    """A project; how far it is is counted when somebody asks for it."""
    return {
        "id": shown_id("proj", project.id),
        "name": project.name,
        "description": project.description,
        "status": project.status,
        "priority": PRIORITY_WORDS[project.priority],
        "startDate": _time(project.start_at),
        "endDate": _time(project.end_at),
        "tags": json.loads(project.tags),
        "createdBy": shown_id("user", project.created_by) if project.created_by else None,
        "completedAt": _time(project.completed_at),
        "createdAt": _time(project.created_at),
        "updatedAt": _time(project.updated_at),
    }


def user_shown(user: User) -> Shown:
    """A person, as everybody may see him who may have webhooks: his address is for those who may see users."""
    return {
        "id": shown_id("user", user.id),
        "name": user.name,
        "role": user.role,
        "organizationId": shown_id("org", user.organization_id),
        "createdAt": _time(user.created_at),
    }


def comment_shown(comment: Comment) -> Shown:
    """What somebody says of a task."""
    return {
        "id": shown_id("comment", comment.id),
        "taskId": shown_id("task", comment.task_id),
        "content": comment.content,
        "author": comment.author.replace("_", "-", 1),
        "mentions": [shown_id("user", each) for each in json.loads(comment.mentions)],
        "createdAt": _time(comment.created_at),
    }


def file_shown(file: TaskFile) -> Shown:
    """A file of a task."""
    return {
        "id": shown_id("file", file.id),
        "taskId": shown_id("task", file.task_id),
        "name": file.name,
        "description": file.description,
        "size": file.size,
        "mimeType": file.content_type,
        "author": file.author.replace("_", "-", 1),
        "uploadedAt": _time(file.created_at),
    }


def notification_shown(notification: Notification) -> Shown:
    """What somebody is told."""
    return {
        "id": shown_id("notification", notification.id),
        "type": notification.type,
        "title": notification.title,
        "message": notification.message,
        "resourceId": resource_id(notification),
        "read": notification.read_at is not None,
        "readAt": _time(notification.read_at),
        "createdAt": _time(notification.created_at),
    }


def resource_id(notification: Notification) -> str:
    """The id of what a notification is about."""
    kind = notification.type.partition(".")[0]
    return shown_id({"project": "proj"}.get(kind, kind), notification.resource_id)


def _member_shown(member: ProjectMember, names: NamesById) -> Shown:
    return {
        "id": shown_id("proj", member.project_id),
        "name": names.get(member.project_id, ""),
        "member": {
            "userId": shown_id("user", member.user_id),
            "name": names.get(member.user_id, ""),
            "role": member.role,
            "permissions": json.loads(member.permissions),
        },
    }


def _named(prefix: str, digits: str | None, names: NamesById) -> Shown | None:
    return {"id": shown_id(prefix, digits), "name": names.get(digits, "")} if digits else None


def _time(microseconds: int | None) -> str | None:
    return timestamp(microseconds).ToJsonString() if microseconds is not None else None


SHAPES: Mapping[type[Record], Callable[[Any], Shown]] = {
    Agent: agent_shown,
    Comment: comment_shown,
    Project: project_shown,
    TaskFile: file_shown,
    User: user_shown,
}
WORDING = EventWording(
    api="coordinaitor",
    by_type=BY_TYPE,
    shapes=SHAPES,
    named={
        Task: Named({"agent_id": "agent", "project_id": "project"}, task_shown),
        ProjectMember: Named({"project_id": "project", "user_id": "user"}, _member_shown),
    },
    organization=lambda identifier: shown_id("org", identifier),
)
