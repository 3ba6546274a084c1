"""The native API's conversations and answers, and what is told of an answer while it is given."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf.duration_pb2 import Duration
from orchestrator.wire.v1.chat_pb2 import Answer as AnswerMessage
from orchestrator.wire.v1.chat_pb2 import AnswerEvent, AnswerMode
from orchestrator.wire.v1.chat_pb2 import AnswerPieces as PiecesMessage
from orchestrator.wire.v1.chat_pb2 import Conversation as ConversationMessage

from server import values
from server.apikit.projection import timestamp
from server.core.chat.rows import Piece
from server.model import Answer, AnswerPieces, Conversation


def _numbers(prefix: str, items: Sequence[tuple[str, Any]]) -> Mapping[str, Any]:
    return {name.removeprefix(prefix).lower(): number for name, number in items if number}


_STATES = _numbers("STATE_", AnswerMessage.State.items())
_STOPS = _numbers("STOP_REASON_", AnswerMessage.StopReason.items())
_SOURCES = _numbers("QUALITY_SOURCE_", AnswerMessage.QualitySource.items())
_STEPS = _numbers("STATE_", AnswerEvent.Step.State.items())
_MODES = _numbers("ANSWER_MODE_", AnswerMode.items())
# The words of enum numbers.
MODES = {number: word for word, number in _MODES.items()}


def shown_id(answer_id: str) -> str:
    """An answer's id, as callers know it."""
    return f"answer_{answer_id}"


def conversation_message(conversation: Conversation) -> ConversationMessage:
    """A conversation; one that has been deleted has nothing but times, in events from before that."""
    ended = conversation.ended_at is not None
    return ConversationMessage(
        id=conversation.name or "",
        turn_count=conversation.turns,
        state=ConversationMessage.STATE_ENDED if ended else ConversationMessage.STATE_ACTIVE,
        create_time=_time(conversation.created_at),
        last_active_time=_time(conversation.last_active_at),
    )


def answer_message(answer: Answer) -> AnswerMessage:
    """An answer, ended or not, also as an event has kept it."""
    failure = json.loads(answer.error) if answer.error else None
    return AnswerMessage(
        id=shown_id(answer.id),
        conversation_id=answer.session_name,
        turn=answer.number,
        message=answer.message,
        user_context=values.struct_of(answer.context) if answer.context else None,
        state=_STATES[answer.status],
        text=answer.text,
        failure=AnswerMessage.Failure(reason=failure["type"], message=failure["message"]) if failure else None,
        stop_reason=_STOPS.get(answer.stop_reason, 0),
        mode=_MODES.get(answer.mode, 0),
        swarm=answer.swarm,
        execution_mode=answer.execution_mode,
        fallback=answer.fallback,
        model=answer.answered_by,
        quality_score=answer.quality_score,
        quality_source=_SOURCES.get(answer.quality_by, 0),
        input_tokens=answer.input_tokens,
        output_tokens=answer.output_tokens,
        tokens_estimated=answer.tokens_estimated,
        steps=map(_step, json.loads(answer.steps or "[]")),
        citations=[AnswerMessage.Citation(**each) for each in json.loads(answer.citations or "[]")],
        last_sequence=answer.sequence,
        create_time=_time(answer.created_at),
        start_time=_time(answer.started_at),
        end_time=_time(answer.completed_at),
    )


def event_of(number: int, piece: Piece) -> AnswerEvent:
    """A piece of an answer, with its number."""
    event = AnswerEvent(sequence=number)
    if isinstance(piece, str):
        event.token.text = piece
    elif "step" in piece:
        event.step.name, event.step.state = piece["step"], _STEPS.get(piece["state"], 0)
        event.step.text = piece.get("text", "")
        if "duration_ms" in piece:
            event.step.duration.CopyFrom(_duration(piece["duration_ms"]))
    elif "restarted" in piece:
        event.restarted.attempt = piece["restarted"]
    elif "fallback" in piece:
        event.fallback.execution_mode, event.fallback.reason = piece["fallback"], piece.get("reason", "")
    return event


def pieces_message(told: AnswerPieces) -> PiecesMessage:
    """What an event keeps of an answer's pieces; none where what was said has been deleted."""
    pieces = enumerate(json.loads(told.pieces), told.sequence) if told.pieces else ()
    return PiecesMessage(answer_id=shown_id(told.id), pieces=[event_of(number, piece) for number, piece in pieces])


def _step(step: Mapping[str, Any]) -> AnswerMessage.Step:
    return AnswerMessage.Step(
        name=step["name"], model=step["model"], duration=_duration(step["duration_ms"]), tokens=step["tokens"]
    )


def _time(microseconds: int | None) -> Any:
    return timestamp(microseconds) if microseconds is not None else None


def _duration(milliseconds: float) -> Duration:
    duration = Duration()
    duration.FromMicroseconds(round(milliseconds * 1000))
    return duration
