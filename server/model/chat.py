"""Chat: conversations, and what was asked and answered in them."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from sqlalchemy import BigInteger, Column, Float, Index, LargeBinary, Text, text
from sqlmodel import Field

from server.model.record import Record, finish


class AnswerStatus(StrEnum):
    """Where an answer stands: QUEUED behind others of its conversation, RUNNING, then one of three ends."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


# Of one that may still get longer.
OPEN_STATUSES = frozenset({AnswerStatus.QUEUED.value, AnswerStatus.RUNNING.value})
# What the partial indexes below hold; see `server.model.tasks`.
_OPEN = "{t}status IN ('queued', 'running')"
_AWAITED = "{t}awaited_as <> ''"
_ALONE = "{t}conversation_id IS NULL"
_IDLE = "{t}ended_at IS NULL"


def _index(name: str, *columns: str, where: str) -> Index:
    condition = text(where.format(t=""))
    return Index(name, *columns, postgresql_where=condition, sqlite_where=condition)


class Conversation(Record):
    """What one person, or one program, talks of under one name. Whoever adds to it locks the row."""

    __tablename__ = "conversations"
    __table_args__ = (
        Index("conversations_by_name", "organization_id", "owner", "name", unique=True),
        Index("conversations_by_owner", "owner", "id"),
        _index("conversations_idle", "last_active_at", where=_IDLE),
    )

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    # `Caller.owner`: to anybody else it does not exist.
    owner: str
    # The session_id, as its owner says it.
    name: str
    # How many questions have been asked in it.
    turns: int = 0
    # What was said up to the turn `summary_turns`, in short; empty where nothing has been left out of prompts yet.
    summary: str = Field(default="", sa_column=Column(Text, nullable=False))
    summary_turns: int = 0
    # When its end was told of, because nobody had said anything for long; null while it goes on.
    ended_at: int | None = Field(default=None, sa_type=BigInteger)
    last_active_at: int = Field(sa_type=BigInteger)
    version: int = 1
    created_at: int = Field(sa_type=BigInteger)
    updated_at: int = Field(sa_type=BigInteger)


class Answer(Record):
    """One question and what became of it. Its id is that of the task that answers."""

    __tablename__ = "answers"
    __table_args__ = (
        Index("answers_by_conversation", "conversation_id", "number", unique=True),
        _index("answers_open", "conversation_id", "number", where=_OPEN),
        _index("answers_asked", "asked_at", where=_OPEN),
        _index("answers_alone", "created_at", where=_ALONE),
        _index("answers_awaited", "conversation_id", "number", where=_AWAITED),
    )

    bulky: ClassVar[frozenset[str]] = frozenset({"message", "text", "prompt", "context", "steps", "error"})
    unrecorded: ClassVar[frozenset[str]] = frozenset({"prompt", "traceparent", "awaited_as", "asked_at"})

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    owner: str
    # The credential it was asked with: what it costs is counted there, too.
    key_id: str = ""
    # Null where the question stands for itself, as those of OpenAI's clients do.
    conversation_id: str | None = None
    # What its conversation is called, and its place there, from 1.
    session_name: str = ""
    number: int = 0
    message: str = Field(default="", sa_column=Column(Text, nullable=False))
    # What its asker says about himself, an object.
    context: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    # A whole prompt, an object: messages, tools and how to answer; where somebody brings one.
    prompt: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    # What was asked for: lite, balanced or quality; the name of a swarm; a model; whether to recall.
    mode: str = "balanced"
    swarm: str = ""
    model: str = ""
    use_memory: bool = False
    # Whether it may search the knowledge base, as its asker may.
    reads_knowledge: bool = False
    # The most tokens that the answer may have; the setting's figure where it is null.
    max_tokens: int | None = None
    status: str = AnswerStatus.QUEUED.value
    # The answer, or as much of it as there was in the end.
    text: str = Field(default="", sa_column=Column(Text, nullable=False))
    # Which attempt began it last, and how many pieces of it have been told of.
    attempt: int = 0
    sequence: int = 0
    # JSON: type and message.
    error: str | None = Field(default=None, sa_column=Column(Text))
    # stop, length, tool_calls, content_filter, error, or why it was cancelled: cancelled, interrupted or abandoned. One
    # of these is there already where it is still given, and has been asked to end.
    stop_reason: str = ""
    # How it was answered in the end: a mode or a swarm; and why that is not what was asked for.
    execution_mode: str = ""
    fallback: str = ""
    answered_by: str = ""
    quality_score: float | None = Field(default=None, sa_type=Float)
    # What found that score: `judge`, or `heuristic`.
    quality_by: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    tokens_estimated: bool = False
    # JSON arrays: what was done, each with its milliseconds; what it was found in.
    steps: str = Field(default="[]", sa_column=Column(Text, nullable=False))
    citations: str = Field(default="[]", sa_column=Column(Text, nullable=False))
    # What the model wants called, a JSON array.
    tool_calls: str = Field(default="[]", sa_column=Column(Text, nullable=False))
    # As what a socket is to be told of it, where it has not been told yet: chat or stream.
    awaited_as: str = ""
    # When somebody was last seen to ask for it, give or take a few seconds.
    asked_at: int = Field(default=0, sa_type=BigInteger)
    # W3C trace context of the request.
    traceparent: str = ""
    version: int = 1
    created_at: int = Field(sa_type=BigInteger)
    updated_at: int = Field(sa_type=BigInteger)
    started_at: int | None = Field(default=None, sa_type=BigInteger)
    completed_at: int | None = Field(default=None, sa_type=BigInteger)

    @property
    def is_open(self) -> bool:
        """Whether it may still get longer."""
        return self.status in OPEN_STATUSES


class AnswerPieces(Record):
    """Some of an answer's text as an event keeps it: the pieces from `sequence` on, each a text or a word about it."""

    id: str
    organization_id: str
    owner: str
    sequence: int
    # A JSON array of texts, or of objects: what began, or began again.
    pieces: str


finish(Conversation, Answer)
AnswerPieces.columns = ("id", "organization_id", "owner", "sequence", "pieces")
AnswerPieces.defaults = dict.fromkeys(AnswerPieces.columns)
OPEN_ANSWER, AWAITED, ALONE, GOING_ON = (
    text(words.format(t=f"{table}."))
    for words, table in ((_OPEN, "answers"), (_AWAITED, "answers"), (_ALONE, "answers"), (_IDLE, "conversations"))
)
