"""Rows of chat: conversations and answers as their owners reach them, and what was told of an answer so far."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Integer, bindparam, func, select

from server.core.shared.call_context import Call
from server.core.shared.plain_text import as_text
from server.core.shared.resource import Resource
from server.errors import NotFound
from server.model import Answer, AnswerPieces, AnswerStatus, Conversation, Event
from server.pace import Pace
from server.store.statement import Statement
from server.store.transaction import Reader, Transaction

# A piece of an answer: some of its text, or an object that tells what began, ended or began again.
Piece = str | dict[str, Any]
# Where the pieces of each attempt begin to be counted: what somebody has seen of the one before has lower numbers,
# whether or not it was recorded.
PER_ATTEMPT = 1_000_000
PAGE = 200

_answers, _conversations, _events = Answer.table().c, Conversation.table().c, Event.table().c
LOCK_ANSWER = Statement[Answer](
    select(Answer.table()).where(_answers.id == bindparam("id")).with_for_update(key_share=True), Answer
)
READ_ANSWER = Statement[Answer](select(Answer.table()).where(_answers.id == bindparam("id")), Answer)
# How an answer stands: its status, and the number of its last piece.
STATE = Statement[Any](select(_answers.status, _answers.sequence).where(_answers.id == bindparam("id")))
# How large turns of a conversation are, the last first.
SIZES = Statement[Any](
    select(_answers.number, func.length(_answers.message) + func.length(_answers.text))
    .where(_answers.conversation_id == bindparam("conversation"), _answers.number < bindparam("before"))
    .order_by(_answers.number.desc())
    .limit(bindparam("limit", type_=Integer))
)
TURNS = Statement[Answer](
    select(Answer.table())
    .where(
        _answers.conversation_id == bindparam("conversation"),
        _answers.number >= bindparam("first"),
        _answers.number < bindparam("before"),
    )
    .order_by(_answers.number)
    .limit(200),
    Answer,
)
# The conversation of an owner by its name.
NAMED = (
    _conversations.organization_id == bindparam("organization"),
    _conversations.owner == bindparam("owner"),
    _conversations.name == bindparam("name"),
)
CONVERSATION = Statement[Conversation](select(Conversation.table()).where(*NAMED), Conversation)
LOCK_CONVERSATION = Statement[Conversation](
    select(Conversation.table()).where(*NAMED).with_for_update(key_share=True), Conversation
)
_PIECES = Statement[Any](
    select(_events.payload, _events.number)
    .where(
        _events.resource_id == bindparam("id"),
        _events.number > bindparam("number"),
        _events.type == "chat.tokens",
    )
    .order_by(_events.number)
    .limit(PAGE)
)


class Answers(Resource[Answer]):
    """Answers as their owners know them."""

    async def get(self, reader: Reader, call: Call, identifier: str) -> Answer:
        """The answer with this id, in any spelling. Raises NotFound."""
        return self.visible(call, await super().get(reader, call, identifier), identifier)

    async def lock(self, transaction: Transaction, call: Call, identifier: str, *, shared: bool = False) -> Answer:
        """The same, locked. Raises NotFound."""
        return self.visible(call, await super().lock(transaction, call, identifier, shared=shared), identifier)

    def visible(self, call: Call, answer: Answer, identifier: str) -> Answer:
        """The answer, where it exists for the caller. Raises NotFound."""
        if answer.owner != call.caller.owner:
            raise NotFound("answer", identifier)
        return answer


ANSWERS = Answers(Answer, "answer")


async def conversation_of(reader: Reader, call: Call, name: str) -> Conversation:
    """The caller's conversation of this name. Raises NotFound."""
    found = await reader.one(
        CONVERSATION, organization=call.organization_id, owner=call.caller.owner, name=name.replace("\0", "")
    )
    if found is None:
        raise NotFound("session", name)
    return found


async def pieces_of(
    reader: Reader, answer_id: str, after: int = 0, until: int | None = None, event: int = 0
) -> tuple[list[tuple[int, Piece]], int]:
    """What was recorded of an answer, each piece with its number, above `after` and below `until`.

    It is looked for in events above the number `event`; the number of the last one of those is returned beside it.
    """
    found: list[tuple[int, Piece]] = []
    pace = Pace()
    while True:
        rows: Sequence[Any] = await reader.all(_PIECES, id=answer_id, number=event)
        for payload, number in rows:
            await pace.turn()
            told = AnswerPieces.of_snapshot(payload)
            # What was deleted has none.
            for sequence, piece in enumerate(json.loads(told.pieces or "[]"), told.sequence or 0):
                if until is not None and sequence >= until:
                    # It is to be looked for again from this event on.
                    return found, event
                if sequence > after:
                    found.append((sequence, readable(piece)))
            event = number
        if len(rows) < PAGE:
            return found, event


def text_of(pieces: Sequence[tuple[int, Piece]]) -> str:
    """The text that pieces come to: that of the last attempt that had any."""
    by_attempt: dict[int, list[str]] = {}
    for sequence, piece in pieces:
        if isinstance(piece, str):
            by_attempt.setdefault(sequence // PER_ATTEMPT, []).append(piece)
    return "".join(by_attempt[max(by_attempt)]) if by_attempt else ""


def gone(answer: Answer) -> Answer:
    """An answer as it ended when it was deleted, with all that was said."""
    ended = {"status": AnswerStatus.CANCELLED.value, "stop_reason": "cancelled", "text": "", "message": ""}
    return Answer.new(**{**answer.values(), **ended})


def readable(piece: Piece) -> Piece:
    """A piece as every client and every database can read it back: models say halves of characters, and zeros."""
    if isinstance(piece, dict):
        return {name: readable(value) if isinstance(value, str) else value for name, value in piece.items()}
    return as_text(piece)
