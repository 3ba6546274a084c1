"""CoordinAItor: tasks."""

from __future__ import annotations

from orchestrator.wire.coordinaitor.v1 import task_service_pb2 as pb

from server.apis.coordinaitor.envelope import answer
from server.apis.coordinaitor.shape import task_message
from server.core.shared.call_context import Call
from server.core.tasks.queries import TaskQueries


class TaskServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(self, queries: TaskQueries) -> None:
        self._queries = queries

    async def GetTask(self, request: pb.GetTaskRequest, call: Call) -> pb.GetTaskResponse:
        task = await self._queries.get(call, request.task_id)
        call.etag = task.version
        return answer(pb.GetTaskResponse, call, task_message(task), "task")
