"""The native API's projects, and what is said of tasks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from orchestrator.wire.v1.comment_pb2 import Comment as CommentMessage
from orchestrator.wire.v1.project_pb2 import Project as ProjectMessage
from orchestrator.wire.v1.project_pb2 import ProjectMember as ProjectMemberMessage
from orchestrator.wire.v1.rating_pb2 import Rating as RatingMessage
from orchestrator.wire.v1.task_file_pb2 import TaskFile as TaskFileMessage

from server.apikit.projection import timestamp
from server.core.projects.figures import Figures
from server.model import Comment, Project, ProjectMember, Rating, TaskFile, TaskStatus

_STATES: Mapping[str, Any] = {
    name.removeprefix("STATE_").lower().replace("_", "-"): number for name, number in ProjectMessage.State.items()
}
# The words of enum numbers.
STATUSES = {number: word for word, number in _STATES.items()}


def project_message(project: Project, figures: Figures | None = None) -> ProjectMessage:
    """A project; without its figures where an event has kept it."""
    message = ProjectMessage(
        id=f"project_{project.id}",
        etag=str(project.version),
        name=project.name,
        description=project.description,
        state=_STATES[project.status],
        priority=project.priority + 1,  # type: ignore[arg-type]
        budget_hours=project.budget_hours,
        budget_cost=project.budget_cost,
        tags=json.loads(project.tags),
        creator_id=f"user_{project.created_by}" if project.created_by else "",
        create_time=timestamp(project.created_at),
        update_time=timestamp(project.updated_at),
    )
    for field, time in (
        (message.start_time, project.start_at),
        (message.end_time, project.end_at),
        (message.complete_time, project.completed_at),
    ):
        if time is not None:
            field.CopyFrom(timestamp(time))
    if figures is not None:
        message.progress = figures.progress
        message.team_size, message.agent_count = figures.team_size, figures.agents
        counts = {status.value: figures.count(status) for status in TaskStatus}
        message.task_counts.CopyFrom(ProjectMessage.TaskCounts(total=figures.total, **counts))
    return message


def member_message(member: ProjectMember) -> ProjectMemberMessage:
    """A person who takes part in a project."""
    return ProjectMemberMessage(
        project_id=f"project_{member.project_id}",
        user_id=f"user_{member.user_id}",
        role=member.role,
        permissions=json.loads(member.permissions),
        create_time=timestamp(member.created_at),
    )


def comment_message(comment: Comment) -> CommentMessage:
    """What somebody says of a task."""
    return CommentMessage(
        id=f"comment_{comment.id}",
        task_id=f"task_{comment.task_id}",
        content=comment.content,
        author=comment.author,
        mentions=[f"user_{each}" for each in json.loads(comment.mentions)],
        create_time=timestamp(comment.created_at),
    )


def file_message(file: TaskFile) -> TaskFileMessage:
    """A file of a task."""
    return TaskFileMessage(
        id=f"file_{file.id}",
        task_id=f"task_{file.task_id}",
        filename=file.name,
        description=file.description,
        content_type=file.content_type,
        size_bytes=file.size,
        sha256=file.sha256,
        author=file.author,
        create_time=timestamp(file.created_at),
    )


def rating_message(rating: Rating) -> RatingMessage:
    """What somebody thinks of how a task was done."""
    return RatingMessage(
        task_id=f"task_{rating.task_id}",
        user_id=f"user_{rating.user_id}",
        agent_id=f"agent_{rating.agent_id}" if rating.agent_id else "",
        quality=rating.quality,
        code_quality=rating.code_quality,
        satisfaction=rating.satisfaction,
        comment=rating.comment,
        create_time=timestamp(rating.created_at),
    )
