"""orchestrator.v1.TaskService."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from orchestrator.wire.v1 import task_pb2, task_service_pb2
from orchestrator.wire.v1 import task_service_pb2 as pb
from orchestrator.wire.v1.task_pb2 import Task as TaskMessage

from server import values
from server.apis.native.resources import TASK_WORDS, attempt_message, log_message, priority_word, task_message
from server.core.queue.creation import NewTask
from server.core.queue.retry_policy import RetryPolicy
from server.core.shared.call_context import Call
from server.core.tasks import details
from server.core.tasks.commands import TaskCommands
from server.core.tasks.queries import TaskQueries
from server.model import Priority, Task
from server.pace import all_of

PAGE_SIZE = 20


class TaskServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(self, tasks: TaskCommands, queries: TaskQueries, *, heartbeat_seconds: float) -> None:
        self._tasks = tasks
        self._queries = queries
        self._heartbeat_seconds = heartbeat_seconds

    async def CreateTask(self, request: pb.CreateTaskRequest, call: Call) -> TaskMessage:
        return task_message(await self._tasks.create(call, new_task(request)))

    async def BatchCreateTasks(self, request: pb.BatchCreateTasksRequest, call: Call) -> pb.BatchCreateTasksResponse:
        tasks = await self._tasks.create_all(call, [new_task(each) for each in request.tasks])
        # Whoever sends many has their inputs, and an answer with all of them would be too large to arrive.
        light = (Task.new(**{**task.values(), "input": None}) for task in tasks)
        return pb.BatchCreateTasksResponse(tasks=await all_of(map(task_message, light)))

    async def GetTask(self, request: pb.GetTaskRequest, call: Call) -> TaskMessage:
        return task_message(await self._queries.get(call, request.id))

    async def ListTasks(self, request: pb.ListTasksRequest, call: Call) -> pb.ListTasksResponse:
        page = await self._queries.page(
            call,
            size=request.page_size or PAGE_SIZE,
            token=request.page_token,
            status=TASK_WORDS[request.status] if request.status else None,
            agent_id=request.agent_id,
            session_id=request.session_id,
            priority=priority_word(request.priority),
            type=request.type,
            workflow_run_id=request.workflow_run_id,
        )
        return pb.ListTasksResponse(
            tasks=await all_of(task_message(task) for task in page.rows), next_page_token=page.next_token
        )

    async def CancelTask(self, request: pb.CancelTaskRequest, call: Call) -> TaskMessage:
        return task_message(await self._tasks.cancel(call, request.id))

    async def RetryTask(self, request: pb.RetryTaskRequest, call: Call) -> TaskMessage:
        return task_message(await self._tasks.retry(call, request.id))

    async def ListTaskLogs(self, request: pb.ListTaskLogsRequest, call: Call) -> pb.ListTaskLogsResponse:
        task = await self._queries.get(call, request.id)
        lines = await self._queries.logs(task, request.limit or 100)
        return pb.ListTaskLogsResponse(lines=[log_message(line) for line in lines])

    async def ListTaskAttempts(self, request: pb.ListTaskAttemptsRequest, call: Call) -> pb.ListTaskAttemptsResponse:
        attempts = await self._queries.attempts(await self._queries.get(call, request.id))
        return pb.ListTaskAttemptsResponse(attempts=[attempt_message(attempt) for attempt in attempts])

    async def WatchTask(self, request: pb.WatchTaskRequest, call: Call) -> AsyncIterator[TaskMessage]:
        await self._queries.get(call, request.id)
        tasks = self._queries.watch(call, request.id, heartbeat_seconds=self._heartbeat_seconds)
        return (task_message(task) async for task in tasks)


def new_task(request: task_service_pb2.CreateTaskRequest) -> NewTask:
    """What a request asks for."""
    priority = priority_word(request.priority)
    return NewTask(
        agent_id=request.agent_id,
        agent_type=request.agent_type,
        capabilities=request.capabilities,
        type=request.type,
        input=request.input or values.NULL if request.HasField("input") else values.EMPTY_OBJECT,
        priority=Priority.MEDIUM if priority is None else Priority(priority),
        timeout_seconds=request.timeout_seconds if request.HasField("timeout_seconds") else None,
        retry=_retry(request.retry) if request.HasField("retry") else None,
        schedule=_schedule(request.schedule) if request.HasField("schedule") else None,
        session_id=request.session_id,
        depends_on=request.depends_on,
        key=request.key,
        title=request.title.strip(),
        description=request.description,
        project_id=request.project_id,
        tags=details.checked_tags(request.tags) if request.tags else (),
        requirements=details.checked_points("requirements", request.requirements),
        acceptance_criteria=details.checked_points("acceptance_criteria", request.acceptance_criteria),
        estimated_hours=request.estimated_hours if request.HasField("estimated_hours") else None,
        due_at=request.due_time.ToMicroseconds() if request.HasField("due_time") else None,
        by_hand=request.by_hand and not (request.agent_id or request.agent_type or request.type),
    )


def _retry(policy: task_pb2.RetryPolicy) -> RetryPolicy:
    names = ("initial_delay", "multiplier", "max_delay", "jitter")
    given = {name: getattr(policy, name) for name in names if policy.HasField(name)}
    return RetryPolicy(max_retries=policy.max_retries, **given)


def _schedule(schedule: task_pb2.Schedule) -> dict[str, Any] | None:
    kind = schedule.WhichOneof("when")
    if kind == "at":
        return {"type": "at", "at": schedule.at.ToJsonString()}
    if kind == "delay_seconds":
        return {"type": "delay", "seconds": schedule.delay_seconds}
    if kind == "cron":
        return {"type": "cron", "expression": schedule.cron.expression, "timezone": schedule.cron.timezone or "UTC"}
    return None
