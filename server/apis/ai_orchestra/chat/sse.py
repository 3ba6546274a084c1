"""AI Orchestra: answers as server-sent events."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from google.api.httpbody_pb2 import HttpBody

from server.apikit.errors import ErrorContext
from server.apikit.projection import shown_message
from server.apikit.server_sent import CONTENT_TYPE
from server.apis.ai_orchestra.chat.shape import answer_message, error_of, shown_id
from server.apis.ai_orchestra.errors import render_error
from server.core.chat.following import AnswerStreams
from server.core.chat.rows import Piece
from server.core.shared.call_context import Call
from server.model import Answer
from server.store.transaction import in_pieces


class ServerSent:
    """Streams of answers."""

    def __init__(self, streams: AnswerStreams) -> None:
        self._streams = streams

    async def pieces(self, call: Call, answer: Answer, after: int = 0) -> AsyncIterator[HttpBody]:
        """What is told of an answer after a number, and last how it ended."""
        began = {"answer_id": shown_id(answer.id), "session_id": answer.session_name, "turn": answer.number}
        # The first piece opens the stream at once.
        yield _body(b"retry: 1000\n" + _event("answer", began))
        async for heard in self._streams.follow(answer, after):
            if heard.ended is not None:
                yield _body(_last(heard.ended, call))
            elif heard.pieces:
                # Of a long answer others are told between its parts.
                for some in in_pieces(list(heard.pieces)):
                    yield _body(b"".join(_told(number, piece) for number, piece in some))
            else:
                yield _body(b": keep-alive\n\n")


def told_of(number: int, piece: Piece) -> tuple[str, dict[str, Any]]:
    """What a piece is called over streams, and what is told of it."""
    if isinstance(piece, str):
        return "token", {"token": piece, "sequence": number}
    kind = next(iter(piece))
    return kind, {**piece, "sequence": number}


def _told(number: int, piece: Piece) -> bytes:
    kind, data = told_of(number, piece)
    return _event(kind, data, number)


def _last(answer: Answer, call: Call) -> bytes:
    error = error_of(answer)
    if error is None:
        return _event("final", shown_message(answer_message(answer)), answer.sequence or None)
    return _event("error", render_error(error, ErrorContext(call.request_id, "")).body["error"])


def _event(kind: str, data: Mapping[str, Any], number: int | None = None) -> bytes:
    said = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    numbered = f"id: {number}\n" if number is not None else ""
    return f"{numbered}event: {kind}\ndata: {said}\n\n".encode("utf-8", "replace")


def _body(data: bytes) -> HttpBody:
    return HttpBody(content_type=CONTENT_TYPE, data=data)
