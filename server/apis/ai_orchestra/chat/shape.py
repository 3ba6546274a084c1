"""AI Orchestra: answers and sessions as its document shapes them, and what is raised where there is no answer."""

from __future__ import annotations

import json
from typing import Any

from orchestrator.wire.ai_orchestra.v2.chat_pb2 import (
    AnswerMetadata,
    ChatAnswer,
    ChatSession,
    ChatTurn,
    Citation,
    ProcessingStep,
)

from server import values
from server.apikit.projection import timestamp
from server.core.chat.failures import failure_of
from server.errors import ServiceError
from server.model import Answer, AnswerStatus, Conversation

SECOND = 1_000_000


def shown_id(answer_id: str) -> str:
    """An answer's id, as callers know it."""
    return f"answer_{answer_id}"


def answer_message(answer: Answer) -> ChatAnswer:
    """An answer, ended or not."""
    return ChatAnswer(
        response=answer.text,
        session_id=answer.session_name,
        execution_mode=answer.execution_mode,
        quality_score=answer.quality_score,
        execution_time=_seconds(answer),
        metadata=AnswerMetadata(
            tokens_used=answer.input_tokens + answer.output_tokens,
            tokens_estimated=answer.tokens_estimated,
            model=answer.answered_by,
            processing_steps=[ProcessingStep(**step) for step in json.loads(answer.steps or "[]")],
            answer_id=shown_id(answer.id),
            turn=answer.number,
            stop_reason=answer.stop_reason,
            quality_by=answer.quality_by,
            fallback=answer.fallback,
            citations=[Citation(**each) for each in json.loads(answer.citations or "[]")],
            truncated=not answer.text and answer.output_tokens > 0 and answer.status == AnswerStatus.COMPLETED,
        ),
        status=answer.status,
    )


def _seconds(answer: Answer) -> float:
    if answer.completed_at is None or answer.started_at is None:
        return 0.0
    return round((answer.completed_at - answer.started_at) / SECOND, 6)


def session_message(conversation: Conversation) -> ChatSession:
    """A conversation."""
    return ChatSession(
        session_id=conversation.name,
        turns=conversation.turns,
        created_at=timestamp(conversation.created_at),
        last_active_at=timestamp(conversation.last_active_at),
        status="active" if conversation.ended_at is None else "ended",
    )


def turn_message(answer: Answer) -> ChatTurn:
    """What was asked, with its answer."""
    return ChatTurn(
        turn=answer.number,
        message=answer.message,
        user_context=values.struct_of(answer.context) if answer.context else None,
        answer=answer_message(answer),
        created_at=timestamp(answer.created_at),
    )


def error_of(answer: Answer) -> ServiceError | None:
    """What is told of an answer that failed, or has not come in time; None where it is there."""
    details: dict[str, Any] = {"answer_id": shown_id(answer.id), "status": answer.status}
    if answer.session_name:
        details["session_id"] = answer.session_name
    return failure_of(answer, details)
