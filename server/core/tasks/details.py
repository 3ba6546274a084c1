"""Details: what people say of a task, and what whoever does it is given of that."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from server import values
from server.core.projects.permissions import Permissions
from server.core.queue.creation import NewTask
from server.core.queue.rows import projects_of
from server.core.shared.call_context import Call
from server.core.shared.ids import parse_filter
from server.core.shared.resource import Resource
from server.errors import InvalidRequest
from server.model import Priority, Project, Task
from server.store.transaction import Transaction

MAX_TITLE, MAX_DESCRIPTION = 500, 100_000
MAX_TAGS, MAX_TAG = 50, 100
MAX_POINTS, MAX_POINT = 100, 2000
MAX_HOURS = 100_000.0

PROJECTS = Resource(Project, "project", Project.table().c.deleted_at.is_(None))


def checked_title(title: str) -> str:
    """A title without what is around it. Raises InvalidRequest."""
    found = title.strip()
    if not found:
        raise InvalidRequest("title", "Title is required")
    if len(found) > MAX_TITLE:
        raise InvalidRequest("title", f"must have at most {MAX_TITLE} characters")
    return found


def checked_description(text: str) -> str:
    """A description. Raises InvalidRequest."""
    if len(text) > MAX_DESCRIPTION:
        raise InvalidRequest("description", f"must have at most {MAX_DESCRIPTION} characters")
    return text


def checked_tags(tags: Sequence[str]) -> list[str]:
    """Tags, each once and in order. Raises InvalidRequest."""
    found = sorted({tag.strip() for tag in tags})
    if len(found) > MAX_TAGS:
        raise InvalidRequest("tags", f"must be at most {MAX_TAGS}")
    if not all(0 < len(tag) <= MAX_TAG and "," not in tag for tag in found):
        raise InvalidRequest("tags", f"must have 1 to {MAX_TAG} characters each, and no comma")
    return found


def checked_points(field: str, points: Sequence[str]) -> list[str]:
    """Requirements, or criteria. Raises InvalidRequest."""
    if len(points) > MAX_POINTS or any(len(point) > MAX_POINT for point in points):
        raise InvalidRequest(field, f"must be at most {MAX_POINTS}, of at most {MAX_POINT} characters each")
    return list(points)


def checked_hours(field: str, hours: float | None) -> float | None:
    """A number of hours. Raises InvalidRequest."""
    if hours is not None and not 0 <= hours <= MAX_HOURS:
        raise InvalidRequest(field, f"must be from 0 to {MAX_HOURS:g}")
    return hours


async def project_for(transaction: Transaction, call: Call, identifier: str) -> str | None:
    """The project (digits) that a task of this caller's is to belong to, which stays there until it does.

    Raises NotFound, and InvalidRequest where the caller has to name one.
    """
    allowed = projects_of(call)
    if not identifier:
        if allowed is not None:
            raise InvalidRequest("project_id", "name one of the projects that you are let into")
        return None
    digits = parse_filter("project_id", "project", identifier)
    if allowed is not None and digits not in allowed:
        raise InvalidRequest("project_id", "must be a project that you are let into")
    return (await PROJECTS.lock(transaction, call, digits, shared=True)).id


async def may_write(transaction: Transaction, call: Call, project_id: str | None) -> None:
    """Raises Forbidden where the caller may not change tasks of this project, or such as are in none."""
    await Permissions(transaction).require(call, "tasks:write", project_id)


def by_people(new: NewTask) -> NewTask:
    """What people ask for: without an agent it waits for a hand, and whoever does it is given all that they say."""
    return replace(new, by_hand=not new.agent_id, input=input_of_new(new), input_field="agent_id")


def input_of_new(new: NewTask) -> bytes:
    """What whoever does a new task is given."""
    return _input(
        new.title,
        new.description,
        new.priority,
        sorted(set(new.tags)),
        new.requirements,
        new.acceptance_criteria,
        new.estimated_hours,
        new.due_at,
    )


def input_of(task: Task) -> bytes:
    """What whoever does a task is given, where that was made of what people say of it."""
    return _input(
        task.title,
        task.description,
        task.priority,
        json.loads(task.tags),
        json.loads(task.requirements),
        json.loads(task.acceptance_criteria),
        task.estimated_hours,
        task.due_at,
    )


def _input(
    title: str,
    description: str,
    priority: int,
    tags: Sequence[str],
    requirements: Sequence[str],
    criteria: Sequence[str],
    hours: float | None,
    due_at: int | None,
) -> bytes:
    due = datetime.fromtimestamp(due_at / 1_000_000, UTC).isoformat().replace("+00:00", "Z") if due_at else None
    said = {
        "title": title,
        "description": description,
        "priority": Priority(priority).name.lower(),
        "tags": list(tags),
        "requirements": list(requirements),
        "acceptance_criteria": list(criteria),
        "estimated_hours": hours,
        "due_date": due,
    }
    return values.encode(said)
