"""Agent Operations: workers over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from orchestrator.wire.agent_operations.v1 import worker_service_pb2 as pb

from server import values
from server.apikit.projection import project, timestamp
from server.apis.agent_operations.shape import page_of, pagination
from server.core.queue.fencing import Finish
from server.core.shared.call_context import Call
from server.core.shared.ids import parse_id
from server.core.shared.pagination import first_within
from server.core.workers.consumer import PollingConsumer
from server.core.workers.hub import WorkerHub
from server.core.workers.registry import WorkerRegistry
from server.core.workers.reports import CANCELLED, LogLine, WorkerReports, completed, failed
from server.errors import Conflict, ServiceError
from server.model import Priority, Task, Worker, WorkerStatus
from server.pace import all_of

# What the payloads of the leases in an answer may come to, as protobuf: JSON may need six times as much.
LEASED_BYTES = 2 << 20


class _LongPoll(PollingConsumer):
    """A worker that waits for its next tasks, for the time of one request."""

    def __init__(self, worker: Worker, most: int) -> None:
        super().__init__(worker, most)
        self.done: asyncio.Future[list[Task]] = asyncio.get_running_loop().create_future()

    def give(self, tasks: list[Task]) -> None:
        self.closed = True
        if not self.done.done():
            self.done.set_result(tasks)

    def stop(self, error: ServiceError) -> None:
        if not self.done.done():
            self.done.set_exception(error)


class WorkerServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(self, workers: WorkerRegistry, reports: WorkerReports, hub: WorkerHub) -> None:
        self._workers = workers
        self._reports = reports
        self._hub = hub

    async def ConnectWorker(self, request: pb.ConnectWorkerRequest, call: Call) -> pb.ConnectWorkerResponse:
        if not request.worker_id:
            # Leases bound what workers say, and nothing else bounds how many begin.
            await call.meter()
        worker, held = await self._workers.connect(
            call,
            agent_id=request.agent_id,
            capacity=request.capacity if request.HasField("capacity") else 1,
            name=request.name,
            worker_id=request.worker_id,
        )
        data = pb.ConnectedWorker(
            id=f"worker_{worker.id}",
            agent_id=f"agent_{worker.agent_id}",
            status=worker.status,
            heartbeat_interval_seconds=self._hub.heartbeat_seconds,
            lease_seconds=self._hub.lease_seconds,
            leases=[_lease(task) for task in await self._fitting(worker, held)],
        )
        return pb.ConnectWorkerResponse(data=data)

    async def ListWorkers(self, request: pb.ListWorkersRequest, call: Call) -> pb.ListWorkersResponse:
        number, limit, offset = page_of(request.page, request.limit)
        page = await self._workers.slice(
            call, limit=limit, offset=offset, agent_id=request.agent_id, status=request.status
        )
        return pb.ListWorkersResponse(
            data=await all_of(_info(worker) for worker in page.rows), pagination=pagination(number, limit, page.total)
        )

    async def GetWorker(self, request: pb.GetWorkerRequest, call: Call) -> pb.GetWorkerResponse:
        return pb.GetWorkerResponse(data=_info(await self._workers.get(call, request.worker_id)))

    async def TakeLeases(self, request: pb.TakeLeasesRequest, call: Call) -> pb.TakeLeasesResponse:
        worker = await self._workers.get(call, request.worker_id)
        if worker.status != WorkerStatus.ACTIVE:
            raise Conflict(f"the worker is {worker.status}: connect again", reason="WORKER_INACTIVE")
        await self._workers.touch(worker)
        most = request.max if request.HasField("max") else worker.capacity
        tasks = await self._hub.claim_at_once(worker, most)
        if not tasks and request.wait_seconds > 0:
            tasks = await self._wait(worker, most, request.wait_seconds)
        return pb.TakeLeasesResponse(data=[_lease(task) for task in await self._fitting(worker, tasks)])

    async def _fitting(self, worker: Worker, tasks: Sequence[Task]) -> Sequence[Task]:
        """Those that fit in an answer; the others are given back, which does not count as a try of theirs."""
        fitting = first_within(LEASED_BYTES, tasks, lambda task: len(task.input or b""))
        await self._reports.give_back(worker, [(task.id, task.attempt) for task in tasks[len(fitting) :]])
        return fitting

    async def _wait(self, worker: Worker, most: int, seconds: float) -> list[Task]:
        poll = _LongPoll(worker, most)
        try:
            await self._hub.join(poll)
            async with asyncio.timeout(seconds):
                return await asyncio.shield(poll.done)
        except TimeoutError:
            # What was handed over in this very moment is not lost.
            return poll.done.result() if poll.done.done() else []
        except asyncio.CancelledError:
            # Nobody hears the answer.
            if poll.book.held:
                await self._reports.give_back(worker, poll.book.held.items())
            raise
        finally:
            self._hub.leave(poll)

    async def Heartbeat(self, request: pb.HeartbeatRequest, call: Call) -> pb.HeartbeatResponse:
        worker = await self._workers.get(call, request.worker_id)
        named = [(parse_id("task", lease.task_id), lease.attempt) for lease in request.leases]
        kept = await self._workers.beat(
            call,
            worker,
            named,
            cpu_usage=request.cpu_usage if request.HasField("cpu_usage") else None,
            memory_usage=request.memory_usage if request.HasField("memory_usage") else None,
        )
        has = {(lease.task_id, lease.attempt) for lease in kept}
        data = pb.HeartbeatResult(
            kept=[_name(*lease) for lease in sorted(has)],
            cancel=[_name(lease.task_id, lease.attempt) for lease in kept if lease.cancel_requested],
            lost=[_name(*lease) for lease in dict.fromkeys(named) if lease not in has],
        )
        return pb.HeartbeatResponse(data=data)

    async def ReportProgress(self, request: pb.ReportProgressRequest, call: Call) -> pb.ReportProgressResponse:
        worker, task = await self._workers.get(call, request.worker_id), parse_id("task", request.task_id)
        noted = await self._reports.report(
            worker,
            task,
            request.attempt,
            progress=request.progress if request.HasField("progress") else None,
            message=request.message,
        )
        await self._workers.touch(worker, (task, request.attempt))
        return pb.ReportProgressResponse(data=_standing(noted))

    async def WriteLog(self, request: pb.WriteLogRequest, call: Call) -> pb.WriteLogResponse:
        worker, task = await self._workers.get(call, request.worker_id), parse_id("task", request.task_id)
        lines = [LogLine(request.level or "info", request.message)]
        noted = await self._reports.report(worker, task, request.attempt, lines=lines)
        await self._workers.touch(worker, (task, request.attempt))
        return pb.WriteLogResponse(data=_standing(noted))

    async def CompleteTask(self, request: pb.CompleteTaskRequest, call: Call) -> pb.CompleteTaskResponse:
        finish = Finish(
            parse_id("task", request.task_id), request.attempt, await completed(request.output or values.NULL)
        )
        return pb.CompleteTaskResponse(data=await self._end(call, request.worker_id, finish))

    async def FailTask(self, request: pb.FailTaskRequest, call: Call) -> pb.FailTaskResponse:
        error = request.error
        retryable = request.retryable if request.HasField("retryable") else True
        result = failed(error.type, error.message, error.traceback, retryable=retryable)
        finish = Finish(parse_id("task", request.task_id), request.attempt, result)
        return pb.FailTaskResponse(data=await self._end(call, request.worker_id, finish))

    async def EndCancelled(self, request: pb.EndCancelledRequest, call: Call) -> pb.EndCancelledResponse:
        finish = Finish(parse_id("task", request.task_id), request.attempt, CANCELLED)
        return pb.EndCancelledResponse(data=await self._end(call, request.worker_id, finish))

    async def _end(self, call: Call, worker_id: str, finish: Finish) -> pb.TaskStanding:
        worker = await self._workers.get(call, worker_id)
        (outcome,) = await self._reports.finish(worker, [finish])
        await self._workers.touch(worker)
        return _standing(outcome)

    async def ReleaseTask(self, request: pb.ReleaseTaskRequest, call: Call) -> pb.ReleaseTaskResponse:
        worker = await self._workers.get(call, request.worker_id)
        (outcome,) = await self._reports.give_back(worker, [(parse_id("task", request.task_id), request.attempt)])
        await self._workers.touch(worker)
        return pb.ReleaseTaskResponse(data=_standing(outcome))

    async def DrainWorker(self, request: pb.DrainWorkerRequest, call: Call) -> pb.DrainWorkerResponse:
        worker = await self._workers.get(call, request.worker_id)
        return pb.DrainWorkerResponse(data=_info(await self._workers.drain(call, worker)))

    async def RemoveWorker(self, request: pb.RemoveWorkerRequest, call: Call) -> pb.RemoveWorkerResponse:
        worker = await self._workers.get(call, request.worker_id)
        return pb.RemoveWorkerResponse(data=_info(await self._workers.leave(call, worker)))


def _info(worker: Worker) -> pb.WorkerInfo:
    return project(worker, pb.WorkerInfo, id=f"worker_{worker.id}", agent_id=f"agent_{worker.agent_id}")


def _lease(task: Task) -> pb.WorkerLease:
    leased = pb.LeasedTask(
        id=f"task_{task.id}",
        type=task.type,
        priority=Priority(task.priority).name.lower(),
        payload=task.input,
        timeout_seconds=task.timeout_seconds,
        session_id=f"session_{task.session_id}" if task.session_id else "",
        cancel_requested=task.cancel_requested_at is not None,
        created_at=timestamp(task.created_at),
        traceparent=task.traceparent,
    )
    expires = timestamp(task.lease_expires_at or 0)
    return pb.WorkerLease(task_id=f"task_{task.id}", attempt=task.attempt, expires_at=expires, task=leased)


def _name(task_id: str, attempt: int) -> pb.LeaseName:
    return pb.LeaseName(task_id=f"task_{task_id}", attempt=attempt)


def _standing(outcome: Task | ServiceError) -> pb.TaskStanding:
    """Where a task stands. Raises what was said to be wrong."""
    if isinstance(outcome, ServiceError):
        raise outcome
    return pb.TaskStanding(task_id=f"task_{outcome.id}", status=outcome.status, attempt=outcome.attempt)
