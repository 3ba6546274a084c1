"""What is told of an answer that failed, or has not come in time: the error of a call that waited for it."""

from __future__ import annotations

import json
from collections.abc import Mapping

from server.core.chat.cancelling import Why
from server.core.models.budgets import BudgetExhausted
from server.core.models.port import ModelRefused, ModelTimeout
from server.errors import Conflict, Details, ServiceError, Unavailable
from server.model import Answer, AnswerStatus


class AnswerFailed(Unavailable):
    """There is no whole answer; `details` has what there was of it."""

    reason = "ANSWER_FAILED"


class AnswerCancelled(Conflict):
    """It was ended before anything of it was said; `details` has its stop_reason."""

    reason = "ANSWER_CANCELLED"


_CANCELLED: Mapping[str, str] = {
    Why.INTERRUPTED: "the next message of the session has taken the place of this one before there was an answer",
    Why.ABANDONED: "nobody had asked for the answer for so long that it was cancelled before it began",
}
# What is raised by what a failed answer says of itself; asking again may help with all others.
_FAILURES: Mapping[str, type[ServiceError]] = {
    ModelTimeout.reason: ModelTimeout,
    ModelRefused.reason: ModelRefused,
    BudgetExhausted.reason: BudgetExhausted,
    "InternalError": ServiceError,
}


def failure_of(answer: Answer, details: Details) -> ServiceError | None:
    """The error of whoever waited for an answer, with what there was of it; None where there is one, or some of it."""
    if answer.is_open:
        return ModelTimeout(
            "the answer has not come in time; it goes on, and can be read and followed", details=details
        )
    if answer.status == AnswerStatus.CANCELLED and not answer.text:
        why = _CANCELLED.get(answer.stop_reason, "the answer was cancelled, or its session deleted, before it began")
        return AnswerCancelled(why, details={**details, "stop_reason": answer.stop_reason})
    if answer.status != AnswerStatus.FAILED:
        return None
    said = json.loads(answer.error or "{}")
    told: dict[str, object] = {**said.get("details", {}), **details}
    if answer.text:
        told["partial_response"] = answer.text
    kind = _FAILURES.get(said.get("type"), AnswerFailed)
    return kind(said.get("message") or "the answer has failed", reason=said.get("type"), details=told)
