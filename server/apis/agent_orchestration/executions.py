"""Agent Orchestration: executions, which are tasks."""

from __future__ import annotations

from orchestrator.wire.agent_orchestration.v1 import execution_service_pb2 as pb
from orchestrator.wire.agent_orchestration.v1.execution_pb2 import Execution

from server import values
from server.apis.agent_orchestration.shape import LIMIT, execution_message
from server.core.agents.registry import AgentRegistry
from server.core.queue.creation import NewTask
from server.core.sessions.lifecycle import Sessions
from server.core.shared.call_context import Call
from server.core.tasks.commands import TaskCommands
from server.core.tasks.queries import TaskQueries
from server.model import ENDED, Task
from server.pace import all_of

ACCEPTED = 202
# How much longer than its own timeout an execution is waited for, for the time it spends in the queue.
QUEUE_SECONDS = 10.0


class ExecutionServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(
        self,
        tasks: TaskCommands,
        queries: TaskQueries,
        sessions: Sessions,
        agents: AgentRegistry,
        *,
        wait_seconds: float,
    ) -> None:
        self._tasks = tasks
        self._queries = queries
        self._sessions = sessions
        self._agents = agents
        self._wait_seconds = wait_seconds

    async def ExecuteAgent(self, request: pb.ExecuteAgentRequest, call: Call) -> Execution:
        timeout = request.timeout or 30.0
        new = NewTask(
            agent_id=request.agent_id,
            session_id=request.session_id,
            input=request.input_data or values.NULL if request.HasField("input_data") else values.EMPTY_OBJECT,
            timeout_seconds=timeout,
            input_field="input_data",
        )
        task = await self._tasks.create(call, new)
        if request.wait or not request.HasField("wait"):
            task = await self._queries.wait(call, task, min(timeout + QUEUE_SECONDS, self._wait_seconds))
        call.http_status = 200 if task.status in ENDED else ACCEPTED
        return _answer(task, call)

    async def GetExecution(self, request: pb.GetExecutionRequest, call: Call) -> Execution:
        return _answer(await self._queries.get(call, request.execution_id), call)

    async def ListExecutions(self, request: pb.ListExecutionsRequest, call: Call) -> pb.ListExecutionsResponse:
        limit = request.limit or LIMIT
        session = await self._sessions.get(call, request.session_id) if request.session_id else None
        agent = await self._agents.get(call, request.agent_id) if request.agent_id else None
        page = await self._queries.slice(
            call,
            limit=limit,
            offset=request.offset,
            status=request.status or None,
            agent_id=agent.id if agent is not None else None,
            session_id=session.id if session is not None else None,
        )
        return pb.ListExecutionsResponse(
            executions=await all_of(execution_message(task) for task in page.rows),
            total=page.total,
            limit=limit,
            offset=request.offset,
        )

    async def CancelExecution(self, request: pb.CancelExecutionRequest, call: Call) -> Execution:
        return _answer(await self._tasks.cancel(call, request.execution_id), call)


def _answer(task: Task, call: Call) -> Execution:
    call.etag = task.version
    return execution_message(task)
