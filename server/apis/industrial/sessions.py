"""Industrial: coding sessions."""

from __future__ import annotations

from orchestrator.wire.industrial.v1 import session_service_pb2 as pb
from orchestrator.wire.industrial.v1.session_pb2 import Checkpoint as CheckpointMessage
from orchestrator.wire.industrial.v1.session_pb2 import Session as SessionMessage

from server import values
from server.apis.industrial.shape import checkpoint_message, nullable
from server.apis.industrial.views import Views, page_of, paged
from server.apis.industrial.words import SESSION_STATUSES, SESSION_WORDS
from server.core.coding.checkpoints import KEPT_CHECKPOINTS, Checkpoints
from server.core.coding.sessions import CodingSessions
from server.core.sessions.lifecycle import Sessions
from server.core.sessions.statistics import SessionStatistics
from server.core.shared.call_context import Call
from server.core.tasks.queries import TASK_TEXTS, TaskQueries
from server.model import Priority

# How many sessions a page has where nobody says, and how many tasks.
PAGE_SIZE = 20
ALL = 1000


class SessionServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(
        self,
        sessions: Sessions,
        statistics: SessionStatistics,
        coding: CodingSessions,
        checkpoints: Checkpoints,
        queries: TaskQueries,
        views: Views,
    ) -> None:
        self._sessions = sessions
        self._statistics = statistics
        self._coding = coding
        self._checkpoints = checkpoints
        self._queries = queries
        self._views = views

    async def ListSessions(self, request: pb.ListSessionsRequest, call: Call) -> pb.ListSessionsResponse:
        number, size, offset = page_of(request, PAGE_SIZE)
        status = SESSION_STATUSES[request.status].value if request.status else None
        page = await self._sessions.slice(call, limit=size, offset=offset, status=status)
        items = await self._views.sessions(page.rows, page.longest)
        return pb.ListSessionsResponse(items=items, **paged(number, size, page.total))

    async def CreateSession(self, request: pb.CreateSessionRequest, call: Call) -> SessionMessage:
        session = await self._coding.create(
            call,
            title=request.title,
            type=request.type or "CODING",
            priority=Priority[request.priority or "MEDIUM"],
            prompt=request.initial_prompt,
            parent_id=request.parent_session_id,
            max_seconds=request.max_duration_seconds or 3600,
        )
        return await self._views.session(session, call)

    async def GetSessionStatistics(
        self, _request: pb.GetSessionStatisticsRequest, call: Call
    ) -> pb.GetSessionStatisticsResponse:
        figures = await self._statistics.statistics(call)
        time, rate = figures.completion_time, figures.success_rate
        return pb.GetSessionStatisticsResponse(
            total=figures.total,
            by_status={SESSION_WORDS[status]: count for status, count in figures.by_status.items()},
            avg_completion_time_ms=nullable(round(time / 1000, 3) if time is not None else None),
            success_rate=nullable(round(rate, 4) if rate is not None else None),
        )

    async def GetSession(self, request: pb.GetSessionRequest, call: Call) -> SessionMessage:
        return await self._views.session(await self._sessions.get(call, request.session_id), call)

    async def ListSessionTasks(self, request: pb.ListSessionTasksRequest, call: Call) -> pb.ListSessionTasksResponse:
        number, size, offset = page_of(request, ALL)
        session = await self._sessions.get(call, request.session_id)
        page = await self._queries.slice(call, limit=size, offset=offset, texts=TASK_TEXTS, session_id=session.id)
        items = await self._views.tasks(page.rows, page.longest)
        return pb.ListSessionTasksResponse(items=items, **paged(number, size, page.total))

    async def StartSession(self, request: pb.StartSessionRequest, call: Call) -> SessionMessage:
        return await self._views.session(await self._coding.start(call, request.session_id), call)

    async def PauseSession(self, request: pb.PauseSessionRequest, call: Call) -> SessionMessage:
        return await self._views.session(await self._coding.pause(call, request.session_id), call)

    async def ResumeSession(self, request: pb.ResumeSessionRequest, call: Call) -> SessionMessage:
        return await self._views.session(await self._coding.resume(call, request.session_id), call)

    async def CancelSession(self, request: pb.CancelSessionRequest, call: Call) -> SessionMessage:
        return await self._views.session(await self._coding.cancel(call, request.session_id, request.reason), call)

    async def CompleteSession(self, request: pb.CompleteSessionRequest, call: Call) -> SessionMessage:
        result = request.result or values.NULL if request.HasField("result") else None
        return await self._views.session(await self._coding.complete(call, request.session_id, result), call)

    async def FailSession(self, request: pb.FailSessionRequest, call: Call) -> SessionMessage:
        return await self._views.session(await self._coding.fail(call, request.session_id, request.error), call)

    async def RetrySession(self, request: pb.RetrySessionRequest, call: Call) -> SessionMessage:
        return await self._views.session(await self._coding.retry(call, request.session_id), call)

    async def CreateCheckpoint(self, request: pb.CreateCheckpointRequest, call: Call) -> CheckpointMessage:
        data = values.of_struct(request.data)
        return checkpoint_message(await self._checkpoints.keep(call, request.session_id, request.name, data))

    async def ListCheckpoints(self, request: pb.ListCheckpointsRequest, call: Call) -> pb.ListCheckpointsResponse:
        number, size, offset = page_of(request, KEPT_CHECKPOINTS)
        page = await self._checkpoints.slice(call, request.session_id, limit=size, offset=offset)
        items = list(map(checkpoint_message, page.rows))
        return pb.ListCheckpointsResponse(items=items, **paged(number, size, page.total))

    async def GetCheckpoint(self, request: pb.GetCheckpointRequest, call: Call) -> CheckpointMessage:
        return checkpoint_message(await self._checkpoints.get(call, request.session_id, request.checkpoint_id))
