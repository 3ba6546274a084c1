"""What a project says: its texts, dates, tags and status, as they can be kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from server.errors import Conflict, InvalidRequest
from server.model import PROJECT_MOVES, Project, ProjectStatus

MAX_NAME, MAX_DESCRIPTION, MAX_TAGS, MAX_TAG = 200, 10_000, 50, 100


class Unchanged:
    """Stands for what a change leaves as it is, where None says that there is to be none."""


UNCHANGED = Unchanged()


def texts(name: str, description: str) -> dict[str, str]:
    """Name and description, and as what they are searched. Raises InvalidRequest."""
    name, description = name.strip(), description.strip()
    if not 0 < len(name) <= MAX_NAME:
        raise InvalidRequest("name", f"must have 1 to {MAX_NAME} characters")
    if len(description) > MAX_DESCRIPTION:
        raise InvalidRequest("description", f"must have at most {MAX_DESCRIPTION} characters")
    return {"name": name, "description": description, "searched": f"{name}\n{description}".casefold()}


def moved(project: Project, status: str | None, now: int) -> dict[str, Any]:
    """What a move to another status changes. Raises Conflict where there is no such move."""
    if status is None or status == project.status:
        return {}
    if status not in PROJECT_MOVES[project.status]:
        raise Conflict(
            f"a project that is {project.status} cannot become {status}",
            reason="INVALID_TRANSITION",
            details={"from": project.status, "to": status, "allowed": sorted(PROJECT_MOVES[project.status])},
        )
    return {"status": status, "completed_at": now if status == ProjectStatus.COMPLETED else project.completed_at}


def check_dates(start_at: int | None, end_at: int | None) -> None:
    """Raises InvalidRequest where a project would end before it starts."""
    if start_at is not None and end_at is not None and end_at < start_at:
        raise InvalidRequest("end_at", "must not be before the start")


def checked_tags(tags: Sequence[str]) -> list[str]:
    """Tags as they are kept: each once, in order. Raises InvalidRequest."""
    if len(tags) > MAX_TAGS:
        raise InvalidRequest("tags", f"must have at most {MAX_TAGS} tags")
    if not all(0 < len(tag.strip()) <= MAX_TAG for tag in tags):
        raise InvalidRequest("tags", f"must have 1 to {MAX_TAG} characters each")
    return sorted({tag.strip() for tag in tags})
