"""orchestrator.v1.ChatService."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from orchestrator.wire.v1 import chat_service_pb2 as pb
from orchestrator.wire.v1.chat_pb2 import AnswerEvent

from server import values
from server.apis.native.chat.resources import MODES, answer_message, conversation_message, event_of, shown_id
from server.apis.native.requests import once
from server.core.chat.answers import ChatAnswers
from server.core.chat.conversations import Conversations
from server.core.chat.failures import failure_of
from server.core.chat.following import AnswerStreams
from server.core.chat.questions import OnConflict, Question
from server.core.shared.call_context import Call
from server.core.shared.pagination import MAX_PAGE_BYTES, first_within
from server.errors import InvalidRequest
from server.model import Answer
from server.pace import all_of

CONVERSATIONS, TURNS, LARGEST_PAGE = 20, 50, 100
# Above every turn that there can be.
NEWEST = (1 << 31) - 1
_ON_CONFLICT = {
    pb.ChatMessage.ON_CONFLICT_UNSPECIFIED: "",
    pb.ChatMessage.ON_CONFLICT_ENQUEUE: OnConflict.ENQUEUE.value,
    pb.ChatMessage.ON_CONFLICT_REJECT: OnConflict.REJECT.value,
    pb.ChatMessage.ON_CONFLICT_INTERRUPT: OnConflict.INTERRUPT.value,
}


class ChatServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(
        self, answers: ChatAnswers, streams: AnswerStreams, conversations: Conversations, *, wait_seconds: float
    ) -> None:
        self._answers = answers
        self._streams = streams
        self._conversations = conversations
        self._wait_seconds = wait_seconds

    async def SendMessage(self, request: pb.SendMessageRequest, call: Call) -> pb.SendMessageResponse:
        once(request, call)
        asked = await self._answers.ask(call, _question(request.message))
        answer = await self._answers.wait(asked, self._wait_seconds)
        details = {"answer_id": shown_id(answer.id), "conversation_id": answer.session_name, "state": answer.status}
        if (error := failure_of(answer, details)) is not None:
            raise error
        return pb.SendMessageResponse(answer=answer_message(answer))

    async def StreamMessage(
        self, request: pb.StreamMessageRequest, call: Call
    ) -> AsyncIterator[pb.StreamMessageResponse]:
        once(request, call)
        answer = await self._answers.ask(call, _question(request.message))
        return self._asked(answer)

    async def _asked(self, answer: Answer) -> AsyncIterator[pb.StreamMessageResponse]:
        async with aclosing(self._events(answer, 0)) as events:
            async for event in events:
                yield pb.StreamMessageResponse(event=event)

    async def WatchAnswer(self, request: pb.WatchAnswerRequest, call: Call) -> AsyncIterator[pb.WatchAnswerResponse]:
        return self._watched(await self._answers.get(call, request.answer_id), request.after)

    async def _watched(self, answer: Answer, after: int) -> AsyncIterator[pb.WatchAnswerResponse]:
        async with aclosing(self._events(answer, after)) as events:
            async for event in events:
                yield pb.WatchAnswerResponse(event=event)

    async def _events(self, answer: Answer, after: int) -> AsyncGenerator[AnswerEvent]:
        """What is told of an answer after a number, and last how it ended."""
        # The first event opens the stream at once.
        yield AnswerEvent(started=AnswerEvent.Started(answer=answer_message(answer)))
        async with aclosing(self._streams.follow(answer, after)) as told:
            async for heard in told:
                for number, piece in heard.pieces:
                    yield event_of(number, piece)
                if heard.ended is not None:
                    yield AnswerEvent(ended=answer_message(heard.ended))
                elif not heard.pieces:
                    yield AnswerEvent(heartbeat=AnswerEvent.Heartbeat())

    async def GetAnswer(self, request: pb.GetAnswerRequest, call: Call) -> pb.GetAnswerResponse:
        return pb.GetAnswerResponse(answer=answer_message(await self._answers.get(call, request.id)))

    async def CancelAnswer(self, request: pb.CancelAnswerRequest, call: Call) -> pb.CancelAnswerResponse:
        once(request, call)
        return pb.CancelAnswerResponse(answer=answer_message(await self._answers.cancel(call, request.id)))

    async def ListConversations(self, request: pb.ListConversationsRequest, call: Call) -> pb.ListConversationsResponse:
        size = min(request.page_size or CONVERSATIONS, LARGEST_PAGE)
        page = await self._conversations.page(call, size=size, token=request.page_token)
        return pb.ListConversationsResponse(
            conversations=map(conversation_message, page.rows), next_page_token=page.next_token
        )

    async def GetConversation(self, request: pb.GetConversationRequest, call: Call) -> pb.GetConversationResponse:
        found = await self._conversations.get(call, request.id)
        return pb.GetConversationResponse(conversation=conversation_message(found))

    async def ListTurns(self, request: pb.ListTurnsRequest, call: Call) -> pb.ListTurnsResponse:
        size = min(request.page_size or TURNS, LARGEST_PAGE)
        before = _before(request.page_token)
        newest = (await self._conversations.turns(call, request.conversation_id, limit=size, before=before))[::-1]
        shown = first_within(MAX_PAGE_BYTES, newest, _size)
        return pb.ListTurnsResponse(
            turns=await all_of(answer_message(turn) for turn in shown),
            next_page_token=str(shown[-1].number) if shown and shown[-1].number > 1 else "",
        )

    async def DeleteConversation(
        self, request: pb.DeleteConversationRequest, call: Call
    ) -> pb.DeleteConversationResponse:
        once(request, call)
        await self._conversations.delete(call, request.id)
        return pb.DeleteConversationResponse()


def _question(message: pb.ChatMessage) -> Question:
    return Question(
        message=message.text,
        session_id=message.conversation_id,
        user_context=values.of_struct(message.user_context) if message.HasField("user_context") else None,
        optimization_mode=MODES.get(message.mode, ""),
        swarm_type=message.swarm,
        model=message.model,
        use_memory=message.use_memory,
        on_conflict=_ON_CONFLICT[message.on_conflict],
        max_tokens=message.max_tokens if message.HasField("max_tokens") else None,
    )


def _before(token: str) -> int:
    if token and not (token.isascii() and token.isdigit() and 0 < int(token) < NEWEST):
        raise InvalidRequest("page_token", "is not a token of this list")
    return int(token or NEWEST)


def _size(turn: Answer) -> int:
    """About how many bytes a turn takes: most texts have a byte a character, and none has over four."""
    return (
        len(turn.message.encode("utf-8", "replace")) + len(turn.text.encode("utf-8", "replace")) + len(turn.citations)
    )
