"""CoordinAItor: tasks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from google.protobuf.message import Message
from orchestrator.wire.coordinaitor.v1 import task_service_pb2 as pb
from orchestrator.wire.coordinaitor.v1.task_pb2 import TaskMetrics

from server.apis.coordinaitor.envelope import answer, listed, page_of
from server.apis.coordinaitor.shape import listed_task, outcome, seen_message
from server.apis.coordinaitor.tasks import requests as said
from server.apis.coordinaitor.tasks.shape import history_message, history_value, metrics_message, waiting_message
from server.core.shared.call_context import Call
from server.core.tasks.commands import TaskCommands
from server.core.tasks.editing import TaskEditing
from server.core.tasks.history import TaskHistory
from server.core.tasks.moves import TaskMoves
from server.core.tasks.search import TaskSearch
from server.core.tasks.waiting import TaskWaiting
from server.model import Task
from server.pace import all_of

M = TypeVar("M", bound=Message)
# Reads something that is shown beside a task which the caller may see.
Included = Callable[[Call, Task], Awaitable[Any]]
# How much of its history is shown with a task.
INCLUDED = 20


class TaskServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(
        self,
        commands: TaskCommands,
        editing: TaskEditing,
        moves: TaskMoves,
        search: TaskSearch,
        history: TaskHistory,
        waiting: TaskWaiting,
        included: Mapping[str, Included],
    ) -> None:
        self._commands = commands
        self._editing = editing
        self._moves = moves
        self._search = search
        self._history = history
        self._waiting = waiting
        # What may be shown beside a task, by the field of the message that holds it.
        self._included = {"history": self._some_history, "metrics": self._metrics, **included}

    async def ListTasks(self, request: pb.ListTasksRequest, call: Call) -> pb.ListTasksResponse:
        _, limit, offset = page_of(request)
        page = await self._search.page(call, said.wanted(request), limit=limit, offset=offset)
        data = await all_of(listed_task(each, page.longest) for each in page.rows)
        return listed(pb.ListTasksResponse, call, request, data, page.total, "tasks")

    async def CreateTask(self, request: pb.CreateTaskRequest, call: Call) -> pb.CreateTaskResponse:
        return await self._shown(
            pb.CreateTaskResponse, call, await self._commands.create_shared(call, said.new_task(request))
        )

    async def GetTask(self, request: pb.GetTaskRequest, call: Call) -> pb.GetTaskResponse:
        seen = await self._search.get(call, request.task_id)
        call.etag = seen.task.version
        wanted = said.included(request.include) if request.include else ()
        more = {name: await self._included[name](call, seen.task) for name in wanted if name in self._included}
        more.update(outcome(seen.task))
        return answer(pb.GetTaskResponse, call, seen_message(seen, **more), "task")

    async def UpdateTask(self, request: pb.UpdateTaskRequest, call: Call) -> pb.UpdateTaskResponse:
        # It may say all that a task is, and so what somebody else has said before.
        edit = said.edit(request, firmly=False)
        return await self._shown(pb.UpdateTaskResponse, call, await self._editing.update(call, request.task_id, edit))

    async def PatchTask(self, request: pb.UpdateTaskRequest, call: Call) -> pb.UpdateTaskResponse:
        edit = said.edit(request, firmly=True)
        return await self._shown(pb.UpdateTaskResponse, call, await self._editing.update(call, request.task_id, edit))

    async def DeleteTask(self, request: pb.DeleteTaskRequest, call: Call) -> pb.DeleteTaskResponse:
        await self._moves.delete(call, request.task_id, request.reason)
        return pb.DeleteTaskResponse()

    async def AssignTask(self, request: pb.AssignTaskRequest, call: Call) -> pb.AssignTaskResponse:
        assigned = await self._editing.assign(call, request.task_id, request.agent_id, said.assignment(request))
        return await self._shown(pb.AssignTaskResponse, call, assigned)

    async def TakeTask(self, request: pb.TakeTaskRequest, call: Call) -> pb.TakeTaskResponse:
        return await self._shown(pb.TakeTaskResponse, call, await self._moves.take(call, request.task_id))

    async def ReleaseTask(self, request: pb.ReleaseTaskRequest, call: Call) -> pb.ReleaseTaskResponse:
        return await self._shown(pb.ReleaseTaskResponse, call, await self._moves.release(call, request.task_id))

    async def ListTaskHistory(self, request: pb.ListTaskHistoryRequest, call: Call) -> pb.ListTaskHistoryResponse:
        _, limit, offset = page_of(request)
        seen = await self._search.get(call, request.task_id)
        changes, total = await self._history.page(seen.task, limit=limit, offset=offset)
        data = [history_message(each) for each in changes]
        return listed(pb.ListTaskHistoryResponse, call, request, data, total, "history")

    async def ExplainTask(self, request: pb.ExplainTaskRequest, call: Call) -> pb.ExplainTaskResponse:
        _, limit, offset = page_of(request)
        found = await self._waiting.explain(call, request.task_id, limit=limit, offset=offset)
        around = listed(pb.ExplainTaskResponse, call, request, None, found.total, "")
        around.data.CopyFrom(waiting_message(found))
        return around

    async def _shown(self, message: type[M], call: Call, task: Task) -> M:
        call.etag = task.version
        return answer(message, call, seen_message(await self._search.beside(task)), "task")

    async def _some_history(self, _call: Call, task: Task) -> bytes:
        changes, _ = await self._history.page(task, limit=INCLUDED, offset=0)
        return history_value(changes)

    async def _metrics(self, _call: Call, task: Task) -> TaskMetrics:
        return metrics_message(await self._history.figures(task))
