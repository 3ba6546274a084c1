"""AI Orchestra: chat as its first version has it, with what says that it is deprecated."""

from __future__ import annotations

from orchestrator.wire.ai_orchestra.v1 import chat_service_pb2 as pb

from server.apis.ai_orchestra.chat.requests import question_of
from server.apis.ai_orchestra.chat.servicer import answered
from server.apis.ai_orchestra.chat.shape import answer_message
from server.apis.ai_orchestra.envelope import answer as enveloped
from server.apis.ai_orchestra.envelope import metadata
from server.core.chat.answers import ChatAnswers
from server.core.shared.call_context import Call

# RFC 9745 has seconds since 1970, and RFC 8594 a date: 1 January 2026, and the last day of 2027.
DEPRECATED = (
    ("deprecation", "@1767225600"),
    ("sunset", "Fri, 31 Dec 2027 23:59:59 GMT"),
    ("link", '</chat/v2/chat>; rel="successor-version"'),
)
EITHER = "/chat/chat"


class FirstChatServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(self, answers: ChatAnswers, *, wait_seconds: float) -> None:
        self._answers = answers
        self._wait_seconds = wait_seconds

    async def Chat(self, request: pb.ChatRequest, call: Call) -> pb.ChatResponse:
        first = _is_first(request, call)
        if first:
            call.response_headers = (*call.response_headers, *DEPRECATED)
        question = question_of(request, request.text or request.message)
        answer = await answered(self._answers, call, question, self._wait_seconds)
        made = enveloped(pb.ChatResponse, call, answer_message(answer))
        if first:
            made.metadata.CopyFrom(metadata(call, "v1"))
        return made


def _is_first(request: pb.ChatRequest, call: Call) -> bool:
    """Whether a request is of the first version: by its path, or by the words of its body."""
    if call.path.partition("?")[0] != EITHER:
        return True
    return bool(request.text) or "sessionId" in call.headers.get("x-body-fields", "").split(",")
