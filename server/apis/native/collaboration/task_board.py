"""orchestrator.v1.TaskBoardService."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from orchestrator.wire.v1 import task_board_service_pb2 as pb
from orchestrator.wire.v1.task_pb2 import Task as TaskMessage

from server.apikit.projection import timestamp
from server.apis.native.requests import changed_fields, once, require_etag
from server.apis.native.resources import TASK_WORDS, priority_word, task_message
from server.core.shared.call_context import Call
from server.core.tasks import details
from server.core.tasks.editing import Edit, TaskEditing
from server.core.tasks.history import TaskHistory
from server.core.tasks.moves import TaskMoves
from server.core.tasks.search import SORTS, TaskSearch, Wanted
from server.core.tasks.waiting import TaskWaiting
from server.errors import InvalidRequest
from server.model import Priority, Task, TaskStatus
from server.pace import all_of

M = TypeVar("M", bound=Message)
PAGE_SIZE, LARGEST_PAGE = 20, 100
CHANGEABLE = (
    "title",
    "description",
    "priority",
    "project_id",
    "tags",
    "requirements",
    "acceptance_criteria",
    "estimated_hours",
    "actual_hours",
    "due_time",
    "progress",
)


class TaskBoardServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(
        self, editing: TaskEditing, moves: TaskMoves, search: TaskSearch, history: TaskHistory, waiting: TaskWaiting
    ) -> None:
        self._editing = editing
        self._moves = moves
        self._search = search
        self._history = history
        self._waiting = waiting

    async def SearchTasks(self, request: pb.SearchTasksRequest, call: Call) -> pb.SearchTasksResponse:
        size, offset = _page(request)
        page = await self._search.page(call, _wanted(request), limit=size, offset=offset)
        tasks = await all_of(task_message(_cut(each.task, page.longest)) for each in page.rows)
        return pb.SearchTasksResponse(
            tasks=tasks, next_page_token=_next(offset + len(tasks), page.total), total_size=page.total
        )

    async def UpdateTask(self, request: pb.UpdateTaskRequest, call: Call) -> pb.UpdateTaskResponse:
        once(request, call)
        require_etag(call, request.etag)
        edit = _edit(request.task, request.update_mask.paths)
        return _shown(pb.UpdateTaskResponse, call, await self._editing.update(call, request.task.id, edit))

    async def MoveTask(self, request: pb.MoveTaskRequest, call: Call) -> pb.MoveTaskResponse:
        once(request, call)
        require_etag(call, request.etag)
        edit = Edit(status=TaskStatus(TASK_WORDS[request.status]))
        return _shown(pb.MoveTaskResponse, call, await self._editing.update(call, request.id, edit))

    async def AssignTask(self, request: pb.AssignTaskRequest, call: Call) -> pb.AssignTaskResponse:
        once(request, call)
        require_etag(call, request.etag)
        assigned = await self._editing.assign(call, request.id, request.agent_id, Edit())
        return _shown(pb.AssignTaskResponse, call, assigned)

    async def TakeTask(self, request: pb.TakeTaskRequest, call: Call) -> pb.TakeTaskResponse:
        once(request, call)
        require_etag(call, request.etag)
        return _shown(pb.TakeTaskResponse, call, await self._moves.take(call, request.id))

    async def ReleaseTask(self, request: pb.ReleaseTaskRequest, call: Call) -> pb.ReleaseTaskResponse:
        once(request, call)
        require_etag(call, request.etag)
        return _shown(pb.ReleaseTaskResponse, call, await self._moves.release(call, request.id))

    async def DeleteTask(self, request: pb.DeleteTaskRequest, call: Call) -> pb.DeleteTaskResponse:
        once(request, call)
        require_etag(call, request.etag)
        await self._moves.delete(call, request.id, request.reason)
        return pb.DeleteTaskResponse()

    async def ListTaskHistory(self, request: pb.ListTaskHistoryRequest, call: Call) -> pb.ListTaskHistoryResponse:
        size, offset = _page(request)
        seen = await self._search.get(call, request.id)
        changes, total = await self._history.page(seen.task, limit=size, offset=offset)
        return pb.ListTaskHistoryResponse(
            changes=[
                pb.ListTaskHistoryResponse.Change(
                    event_number=each.number,
                    action=each.action,
                    field="due_time" if each.field == "due_at" else each.field,
                    before=_json(each.before),
                    after=_json(each.after),
                    actor=each.actor,
                    via=each.via,
                    create_time=timestamp(each.created_at),
                )
                for each in changes
            ],
            next_page_token=_next(offset + len(changes), total),
        )

    async def ExplainTask(self, request: pb.ExplainTaskRequest, call: Call) -> pb.ExplainTaskResponse:
        size, offset = _page(request)
        found = await self._waiting.explain(call, request.id, limit=size, offset=offset)
        return pb.ExplainTaskResponse(
            waits=found.waits,
            reasons=[
                pb.ExplainTaskResponse.Reason(rule=each.rule, message=each.message, until_time=_time(each.until))
                for each in found.reasons
            ],
            agents=[
                pb.ExplainTaskResponse.AgentReason(
                    agent_id=f"agent_{each.agent.id}",
                    name=each.agent.name,
                    rule=each.rule.value if each.rule is not None else "",
                    message=each.message,
                    until_time=_time(each.until),
                )
                for each in found.agents
            ],
            next_page_token=_next(offset + len(found.agents), found.total),
        )


def _shown(message: type[M], call: Call, task: Task) -> M:
    call.etag = task.version
    return message(task=task_message(task))


def _page(request: Any) -> tuple[int, int]:
    """How many, and from where on."""
    return min(LARGEST_PAGE, request.page_size or PAGE_SIZE), int(request.page_token or 0)


def _next(end: int, total: int) -> str:
    return str(end) if end < total else ""


def _wanted(request: pb.SearchTasksRequest) -> Wanted:
    return Wanted(
        status=TASK_WORDS[request.status] if request.status else "",
        priority=priority_word(request.priority),
        project_id=request.project_id,
        agent_id=request.agent_id,
        search=request.query.strip(),
        tags=sorted(set(request.tags)),
        created_after=_moment(request, "create_time_after"),
        created_before=_moment(request, "create_time_before"),
        sort=SORTS[max(0, request.order - 1)],
        ascending=request.ascending,
    )


def _edit(task: TaskMessage, paths: Any) -> Edit:
    named = changed_fields(task, paths, CHANGEABLE)
    columns: dict[str, Any] = {}
    checks: dict[str, Callable[[], Any]] = {
        "title": lambda: details.checked_title(task.title),
        "description": lambda: details.checked_description(task.description),
        "requirements": lambda: _array(details.checked_points("requirements", task.requirements)),
        "acceptance_criteria": lambda: _array(details.checked_points("acceptance_criteria", task.acceptance_criteria)),
        "estimated_hours": lambda: _hours(task),
        "actual_hours": lambda: details.checked_hours("actual_hours", task.actual_hours),
        "due_time": lambda: _moment(task, "due_time"),
    }
    for name, check in checks.items():
        if name in named:
            columns["due_at" if name == "due_time" else name] = check()
    if "progress" in named and not 0 <= task.progress <= 100:
        raise InvalidRequest("task.progress", "must be from 0 to 100")
    priority = priority_word(task.priority)
    return Edit(
        columns=columns,
        tags=details.checked_tags(task.tags) if "tags" in named else None,
        priority=Priority(priority) if "priority" in named and priority is not None else None,
        project_id=task.project_id if "project_id" in named else None,
        progress=task.progress if "progress" in named else None,
    )


def _hours(task: TaskMessage) -> float | None:
    hours = task.estimated_hours if task.HasField("estimated_hours") else None
    return details.checked_hours("estimated_hours", hours)


def _array(texts: list[str]) -> str:
    return json.dumps(texts, separators=(",", ":"))


def _moment(message: Any, field: str) -> int | None:
    return getattr(message, field).ToMicroseconds() if message.HasField(field) else None


def _time(microseconds: int | None) -> Timestamp | None:
    return timestamp(microseconds) if microseconds is not None else None


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if value is not None else ""


def _cut(task: Task, longest: int) -> Task:
    if len(task.description) <= longest:
        return task
    return Task.new(**{**task.values(), "description": task.description[:longest] + "…"})
