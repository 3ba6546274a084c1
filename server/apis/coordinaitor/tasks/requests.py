"""CoordinAItor: what callers say of tasks, in core's words; everything that is wrong with it is told at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from orchestrator.wire.coordinaitor.v1 import task_service_pb2 as pb

from server import values
from server.apikit.moments import moment, moment_in
from server.core.queue.creation import NewTask
from server.core.tasks import details
from server.core.tasks.editing import Edit
from server.core.tasks.search import Wanted
from server.errors import InvalidRequest
from server.model import Priority, TaskStatus

T = TypeVar("T")
STATUSES = {
    "pending": TaskStatus.PENDING,
    "active": TaskStatus.RUNNING,
    "completed": TaskStatus.COMPLETED,
    "failed": TaskStatus.FAILED,
    "cancelled": TaskStatus.CANCELLED,
}
PRIORITIES = {"low": Priority.LOW, "medium": Priority.MEDIUM, "high": Priority.HIGH}
SORTS = {"createdAt": "created_at", "updatedAt": "updated_at", "priority": "priority", "dueDate": "due_at"}
INCLUDED = ("comments", "files", "history", "metrics")


class Problems:
    """What is wrong with a request, field by field."""

    def __init__(self) -> None:
        self._found: list[InvalidRequest] = []

    def read(self, read: Callable[..., T], *given: Any) -> T | None:
        """What `read` makes of something; None, and remembered, where it raises InvalidRequest."""
        try:
            return read(*given)
        except InvalidRequest as error:
            self._found.append(error)
            return None

    def check(self) -> None:
        """Raises InvalidRequest where something was wrong."""
        if len(self._found) == 1:
            raise self._found[0]
        if self._found:
            told = [{"field": each.details["field"], "issue": each.details["issue"]} for each in self._found]
            first = told[0]
            raise InvalidRequest(str(first["field"]), str(first["issue"]), details={"violations": told})


def one_of(field: str, word: str, words: dict[str, T]) -> T:
    """What one of some words stands for. Raises InvalidRequest, which names them."""
    if word not in words:
        raise InvalidRequest(field, f"{field[0].upper()}{field[1:]} must be one of: {', '.join(words)}")
    return words[word]


def included(text: str) -> frozenset[str]:
    """What is to be shown beside a task. Raises InvalidRequest."""
    words = frozenset(word.strip() for word in text.split(",")) - {""}
    unknown = sorted(words.difference(INCLUDED))
    if unknown:
        raise InvalidRequest("include", f"{unknown[0][:50]} is none of {', '.join(INCLUDED)}")
    return words


def wanted(request: pb.ListTasksRequest) -> Wanted:
    """Which tasks a request is for. Raises InvalidRequest."""
    problems = Problems()
    priority = problems.read(one_of, "priority", request.priority, PRIORITIES) if request.priority else None
    status = problems.read(one_of, "status", request.status, STATUSES) if request.status else None
    after = problems.read(moment, "created_after", request.created_after)
    before = problems.read(moment, "created_before", request.created_before)
    sort = problems.read(one_of, "sortBy", request.sort_by or "createdAt", SORTS)
    ascending = problems.read(one_of, "sortOrder", request.sort_order or "desc", {"asc": True, "desc": False})
    problems.check()
    return Wanted(
        status=status.value if status is not None else "",
        priority=int(priority) if priority is not None and priority != Priority.HIGH else None,
        # What another API made critical is high here.
        priority_from=int(Priority.HIGH) if priority == Priority.HIGH else None,
        project_id=request.project_id,
        agent_id=request.agent_id,
        search=request.search.strip(),
        tags=sorted({tag.strip() for tag in request.tags.split(",")} - {""}),
        created_after=after,
        created_before=before,
        sort=sort or "",
        ascending=bool(ascending),
    )


def new_task(request: pb.CreateTaskRequest) -> NewTask:
    """What is to be created. Raises InvalidRequest."""
    problems = Problems()
    hours = request.estimated_hours if request.HasField("estimated_hours") else None
    title = problems.read(details.checked_title, request.title)
    description = problems.read(details.checked_description, request.description)
    priority = problems.read(one_of, "priority", request.priority or "medium", PRIORITIES)
    tags = problems.read(details.checked_tags, request.tags)
    due = problems.read(moment, "due_date", request.due_date)
    hours = problems.read(details.checked_hours, "estimated_hours", hours)
    requirements = problems.read(details.checked_points, "requirements", request.requirements)
    criteria = problems.read(details.checked_points, "acceptance_criteria", request.acceptance_criteria)
    problems.check()
    return details.by_people(
        NewTask(
            agent_id=request.agent_id,
            project_id=request.project_id,
            session_id=request.session_id,
            title=title or "",
            description=description or "",
            priority=priority or Priority.LOW,
            tags=tags or (),
            due_at=due,
            estimated_hours=hours,
            requirements=requirements or (),
            acceptance_criteria=criteria or (),
        )
    )


def edit(request: pb.UpdateTaskRequest, *, firmly: bool) -> Edit:
    """What is to change. Raises InvalidRequest."""
    problems = Problems()
    columns: dict[str, Any] = {}
    checks: dict[str, Callable[[], Any]] = {
        "title": lambda: details.checked_title(request.title),
        "description": lambda: details.checked_description(request.description),
        "due_date": lambda: moment_in("due_date", request.due_date),
        "estimated_hours": lambda: details.checked_hours("estimated_hours", _number(request.estimated_hours)),
        "actual_hours": lambda: details.checked_hours("actual_hours", request.actual_hours),
        "requirements": lambda: _points("requirements", request.requirements),
        "acceptance_criteria": lambda: _points("acceptance_criteria", request.acceptance_criteria),
    }
    for name, check in checks.items():
        if request.HasField(name):
            columns["due_at" if name == "due_date" else name] = problems.read(check)
    given = request.HasField
    tags = problems.read(lambda: details.checked_tags(_texts("tags", request.tags))) if given("tags") else None
    priority = problems.read(one_of, "priority", request.priority, PRIORITIES) if given("priority") else None
    status = problems.read(one_of, "status", request.status, STATUSES) if given("status") else None
    progress = problems.read(_share, request.progress) if given("progress") else None
    project = problems.read(_nullable_text, "project_id", request.project_id) if given("project_id") else None
    agent = problems.read(_nullable_text, "agent_id", request.agent_id) if given("agent_id") else None
    problems.check()
    return Edit(
        columns=columns,
        tags=tags,
        priority=priority,
        project_id=project,
        agent_id=agent,
        status=status,
        progress=progress,
        firmly=firmly,
    )


def assignment(request: pb.AssignTaskRequest) -> Edit:
    """What changes beside the agent. Raises InvalidRequest."""
    problems = Problems()
    priority = problems.read(one_of, "priority", request.priority, PRIORITIES) if request.priority else None
    columns = {}
    if request.HasField("due_date"):
        columns["due_at"] = problems.read(moment_in, "due_date", request.due_date)
    problems.check()
    return Edit(columns=columns, priority=priority)


def _nullable_text(field: str, value: bytes) -> str:
    """A text, or an empty one for null. Raises InvalidRequest."""
    found = values.decode(value) if value else None
    if found is not None and not (isinstance(found, str) and len(found) <= 100):
        raise InvalidRequest(field, "must be a text, or null")
    return found or ""


def _number(value: bytes) -> float | None:
    found = values.decode(value) if value else None
    if found is not None and (isinstance(found, bool) or not isinstance(found, int | float)):
        raise InvalidRequest("estimated_hours", "must be a number, or null")
    return None if found is None else float(found)


def _texts(field: str, value: bytes) -> list[str]:
    if len(value) > values.MAX_BYTES:
        raise InvalidRequest(field, "is too long")
    found = values.decode(value) if value else None
    if found is not None and not (isinstance(found, list) and all(isinstance(each, str) for each in found)):
        raise InvalidRequest(field, "must be an array of texts")
    if any("\0" in each for each in found or ()):
        raise InvalidRequest(field, "must not contain a NUL character")
    return found or []


def _points(field: str, value: bytes) -> str:
    points: Sequence[str] = details.checked_points(field, _texts(field, value))
    return json.dumps(list(points), separators=(",", ":"))


def _share(progress: float) -> float:
    if not 0 <= progress <= 1:
        raise InvalidRequest("progress", "must be from 0 to 1")
    return round(progress * 100, 4)
