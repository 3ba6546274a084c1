"""The CoordinAItor API's projects: as messages, and as requests say them."""

from __future__ import annotations

import json
from typing import Any

from orchestrator.wire.coordinaitor.v1.project_pb2 import Project as ProjectMessage
from orchestrator.wire.coordinaitor.v1.project_pb2 import ProjectMember as MemberMessage

from server import values
from server.apikit.moments import moment_in
from server.apikit.projection import project as projected
from server.apikit.projection import timestamp
from server.apis.coordinaitor.shape import PRIORITY_WORDS, nullable_id, nullable_time, shown_id
from server.core.projects.content import MAX_TAGS, UNCHANGED, Unchanged
from server.core.projects.figures import Figures
from server.core.projects.members import Team
from server.errors import InvalidRequest
from server.model import Priority, Project, ProjectMember, TaskStatus

MAX_BUDGET_BYTES, MAX_TAGS_BYTES = 1000, 100_000
PRIORITIES = {"low": Priority.LOW.value, "medium": Priority.MEDIUM.value, "high": Priority.HIGH.value}


def project_message(
    project: Project, figures: Figures, team: Team | None = None, *, addresses: bool = False
) -> ProjectMessage:
    """A project; in lists without those who take part, whose addresses are for those who may see users."""
    return projected(
        project,
        ProjectMessage,
        id=shown_id("proj", project.id),
        priority=PRIORITY_WORDS[project.priority],
        start_date=nullable_time(project.start_at),
        end_date=nullable_time(project.end_at),
        progress=round(figures.progress, 4),
        task_count=ProjectMessage.TaskCount(
            total=figures.total,
            completed=figures.count(TaskStatus.COMPLETED),
            active=figures.count(TaskStatus.RUNNING),
            pending=figures.count(TaskStatus.PENDING),
        ),
        team_size=figures.team_size,
        assigned_agents=figures.agents,
        tags=json.loads(project.tags),
        budget=_budget(project),
        created_by=nullable_id("user", project.created_by),
        completed_at=nullable_time(project.completed_at),
        team_members=values.encode(_people(team, addresses=addresses)) if team is not None else None,
        agents=values.encode(_agents(team)) if team is not None else None,
    )


def member_message(member: ProjectMember) -> MemberMessage:
    """Somebody who takes part."""
    return projected(
        member,
        MemberMessage,
        project_id=shown_id("proj", member.project_id),
        user_id=shown_id("user", member.user_id),
        permissions=json.loads(member.permissions),
    )


def changed_moment(field: str, value: bytes) -> int | Unchanged | None:
    """The time that a change says; what says nothing changes nothing. Raises InvalidRequest."""
    return moment_in(field, value) if value else UNCHANGED


def changed_budget(value: bytes) -> tuple[float | Unchanged | None, float | Unchanged | None]:
    """Hours and cost that a change says; null for neither. Raises InvalidRequest."""
    if not value:
        return UNCHANGED, UNCHANGED
    if values.is_null(value):
        return None, None
    if not values.is_object(value) or len(value) > MAX_BUDGET_BYTES:
        raise InvalidRequest("budget", "must be an object with hours and cost")
    given = values.decode(value)
    found: list[float | None] = []
    for name, most in (("hours", 1e9), ("cost", 1e12)):
        number = given.get(name)
        if number is not None and (isinstance(number, bool) or not isinstance(number, int | float)):
            raise InvalidRequest(f"budget.{name}", "must be a number")
        if number is not None and not 0 <= number <= most:
            raise InvalidRequest(f"budget.{name}", f"must be 0 to {most:.0f}")
        found.append(number)
    return found[0], found[1]


def changed_tags(value: bytes) -> list[str] | None:
    """The tags that a change says; none for null. Raises InvalidRequest."""
    if not value or values.is_null(value):
        return [] if value else None
    found = values.texts_in(value, MAX_TAGS + 1) if len(value) < MAX_TAGS_BYTES else None
    if found is None:
        raise InvalidRequest("tags", f"must be at most {MAX_TAGS} texts")
    return found


def _budget(project: Project) -> bytes:
    if project.budget_hours is None and project.budget_cost is None:
        return values.NULL
    return values.encode({"hours": project.budget_hours, "cost": project.budget_cost})


def _people(team: Team, *, addresses: bool) -> list[dict[str, Any]]:
    return [
        {
            "userId": shown_id("user", each.member.user_id),
            "name": each.name,
            **({"email": each.email} if addresses else {}),
            "role": each.member.role,
            "permissions": json.loads(each.member.permissions),
            "joinedAt": timestamp(each.member.created_at).ToJsonString(),
        }
        for each in team.people
    ]


def _agents(team: Team) -> list[dict[str, Any]]:
    return [{"id": shown_id("agent", each.id), "name": each.name, "type": each.type} for each in team.agents]
