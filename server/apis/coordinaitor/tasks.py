"""CoordinAItor: tasks."""

from __future__ import annotations

from typing import Any, TypeVar

from google.protobuf.message import Message
from orchestrator.wire.coordinaitor.v1 import task_service_pb2 as pb

from server.apis.coordinaitor import task_requests as said
from server.apis.coordinaitor.discussion_shape import comment_message, file_message
from server.apis.coordinaitor.envelope import answer, listed, page_of, shown_value
from server.apis.coordinaitor.shape import seen_message
from server.apis.coordinaitor.task_shape import history_message, metrics_message, waiting_message
from server.core.discussion.comments import TaskComments
from server.core.discussion.files import TaskFiles
from server.core.shared.call_context import Call
from server.core.tasks.commands import TaskCommands
from server.core.tasks.editing import TaskEditing
from server.core.tasks.history import TaskHistory
from server.core.tasks.moves import TaskMoves
from server.core.tasks.search import Seen, TaskSearch
from server.core.tasks.waiting import TaskWaiting
from server.model import Task

M = TypeVar("M", bound=Message)
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
        comments: TaskComments,
        files: TaskFiles,
    ) -> None:
        self._commands = commands
        self._editing = editing
        self._moves = moves
        self._search = search
        self._history = history
        self._waiting = waiting
        self._comments = comments
        self._files = files

    async def ListTasks(self, request: pb.ListTasksRequest, call: Call) -> pb.ListTasksResponse:
        _, limit, offset = page_of(request)
        page = await self._search.page(call, said.wanted(request), limit=limit, offset=offset)
        data = [seen_message(each, page.longest) for each in page.rows]
        return listed(pb.ListTasksResponse, call, request, data, page.total, "tasks")

    async def CreateTask(self, request: pb.CreateTaskRequest, call: Call) -> pb.CreateTaskResponse:
        return await self._shown(pb.CreateTaskResponse, call, await self._commands.create(call, said.new_task(request)))

    async def GetTask(self, request: pb.GetTaskRequest, call: Call) -> pb.GetTaskResponse:
        seen = await self._search.get(call, request.task_id)
        call.etag = seen.task.version
        more = await self._included(seen, request.include) if request.include else {}
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

    async def _included(self, seen: Seen, words: str) -> dict[str, Any]:
        wanted = said.included(words)
        more: dict[str, Any] = {}
        if "comments" in wanted:
            found = await self._comments.of_tasks([seen.task.id])
            more["comments"] = shown_value(comment_message(each) for each in found.get(seen.task.id, ()))
        if "files" in wanted:
            kept = await self._files.of_tasks([seen.task.id])
            more["files"] = shown_value(file_message(each) for each in kept.get(seen.task.id, ()))
        if "history" in wanted:
            changes, _ = await self._history.page(seen.task, limit=INCLUDED, offset=0)
            more["history"] = shown_value(history_message(each) for each in changes)
        if "metrics" in wanted:
            more["metrics"] = metrics_message(await self._history.figures(seen.task))
        return more
