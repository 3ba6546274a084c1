"""OpenAI: chat completions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing

from google.api.httpbody_pb2 import HttpBody

from server.apikit.held_back import HeldBack
from server.apis.openai.agents import AGENT, AgentModels
from server.apis.openai.choice import Choice, chosen
from server.apis.openai.requests import Asked, asked_of
from server.apis.openai.shape import DONE, Chunks, completion, error_of
from server.core.chat.answers import ChatAnswers
from server.core.chat.following import AnswerStreams, Heard
from server.core.chat.rows import Piece
from server.core.models.port import Models
from server.core.shared.call_context import Call
from server.errors import Unavailable
from server.model import Answer

JSON, EVENTS = "application/json", "text/event-stream"


class ChatCompletionServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(self, answers: ChatAnswers, streams: AnswerStreams, models: Models, agents: AgentModels) -> None:
        self._agents = agents
        self._answers = answers
        self._streams = streams
        self._models = models

    async def CreateChatCompletion(self, request: HttpBody, call: Call) -> AsyncIterator[HttpBody]:
        asked = await asked_of(request.data)
        if asked.model.startswith(AGENT):
            return HeldBack(self._of_agent(call, asked))
        choice = chosen(asked, self._models)
        return HeldBack(self._streamed(call, asked, choice) if asked.stream else self._whole(call, choice))

    async def _whole(self, call: Call, choice: Choice) -> AsyncGenerator[HttpBody, None]:
        async with aclosing(self._heard(call, choice)) as heard:
            async for _, each in heard:
                if each.ended is not None:
                    _check(each.ended)
                    yield HttpBody(content_type=JSON, data=completion(each.ended, choice.name))

    async def _streamed(self, call: Call, asked: Asked, choice: Choice) -> AsyncGenerator[HttpBody, None]:
        chunks: Chunks | None = None
        async with aclosing(self._heard(call, choice)) as heard:
            async for answer, each in heard:
                texts, told = _texts(each.pieces, begun=chunks is not None), ""
                if each.ended is not None:
                    _check(each.ended)
                if chunks is None:
                    if not texts and each.ended is None:
                        continue
                    chunks = Chunks(answer, choice.name, include_usage=asked.include_usage)
                    told = chunks.first()
                told += "".join(map(chunks.text, texts))
                if each.ended is not None:
                    yield _event(told + chunks.last(each.ended) + DONE)
                elif told or not each.pieces:
                    yield _event(told or ": keep-alive\n\n")

    async def _of_agent(self, call: Call, asked: Asked) -> AsyncGenerator[HttpBody, None]:
        """The answer of an agent, which comes whole: what it says between calls of its tools is none."""
        chunks: Chunks | None = None
        async with aclosing(self._agents.answer(call, asked)) as answers:
            async for answer in answers:
                if not answer.is_open:
                    _check(answer)
                    if not asked.stream:
                        yield HttpBody(content_type=JSON, data=completion(answer, asked.model))
                        return
                if asked.stream:
                    told = ": keep-alive\n\n"
                    if chunks is None:
                        chunks = Chunks(answer, asked.model, include_usage=asked.include_usage)
                        told = chunks.first()
                    yield _event(told)
                    if not answer.is_open:
                        yield _event(chunks.text(answer.text) + chunks.last(answer) + DONE)

    async def _heard(self, call: Call, choice: Choice) -> AsyncGenerator[tuple[Answer, Heard], None]:
        """What is told of the answer, which is cancelled where nobody hears it to its end."""
        asking = asyncio.ensure_future(self._answers.ask(call, choice.question, prompt=choice.prompt))
        ended = False
        try:
            answer = await asyncio.shield(asking)
            async for each in self._streams.follow(answer, to_its_end=True):
                ended = each.ended is not None
                yield answer, each
        finally:
            if not ended:
                self._answers.abandon(call, asking)


def _texts(pieces: Sequence[tuple[int, Piece]], *, begun: bool) -> list[str]:
    """The text in pieces. Raises Unavailable where what was sent before counts no more."""
    texts: list[str] = []
    for _, piece in pieces:
        if isinstance(piece, str):
            texts.append(piece)
        elif "restarted" in piece:
            if begun:
                raise Unavailable("whoever gave this answer died, and what was sent of it counts no more")
            texts.clear()
    return texts


def _check(answer: Answer) -> None:
    """Raises what is told where there is no answer."""
    if (error := error_of(answer)) is not None:
        raise error


def _event(text: str) -> HttpBody:
    return HttpBody(content_type=EVENTS, data=text.encode())
