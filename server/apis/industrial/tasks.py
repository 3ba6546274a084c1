"""Industrial: tasks, and taking them apart."""

from __future__ import annotations

from orchestrator.wire.industrial.v1 import task_service_pb2 as pb
from orchestrator.wire.industrial.v1.task_pb2 import Task as TaskMessage
from orchestrator.wire.industrial.v1.task_pb2 import TaskTemplate, TaskTemplatePart

from server import values
from server.apis.industrial.ids import shown_id
from server.apis.industrial.views import Views, page_of, paged
from server.core.coding.assignments import Assignments, NoMove
from server.core.coding.tasks import CodingTasks, achieved
from server.core.coding.templates import Part, Template, templates
from server.core.queue.creation import NewTask
from server.core.shared.call_context import Call
from server.core.shared.ids import parse_filter
from server.core.tasks.queries import TASK_TEXTS, TaskQueries
from server.core.workers.reports import failed
from server.errors import InvalidRequest
from server.model import Priority, TaskStatus

# How many tasks an answer has at most, where no page is named.
ALL = 1000
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

    def __init__(self, coding: CodingTasks, assignments: Assignments, queries: TaskQueries, views: Views) -> None:
        self._coding = coding
        self._assignments = assignments
        self._queries = queries
        self._views = views

    async def ListTasks(self, request: pb.ListTasksRequest, call: Call) -> pb.ListTasksResponse:
        number, size, offset = page_of(request, ALL)
        parent = request.parent_task_id
        everywhere = request.include_sessionless or request.session_id or parent
        page = await self._queries.slice(
            call,
            limit=size,
            offset=offset,
            texts=TASK_TEXTS,
            session_id=request.session_id,
            agent_id=request.agent_id,
            parent_id=parse_filter("parent_task_id", "task", parent) if parent else None,
            whole="yes" if request.parent_only else None,
            in_session=None if everywhere else "yes",
            **_FILTERS.get(request.status, {}),
        )
        items = await self._views.tasks(page.rows, page.longest)
        return pb.ListTasksResponse(items=items, **paged(number, size, page.total))

    async def CreateTask(self, request: pb.CreateTaskRequest, call: Call) -> TaskMessage:
        if not request.title.strip():
            raise InvalidRequest("title", "must not be blank")
        if not all(word.strip() for word in request.required_capabilities):
            raise InvalidRequest("required_capabilities", "must not be blank")
        new = NewTask(
            session_id=request.session_id,
            title=request.title,
            description=request.description,
            complexity=request.complexity or "MEDIUM",
            capabilities=[word.strip() for word in request.required_capabilities],
            estimated_minutes=request.estimated_minutes if request.HasField("estimated_minutes") else None,
            depends_on=request.dependencies,
        )
        priority = Priority[request.priority] if request.priority else None
        made = await self._coding.create(call, new, priority=priority, parent_id=request.parent_task_id)
        return await self._views.task(made, call)

    async def ListTaskTemplates(
        self, _request: pb.ListTaskTemplatesRequest, _call: Call
    ) -> pb.ListTaskTemplatesResponse:
        items = [_template(each) for each in templates().values()]
        return pb.ListTaskTemplatesResponse(items=items, total=len(items))

    async def GetTask(self, request: pb.GetTaskRequest, call: Call) -> TaskMessage:
        return await self._views.task(await self._queries.get(call, request.task_id), call)

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
        return await self._views.task(task, call)

    async def AssignTask(self, request: pb.AssignTaskRequest, call: Call) -> TaskMessage:
        return await self._views.task(await self._assignments.assign(call, request.task_id, request.agent_id), call)

    async def CompleteTask(self, request: pb.CompleteTaskRequest, call: Call) -> TaskMessage:
        tokens = request.tokens_used if request.HasField("tokens_used") else None
        result = await achieved(request.result or values.NULL, tokens_used=tokens)
        return await self._views.task(await self._coding.end(call, request.task_id, result, _attempt(request)), call)

    async def FailTask(self, request: pb.FailTaskRequest, call: Call) -> TaskMessage:
        tokens = request.tokens_used if request.HasField("tokens_used") else None
        reason = request.error or "no reason was given"
        result = failed("Failed", reason, "", retryable=False, tokens_used=tokens)
        return await self._views.task(await self._coding.end(call, request.task_id, result, _attempt(request)), call)

    async def DecomposeTask(self, request: pb.DecomposeTaskRequest, call: Call) -> pb.DecomposeTaskResponse:
        task, parts, template = await self._coding.decompose(call, request.task_id, request.template)
        call.etag = task.version
        subtasks = await self._views.tasks(parts)
        return pb.DecomposeTaskResponse(parent_task_id=shown_id(task.id), subtasks=subtasks, template_used=template)


def _attempt(request: pb.CompleteTaskRequest | pb.FailTaskRequest) -> int | None:
    return request.attempt if request.HasField("attempt") else None


def _template(template: Template) -> TaskTemplate:
    return TaskTemplate(
        name=template.name,
        description=template.description,
        subtasks=[_part(part) for part in template.parts],
        keywords=template.keywords,
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
