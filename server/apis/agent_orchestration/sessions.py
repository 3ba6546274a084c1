"""Agent Orchestration: sessions."""

from __future__ import annotations

from typing import Any

from orchestrator.wire.agent_orchestration.v1 import session_service_pb2 as pb
from orchestrator.wire.agent_orchestration.v1.session_pb2 import Session as SessionMessage

from server.apis.agent_orchestration.shape import LIMIT, SESSION_FILTERS, session_message
from server.core.sessions.lifecycle import Sessions
from server.core.shared.call_context import Call
from server.model import Session, SessionStatus
from server.pace import all_of


class SessionServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def CreateSession(self, request: pb.CreateSessionRequest, call: Call) -> SessionMessage:
        session = await self._sessions.create(
            call,
            name=request.name,
            description=request.description,
            timeout_seconds=request.config.timeout or 3600,
            max_iterations=request.config.max_iterations or 100,
        )
        return _answer(session, call)

    async def GetSession(self, request: pb.GetSessionRequest, call: Call) -> SessionMessage:
        return _answer(await self._sessions.get(call, request.session_id), call)

    async def ListSessions(self, request: pb.ListSessionsRequest, call: Call) -> pb.ListSessionsResponse:
        limit = request.limit or LIMIT
        filters: dict[str, Any] = {}
        if request.status:
            name = SESSION_FILTERS.get(request.status)
            filters = {name: "yes"} if name is not None else {"status": request.status}
        page = await self._sessions.slice(call, limit=limit, offset=request.offset, **filters)
        return pb.ListSessionsResponse(
            sessions=await all_of(session_message(session) for session in page.rows),
            total=page.total,
            limit=limit,
            offset=request.offset,
        )

    async def UpdateSession(self, request: pb.UpdateSessionRequest, call: Call) -> SessionMessage:
        session = await self._sessions.update(
            call,
            request.session_id,
            name=request.name if request.HasField("name") else None,
            description=request.description if request.HasField("description") else None,
        )
        return _answer(session, call)

    async def CompleteSession(self, request: pb.CompleteSessionRequest, call: Call) -> SessionMessage:
        return _answer(await self._sessions.end(call, request.session_id, SessionStatus.COMPLETED), call)

    async def FailSession(self, request: pb.FailSessionRequest, call: Call) -> SessionMessage:
        return _answer(await self._sessions.end(call, request.session_id, SessionStatus.FAILED, request.error), call)

    async def DeleteSession(self, request: pb.DeleteSessionRequest, call: Call) -> pb.DeleteSessionResponse:
        session = await self._sessions.delete(call, request.session_id)
        return pb.DeleteSessionResponse(id=f"session_{session.id}", deleted=True)


def _answer(session: Session, call: Call) -> SessionMessage:
    call.etag = session.version
    return session_message(session)
