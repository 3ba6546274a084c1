"""orchestrator.v1.WorkerService."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator

from orchestrator.wire.v1 import worker_pb2, worker_service_pb2
from orchestrator.wire.v1.worker_pb2 import LeaseRef, WorkRequest, WorkResponse
from orchestrator.wire.v1.worker_pb2 import Worker as WorkerMessage

from server import values
from server.apikit.projection import project, timestamp
from server.apis.native.resources import TASK_STATUS, task_message
from server.core.queue.fencing import Finish
from server.core.shared.call_context import Call
from server.core.shared.ids import parse_id
from server.core.workers.connection import WorkerConnection
from server.core.workers.consumer import LeaseName
from server.core.workers.hub import WorkerHub
from server.core.workers.messages import Accepted, CancelAsked, Given, LeaseLost, Notice, Refused, Welcomed
from server.core.workers.registry import WorkerRegistry
from server.core.workers.reports import CANCELLED, WorkerReports, completed, failed
from server.core.workers.stream_heartbeats import Heartbeat
from server.errors import InvalidRequest, NotFound, ServiceError
from server.model import Task, Worker
from server.pace import all_of

PAGE_SIZE = 20
HELLO_SECONDS = 10.0
# Leases go in messages of about so many bytes: clients refuse those over 4 MiB unless told otherwise.
MESSAGE_BYTES = 1 << 20
WORKER_STATUS = {
    name.removeprefix("WORKER_STATUS_").lower(): number for name, number in worker_pb2.WorkerStatus.items()
}
WORKER_WORDS = {number: word for word, number in WORKER_STATUS.items()}


class _Answers:
    """What a worker is told, which ends its connection also where nobody ever asks for the first of it."""

    def __init__(self, connection: WorkerConnection, answers: AsyncGenerator[WorkResponse]) -> None:
        self._connection = connection
        self._answers = answers

    def __aiter__(self) -> _Answers:
        return self

    async def __anext__(self) -> WorkResponse:
        return await anext(self._answers)

    async def aclose(self) -> None:
        """Ends it."""
        try:
            await self._answers.aclose()
        finally:
            self._connection.close()


class WorkerServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(self, workers: WorkerRegistry, reports: WorkerReports, hub: WorkerHub) -> None:
        self._workers = workers
        self._reports = reports
        self._hub = hub

    async def GetWorker(self, request: worker_service_pb2.GetWorkerRequest, call: Call) -> WorkerMessage:
        return worker_message(await self._workers.get(call, request.id))

    async def ListWorkers(
        self, request: worker_service_pb2.ListWorkersRequest, call: Call
    ) -> worker_service_pb2.ListWorkersResponse:
        page = await self._workers.page(
            call,
            size=request.page_size or PAGE_SIZE,
            token=request.page_token,
            agent_id=request.agent_id,
            status=WORKER_WORDS[request.status] if request.status else "",
        )
        return worker_service_pb2.ListWorkersResponse(
            workers=await all_of(worker_message(worker) for worker in page.rows), next_page_token=page.next_token
        )

    async def Work(self, requests: AsyncIterator[WorkRequest], call: Call) -> AsyncIterator[WorkResponse]:
        try:
            async with asyncio.timeout(HELLO_SECONDS):
                first = await anext(requests, None)
        except TimeoutError:
            raise InvalidRequest("message", f"hello must come within {HELLO_SECONDS:g} seconds") from None
        if first is None or first.WhichOneof("message") != "hello":
            raise InvalidRequest("message", "the first message must be hello")
        hello = first.hello
        connection = await WorkerConnection.begin(
            call,
            self._workers,
            self._reports,
            self._hub,
            agent_id=hello.agent_id,
            capacity=hello.capacity,
            name=hello.name,
            worker_id=hello.worker_id,
            leases=[_name(lease) for lease in hello.leases],
        )
        return _Answers(connection, self._answers(connection, requests))

    async def _answers(
        self, connection: WorkerConnection, requests: AsyncIterator[WorkRequest]
    ) -> AsyncGenerator[WorkResponse]:
        listening = asyncio.create_task(_listen(connection, requests))
        try:
            async for notice in connection.notices():
                for message in self._messages(notice):
                    yield message
        finally:
            connection.close()
            listening.cancel()

    def _messages(self, notice: Notice) -> Iterator[WorkResponse]:
        if isinstance(notice, Given):
            yield from _leases(notice.tasks)
        elif isinstance(notice, Accepted):
            yield WorkResponse(accepted=worker_pb2.Accepted(leases=[_ref(lease) for lease in notice.leases]))
        elif isinstance(notice, Welcomed):
            yield WorkResponse(welcome=self._welcome(notice))
        elif isinstance(notice, CancelAsked):
            lease = _ref((notice.task_id, notice.attempt))
            yield WorkResponse(cancel=worker_pb2.Cancel(lease=lease, grace_seconds=notice.grace_seconds))
        elif isinstance(notice, LeaseLost):
            yield WorkResponse(lost=worker_pb2.Lost(lease=_ref((notice.task_id, notice.attempt))))
        elif isinstance(notice, Refused):
            yield WorkResponse(refused=_refused(notice))
        else:
            yield WorkResponse(alive=worker_pb2.Alive(server_time=timestamp(notice.now)))

    def _welcome(self, notice: Welcomed) -> worker_pb2.Welcome:
        return worker_pb2.Welcome(
            worker_id=f"worker_{notice.worker.id}",
            heartbeat_interval_seconds=self._hub.heartbeat_seconds,
            lease_seconds=self._hub.lease_seconds,
            held=[_ref(lease) for lease in notice.held],
            lost=[_ref(lease) for lease in notice.lost],
        )


async def _listen(connection: WorkerConnection, requests: AsyncIterator[WorkRequest]) -> None:
    """Takes what the worker says until it says no more, or something that ends the connection."""
    try:
        async for request in requests:
            await _take(connection, request)
        await connection.rest()
        connection.hang_up()
    except ServiceError as error:
        connection.hang_up(error)
    except Exception:
        connection.hang_up(ServiceError("something went wrong on our side"))
        raise


async def _take(connection: WorkerConnection, request: WorkRequest) -> None:
    kind = request.WhichOneof("message")
    if kind == "complete":
        await connection.end(
            Finish(*_name(request.complete.lease), await completed(request.complete.output or values.NULL))
        )
    elif kind == "heartbeat":
        beat = request.heartbeat
        cpu = beat.cpu_usage if beat.HasField("cpu_usage") else None
        memory = beat.memory_usage if beat.HasField("memory_usage") else None
        connection.heartbeat(Heartbeat([_name(lease) for lease in beat.leases], cpu, memory))
    elif kind == "progress":
        name = _name(request.progress.lease)
        if connection.book.holds(*name):
            percent = request.progress.percent if request.progress.HasField("percent") else None
            connection.reports.progress(*name, percent, request.progress.message)
    elif kind == "log":
        name = _name(request.log.lease)
        if connection.book.holds(*name):
            connection.reports.log(*name, request.log.level, request.log.message)
    elif kind == "fail":
        await connection.end(_failure(request.fail))
    elif kind == "cancelled":
        await connection.end(Finish(*_name(request.cancelled.lease), CANCELLED))
    elif kind == "release":
        await connection.end(_name(request.release.lease))
    elif kind == "acknowledge_cancel":
        await connection.acknowledge_cancel(*_name(request.acknowledge_cancel.lease))
    elif kind == "drain":
        await connection.drain()
    else:
        raise InvalidRequest("hello", "must be the first message, and come once")


def _failure(fail: worker_pb2.Fail) -> Finish:
    error = fail.error
    retryable = fail.retryable if fail.HasField("retryable") else True
    return Finish(*_name(fail.lease), failed(error.type, error.message, error.traceback, retryable=retryable))


def _name(lease: LeaseRef) -> LeaseName:
    """The lease; an id that cannot be one names a task that does not exist."""
    try:
        return parse_id("task", lease.task_id), lease.attempt
    except NotFound:
        return lease.task_id, lease.attempt


def _ref(lease: LeaseName) -> LeaseRef:
    return LeaseRef(task_id=f"task_{lease[0]}", attempt=lease[1])


def _refused(notice: Refused) -> worker_pb2.Refused:
    details = notice.error.details
    return worker_pb2.Refused(
        lease=_ref((notice.task_id, notice.attempt)),
        reason=notice.error.reason,
        message=notice.error.message,
        held_by=str(details.get("held_by") or ""),
        current_attempt=int(str(details.get("current_attempt") or 0)),
        status=TASK_STATUS.get(str(details.get("status")), 0),  # type: ignore[arg-type]
    )


def _leases(tasks: list[Task]) -> Iterator[WorkResponse]:
    """Messages with these leases, the first as soon as it is full."""
    leases: list[worker_pb2.Lease] = []
    size = 0
    for task in tasks:
        lease = lease_message(task)
        takes = lease.ByteSize()
        if leases and size + takes > MESSAGE_BYTES:
            yield WorkResponse(leases=worker_pb2.Leases(leases=leases))
            leases, size = [], 0
        leases.append(lease)
        size += takes
    if leases:
        yield WorkResponse(leases=worker_pb2.Leases(leases=leases))


def lease_message(task: Task) -> worker_pb2.Lease:
    """A lease with its task."""
    return worker_pb2.Lease(
        task_id=f"task_{task.id}",
        attempt=task.attempt,
        task=task_message(task),
        expires_at=timestamp(task.lease_expires_at or 0),
    )


def worker_message(worker: Worker) -> WorkerMessage:
    """A worker."""
    return project(
        worker,
        WorkerMessage,
        id=f"worker_{worker.id}",
        agent_id=f"agent_{worker.agent_id}",
        status=WORKER_STATUS[worker.status],
    )
