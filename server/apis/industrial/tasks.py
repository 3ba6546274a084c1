"""Industrial: tasks, and taking them apart."""

from __future__ import annotations

from typing import Any

from orchestrator.wire.industrial.v1 import task_service_pb2 as pb
from orchestrator.wire.industrial.v1.task_pb2 import Task as TaskMessage
from orchestrator.wire.industrial.v1.task_pb2 import TaskTemplate, TaskTemplatePart

from server import values
from server.apis.industrial.ids import shown_id
from server.apis.industrial.shape import page_of, paged, task_message
from server.core.coding.assignments import Assignments, NoMove
from server.core.coding.decomposition import Part, Template, templates
from server.core.coding.tasks import CodingTasks, achieved
from server.core.queue.creation import NewTask
from server.core.sessions.lifecycle import Sessions
from server.core.shared.call_context import Call
from server.core.shared.ids import parse_filter
from server.core.tasks.queries import TaskQueries
from server.core.workers.reports import failed
from server.errors import InvalidRequest
from server.model import Priority, Task, TaskStatus

# How a task is found that is in a state of this API.
_FILTERS: dict[str, dict[str, str]] = {
    "PENDING": {"status": TaskStatus.PENDING.value, "not_ready": "yes"},
    "QUEUED": {"status": TaskStatus.PENDING.value, "ready": "yes"},
    "BLOCKED": {"status": TaskStatus.PENDING.value, "blocked": "yes"},
    "IN_PROGRESS": {"status": TaskStatus.RUNNING.value},
    "COMPLETED": {"status": TaskStatus.COMPLETED.value},
    "FAILED": {"status": TaskStatus.FAILED.value},
    "CANCELLED": {"status": TaskStatus.CANCELLED.value},
}


class TaskServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(self, coding: CodingTasks, assignments: Assignments, queries: TaskQueries, sessions: Sessions) -> None:
        self._coding = coding
        self._assignments = assignments
        self._queries = queries
        self._sessions = sessions

    async def ListTasks(self, request: pb.ListTasksRequest, call: Call) -> pb.ListTasksResponse:
        number, size, offset = page_of(request)
        parent = request.parent_task_id
        page = await self._queries.slice(
            call,
            limit=size,
            offset=offset,
            results=True,
            session_id=request.session_id,
            agent_id=request.agent_id,
            parent_id=parse_filter("parent_task_id", "task", parent) if parent else None,
            whole="yes" if request.parent_only else None,
            **_FILTERS.get(request.status, {}),
        )
        return pb.ListTasksResponse(items=[task_message(task) for task in page.rows], **paged(number, size, page.total))

    async def CreateTask(self, request: pb.CreateTaskRequest, call: Call) -> TaskMessage:
        if not request.title.strip():
            raise InvalidRequest("title", "must not be blank")
        if not all(word.strip() for word in request.required_capabilities):
            raise InvalidRequest("required_capabilities", "must not be blank")
        session = await self._sessions.get(call, request.session_id)
        new = NewTask(
            session_id=session.id,
            title=request.title,
            description=request.description,
            complexity=request.complexity or "MEDIUM",
            priority=Priority[request.priority] if request.priority else Priority(session.priority),
            capabilities=[word.strip() for word in request.required_capabilities],
            estimated_minutes=request.estimated_minutes if request.HasField("estimated_minutes") else None,
            depends_on=request.dependencies,
        )
        return await self._answer(await self._coding.create(call, new), call)

    async def ListTaskTemplates(
        self, _request: pb.ListTaskTemplatesRequest, _call: Call
    ) -> pb.ListTaskTemplatesResponse:
        items = [_template(each) for each in templates().values()]
        return pb.ListTaskTemplatesResponse(items=items, total=len(items))

    async def GetTask(self, request: pb.GetTaskRequest, call: Call) -> TaskMessage:
        return await self._answer(await self._queries.get(call, request.task_id), call)

    async def UpdateTaskStatus(self, request: pb.UpdateTaskStatusRequest, call: Call) -> TaskMessage:
        to, task_id = request.status, request.task_id
        if to == "IN_PROGRESS":
            task = await self._assignments.begin(call, task_id)
        elif to == "COMPLETED":
            task = await self._coding.end(call, task_id, await achieved(values.NULL))
        elif to == "FAILED":
            task = await self._coding.end(call, task_id, failed("Failed", "it was failed by hand", "", retryable=False))
        elif to == "CANCELLED":
            task = await self._coding.cancel(call, task_id)
        elif to == "QUEUED":
            task = await self._coding.put_back(call, task_id)
        else:
            # Nobody sends a task there: it is where it is for want of something.
            raise NoMove(await self._queries.get(call, task_id), to)
        return await self._answer(task, call)

    async def AssignTask(self, request: pb.AssignTaskRequest, call: Call) -> TaskMessage:
        return await self._answer(await self._assignments.assign(call, request.task_id, request.agent_id), call)

    async def CompleteTask(self, request: pb.CompleteTaskRequest, call: Call) -> TaskMessage:
        tokens = request.tokens_used if request.HasField("tokens_used") else None
        result = await achieved(request.result or values.NULL, tokens_used=tokens)
        return await self._answer(await self._coding.end(call, request.task_id, result, _attempt(request)), call)

    async def FailTask(self, request: pb.FailTaskRequest, call: Call) -> TaskMessage:
        tokens = request.tokens_used if request.HasField("tokens_used") else None
        reason = request.error or "no reason was given"
        result = failed("Failed", reason, "", retryable=False, tokens_used=tokens)
        return await self._answer(await self._coding.end(call, request.task_id, result, _attempt(request)), call)

    async def DecomposeTask(self, request: pb.DecomposeTaskRequest, call: Call) -> pb.DecomposeTaskResponse:
        task, parts, template = await self._coding.decompose(call, request.task_id, request.template)
        return pb.DecomposeTaskResponse(
            parent_task_id=shown_id(task.id), subtasks=[task_message(part) for part in parts], template_used=template
        )

    async def _answer(self, task: Task, call: Call) -> TaskMessage:
        call.etag = task.version
        depends_on, parts = await self._coding.details(task)
        ended: dict[str, Any] = {}
        if task.subtasks:
            ended = {
                "completed": parts.get(TaskStatus.COMPLETED, 0),
                "failed": parts.get(TaskStatus.FAILED, 0),
            }
        return task_message(task, dependencies=depends_on, **ended)


def _attempt(request: pb.CompleteTaskRequest | pb.FailTaskRequest) -> int | None:
    return request.attempt if request.HasField("attempt") else None


def _template(template: Template) -> TaskTemplate:
    return TaskTemplate(
        name=template.name, description=template.description, subtasks=[_part(part) for part in template.parts]
    )


def _part(part: Part) -> TaskTemplatePart:
    return TaskTemplatePart(
        key=part.key,
        title=part.title,
        description=part.description,
        complexity=part.complexity,
        capabilities=part.capabilities,
        estimated_minutes=part.estimated_minutes,
        depends_on=part.depends_on,
    )
