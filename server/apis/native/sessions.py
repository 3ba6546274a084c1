"""orchestrator.v1.SessionService."""

from __future__ import annotations

from orchestrator.wire.v1 import session_service_pb2 as pb
from orchestrator.wire.v1.session_pb2 import Session as SessionMessage

from server.apis.native.resources import SESSION_WORDS, session_message
from server.core.sessions.lifecycle import Sessions
from server.core.shared.call_context import Call
from server.model import SessionStatus
from server.pace import all_of

PAGE_SIZE = 20


class SessionServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def CreateSession(self, request: pb.CreateSessionRequest, call: Call) -> SessionMessage:
        session = await self._sessions.create(
            call,
            name=request.name,
            description=request.description,
            timeout_seconds=request.timeout_seconds or 3600,
            max_iterations=request.max_iterations or 100,
        )
        return session_message(session)

    async def GetSession(self, request: pb.GetSessionRequest, call: Call) -> SessionMessage:
        return session_message(await self._sessions.get(call, request.id))

    async def ListSessions(self, request: pb.ListSessionsRequest, call: Call) -> pb.ListSessionsResponse:
        status = SESSION_WORDS[request.status] if request.status else None
        size = request.page_size or PAGE_SIZE
        page = await self._sessions.page(call, size=size, token=request.page_token, status=status)
        return pb.ListSessionsResponse(
            sessions=await all_of(session_message(session) for session in page.rows), next_page_token=page.next_token
        )

    async def UpdateSession(self, request: pb.UpdateSessionRequest, call: Call) -> SessionMessage:
        call.require_version(request.version)
        session = await self._sessions.update(
            call,
            request.id,
            name=request.name if request.HasField("name") else None,
            description=request.description if request.HasField("description") else None,
        )
        return session_message(session)

    async def EndSession(self, request: pb.EndSessionRequest, call: Call) -> SessionMessage:
        call.require_version(request.version)
        status = SessionStatus.FAILED if request.HasField("error") else SessionStatus.COMPLETED
        return session_message(await self._sessions.end(call, request.id, status, request.error))

    async def DeleteSession(self, request: pb.DeleteSessionRequest, call: Call) -> pb.DeleteSessionResponse:
        call.require_version(request.version)
        await self._sessions.delete(call, request.id)
        return pb.DeleteSessionResponse()
