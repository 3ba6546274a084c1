"""AI Orchestra: chat, and what was said in sessions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from google.api.httpbody_pb2 import HttpBody
from orchestrator.wire.ai_orchestra.v2 import chat_service_pb2 as pb

from server.apikit.server_sent import last_event_id
from server.apis.ai_orchestra.chat.requests import question_of
from server.apis.ai_orchestra.chat.shape import answer_message, error_of, session_message, turn_message
from server.apis.ai_orchestra.chat.sse import ServerSent
from server.apis.ai_orchestra.envelope import answer as enveloped
from server.core.chat.answers import ChatAnswers
from server.core.chat.conversations import Conversations
from server.core.chat.following import AnswerStreams
from server.core.shared.call_context import Call
from server.model import Answer
from server.pace import all_of

SESSIONS, TURNS = 20, 50


async def answered(answers: ChatAnswers, call: Call, question: Any, seconds: float) -> Answer:
    """The answer to a question, whole. Raises what `ask` raises, and what is told where there is none."""
    # What was said is kept with the answer alone; a repeated request waits for the same one.
    call.keep_answer = False
    answer = await answers.wait(await answers.ask(call, question), seconds)
    if (error := error_of(answer)) is not None:
        raise error
    return answer


class ChatServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(
        self, answers: ChatAnswers, streams: AnswerStreams, conversations: Conversations, *, wait_seconds: float
    ) -> None:
        self._answers = answers
        self._conversations = conversations
        self._server_sent = ServerSent(streams)
        self._wait_seconds = wait_seconds

    async def SendMessage(self, request: pb.SendMessageRequest, call: Call) -> pb.SendMessageResponse:
        answer = await answered(self._answers, call, question_of(request), self._wait_seconds)
        return enveloped(pb.SendMessageResponse, call, answer_message(answer))

    async def StreamMessage(self, request: pb.StreamMessageRequest, call: Call) -> AsyncIterator[HttpBody]:
        return self._server_sent.pieces(call, await self._answers.ask(call, question_of(request)))

    async def GetAnswer(self, request: pb.GetAnswerRequest, call: Call) -> pb.GetAnswerResponse:
        answer = await self._answers.get(call, request.answer_id)
        return enveloped(pb.GetAnswerResponse, call, answer_message(answer))

    async def StreamAnswer(self, request: pb.StreamAnswerRequest, call: Call) -> AsyncIterator[HttpBody]:
        answer = await self._answers.get(call, request.answer_id)
        last = last_event_id(call)
        return self._server_sent.pieces(call, answer, request.after if last is None else last)

    async def CancelAnswer(self, request: pb.CancelAnswerRequest, call: Call) -> pb.CancelAnswerResponse:
        answer = await self._answers.cancel(call, request.answer_id)
        return enveloped(pb.CancelAnswerResponse, call, answer_message(answer))

    async def ListSessions(self, request: pb.ListSessionsRequest, call: Call) -> pb.ListSessionsResponse:
        limit = request.limit or SESSIONS
        page = await self._conversations.slice(call, limit=limit, offset=request.offset)
        data = pb.ListSessionsResponse.SessionPage(
            sessions=[session_message(each) for each in page.rows],
            total=page.total,
            limit=limit,
            offset=request.offset,
        )
        return enveloped(pb.ListSessionsResponse, call, data)

    async def GetSession(self, request: pb.GetSessionRequest, call: Call) -> pb.GetSessionResponse:
        found = await self._conversations.get(call, request.session_id)
        return enveloped(pb.GetSessionResponse, call, session_message(found))

    async def GetHistory(self, request: pb.GetHistoryRequest, call: Call) -> pb.GetHistoryResponse:
        conversation = await self._conversations.get(call, request.session_id)
        turns = await self._conversations.turns(
            call, request.session_id, limit=request.limit or TURNS, before=request.before or (1 << 31) - 1
        )
        data = pb.GetHistoryResponse.History(
            session_id=conversation.name,
            turns=await all_of(turn_message(turn) for turn in turns),
            total=conversation.turns,
        )
        return enveloped(pb.GetHistoryResponse, call, data)

    async def DeleteSession(self, request: pb.DeleteSessionRequest, call: Call) -> pb.DeleteSessionResponse:
        found = await self._conversations.delete(call, request.session_id)
        data = pb.DeleteSessionResponse.DeletedSession(session_id=found.name, deleted=True)
        return enveloped(pb.DeleteSessionResponse, call, data)
