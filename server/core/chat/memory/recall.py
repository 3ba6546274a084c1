"""Recall: what was said before in a conversation, and what the knowledge base says, as far as a question needs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, func, select

from server.core.chat.memory.words import asked_words, words_of
from server.core.chat.rows import SIZES
from server.core.chat.rows import TURNS as TURNS_OF
from server.core.knowledge.query import MAX_CHARACTERS
from server.core.knowledge.search import KnowledgeSearch
from server.core.shared.call_context import READ_KNOWLEDGE, Call, Caller
from server.core.shared.pagination import first_within
from server.errors import InvalidRequest
from server.model import Answer, Conversation
from server.store.database import Database
from server.store.statement import Statement

# How many turns go along with a question, how many characters they may have together, and how many before those are
# looked through for what has a bearing on it.
TURNS, CHARACTERS = 40, 32_000
LOOKED_THROUGH = 150
PASSAGES, RECALLED_TURNS = 6, 4
RECALLED_CHARACTERS, LOOKED_AT = 500, 1000

_answers = Answer.table().c
# Turns that do not go along: how each begins.
_EARLIER = Statement[Answer](
    select(
        *(
            func.substr(column, 1, LOOKED_AT).label(column.name) if column.name in ("message", "text") else column
            for column in Answer.table().c
        )
    )
    .where(
        _answers.conversation_id == bindparam("conversation"),
        _answers.number < bindparam("before"),
        _answers.number >= bindparam("first"),
    )
    .order_by(_answers.number)
    .limit(LOOKED_THROUGH),
    Answer,
)
_conversations = Conversation.table().c
_SUMMARY = Statement[Any](
    select(_conversations.summary, _conversations.summary_turns).where(_conversations.id == bindparam("conversation"))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A passage of a document, or of this conversation, that has a bearing on a question."""

    text: str
    # Of a passage of a document: what that is called, where it stands, and how to check it.
    title: str = ""
    document_id: str = ""
    heading: str = ""
    page: int = 0
    digest: str = ""
    revision: int = 0
    # Of something that was said: the turn, and who said it.
    turn: int = 0
    role: str = ""

    def citation(self, number: int) -> dict[str, Any]:
        """What is told of it beside an answer that names it as `[number]`."""
        if self.turn:
            return {"number": number, "turn": self.turn, "role": self.role, "text": self.text}
        return {
            "number": number,
            "document_id": f"document_{self.document_id}",
            "title": self.title,
            "heading": self.heading,
            "page": self.page,
            "chunk_sha256": self.digest,
            "content_version": self.revision,
            "text": self.text,
        }


@dataclass(frozen=True, slots=True)
class Recalled:
    """What goes along with a question: earlier turns in order, those further back, and passages that bear on it."""

    turns: Sequence[Answer]
    earlier: Sequence[Answer]
    passages: Sequence[Passage]
    # What was said up to the turn `summary_turns`, in short.
    summary: str = ""
    summary_turns: int = 0


class Recall:
    """Reads what a question needs; nothing that its asker may not see."""

    def __init__(self, database: Database, knowledge: KnowledgeSearch) -> None:
        self._database = database
        self._knowledge = knowledge

    async def of(self, answer: Answer, *, passages: bool) -> Recalled:
        """What goes along with the question of an answer; of documents where `passages` are wanted."""
        turns: Sequence[Answer] = ()
        earlier: Sequence[Answer] = ()
        summary, reach = "", 0
        if answer.conversation_id is not None and answer.number > 1:
            key = {"conversation": answer.conversation_id}
            row = await self._database.one(_SUMMARY, **key)
            summary, reach = row if row is not None else ("", 0)
            sizes = await self._database.all(SIZES, **key, before=answer.number, limit=LOOKED_THROUGH)
            whole = first_within(CHARACTERS, [row for row in sizes[:TURNS] if row[0] > reach], lambda row: row[1])
            first = whole[-1][0] if whole else answer.number
            found = await self._database.all(TURNS_OF, **key, first=first, before=answer.number)
            # What was cancelled before anything was said, or failed so, was never part of what was said.
            turns = [turn for turn in found if turn.text and not turn.is_open]
            if passages and sizes and sizes[-1][0] < first:
                earlier = await self._database.all(_EARLIER, **key, first=sizes[-1][0], before=first)
        found_passages: list[Passage] = []
        if passages:
            found_passages = [*await self.passages(answer, answer.message), *_bearing(answer.message, earlier)]
        return Recalled(turns, earlier, found_passages, summary, reach)

    async def passages(self, answer: Answer, question: str) -> Sequence[Passage]:
        """Passages of documents that answer a question, best first; none where its asker may not read them."""
        if not answer.reads_knowledge:
            return ()
        caller = Caller(answer.organization_id, "", "", frozenset({READ_KNOWLEDGE}))
        call = Call(caller, request_id=f"answer_{answer.id}")
        try:
            hits, _ = await self._knowledge.search(call, question[:MAX_CHARACTERS], limit=PASSAGES)
        except InvalidRequest:
            # It has no word to look for.
            return ()
        return [
            Passage(
                text=hit.text,
                title=hit.title,
                document_id=hit.document_id,
                heading=hit.heading,
                page=hit.page,
                digest=hit.digest,
                revision=hit.revision,
            )
            for hit in hits
        ]


def _bearing(question: str, earlier: Sequence[Answer]) -> list[Passage]:
    """Earlier turns that have most of a question's words."""
    wanted = asked_words(question)
    found = [(len(words_of(turn.message[:RECALLED_CHARACTERS]) & wanted), turn) for turn in earlier]
    best = sorted((each for each in found if each[0]), key=lambda each: (-each[0], -each[1].number))
    return [
        Passage(text=turn.message[:RECALLED_CHARACTERS], turn=turn.number, role="user")
        for _, turn in best[:RECALLED_TURNS]
    ]
