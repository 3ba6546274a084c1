"""Agent Operations: tasks."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from orchestrator.wire.agent_operations.v1 import task_pb2
from orchestrator.wire.agent_operations.v1 import task_service_pb2 as pb

from server import values
from server.apikit.moments import moment
from server.apikit.projection import timestamp
from server.apis.agent_operations.shape import object_of, page_of, pagination, task_message
from server.core.agents.registry import AgentRegistry
from server.core.queue.creation import NewTask
from server.core.queue.retry_policy import RetryPolicy
from server.core.shared.call_context import Call
from server.core.shared.pagination import left_out
from server.core.tasks.commands import TaskCommands
from server.core.tasks.queries import RESULTS, TaskQueries
from server.model import Agent, Priority, Task, TaskStatus
from server.pace import all_of

# An end that is further off, in microseconds, nobody can foresee.
FORESEEN = 366 * 24 * 3600 * 1_000_000


class TaskServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(self, tasks: TaskCommands, queries: TaskQueries, agents: AgentRegistry) -> None:
        self._tasks = tasks
        self._queries = queries
        self._agents = agents

    async def ListTasks(self, request: pb.ListTasksRequest, call: Call) -> pb.ListTasksResponse:
        number, limit, offset = page_of(request.page, request.limit)
        page = await self._queries.slice(
            call,
            limit=limit,
            offset=offset,
            texts=RESULTS,
            agent_id=request.agent_id,
            status=request.status,
            priority=Priority[request.priority.upper()].value if request.priority else None,
            type=request.type,
            created_after=moment("created_after", request.created_after),
            created_before=moment("created_before", request.created_before),
        )
        omitted = ["result"] if left_out(page.rows, ["output"]) else []
        return pb.ListTasksResponse(
            data=await all_of(task_message(task) for task in page.rows),
            pagination=pagination(number, limit, page.total, omitted),
        )

    async def CreateTask(self, request: pb.CreateTaskRequest, call: Call) -> pb.TaskResponse:
        return _answer(await self._tasks.create(call, _new_task(request)), call)

    async def GetTask(self, request: pb.GetTaskRequest, call: Call) -> pb.TaskResponse:
        task = await self._queries.get(call, request.task_id)
        logs, attempts = await asyncio.gather(self._queries.logs(task), self._queries.attempts(task))
        message = task_message(task, logs, attempts)
        if task.status == TaskStatus.RUNNING:
            expected = _expected(task, await self._agents.of_task(task), time.time_ns() // 1000)
            if expected is not None:
                message.estimated_completion.CopyFrom(timestamp(expected))
        call.etag = task.version
        return pb.TaskResponse(data=message)

    async def CancelTask(self, request: pb.CancelTaskRequest, call: Call) -> pb.TaskResponse:
        return _answer(await self._tasks.cancel(call, request.task_id), call)

    async def RetryTask(self, request: pb.RetryTaskRequest, call: Call) -> pb.TaskResponse:
        return _answer(await self._tasks.retry(call, request.task_id), call)


def _answer(task: Task, call: Call) -> pb.TaskResponse:
    call.etag = task.version
    return pb.TaskResponse(data=task_message(task))


def _new_task(request: pb.CreateTaskRequest) -> NewTask:
    return NewTask(
        agent_id=request.agent_id,
        agent_type=request.agent_type,
        capabilities=request.capabilities,
        type=request.type,
        input=object_of("payload", request.payload) if request.HasField("payload") else values.EMPTY_OBJECT,
        priority=Priority[request.priority.upper()] if request.priority else Priority.MEDIUM,
        timeout_seconds=request.timeout if request.HasField("timeout") else None,
        retry=_retry(request.retry) if request.HasField("retry") else None,
        schedule=_schedule(request.schedule) if request.HasField("schedule") else None,
        session_id=request.session_id,
        depends_on=request.depends_on,
        input_field="payload",
    )


def _retry(policy: task_pb2.TaskRetry) -> RetryPolicy:
    names = ("initial_delay", "multiplier", "max_delay", "jitter")
    given = {name: getattr(policy, name) for name in names if policy.HasField(name)}
    return RetryPolicy(max_retries=policy.max_retries, **given)


def _schedule(schedule: task_pb2.TaskSchedule) -> dict[str, Any]:
    names = ("at", "seconds", "expression", "timezone")
    given = {name: getattr(schedule, name) for name in names if schedule.HasField(name)}
    return {"type": schedule.type or "immediate", **given}


def _expected(task: Task, agent: Agent | None, now: int) -> int | None:
    """When a running task is likely to end (microseconds); None where nobody can say."""
    if task.started_at is None:
        return None
    if task.progress and task.progress_at is not None:
        whole = (task.progress_at - task.started_at) * 100 / task.progress
    elif agent is not None and agent.tasks_completed:
        whole = agent.busy_ms * 1000 / agent.tasks_completed
    else:
        return None
    # Who says that next to nothing is done has said nothing.
    return max(task.started_at + int(whole), now) if whole < FORESEEN else None
