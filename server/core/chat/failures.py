"""What is told of an answer that failed, or has not come in time: the error of a call that waited for it."""

from __future__ import annotations

import json
from collections.abc import Mapping

from server.core.models.budgets import BudgetExhausted
from server.core.models.port import ModelRefused, ModelTimeout
from server.errors import Details, ServiceError, Unavailable
from server.model import Answer, AnswerStatus


class AnswerFailed(Unavailable):
    """There is no whole answer; `details` has what there was of it."""

    reason = "ANSWER_FAILED"


# What is raised by what a failed answer says of itself; asking again may help with all others.
_FAILURES: Mapping[str, type[ServiceError]] = {
    ModelTimeout.reason: ModelTimeout,
    ModelRefused.reason: ModelRefused,
    BudgetExhausted.reason: BudgetExhausted,
    "InternalError": ServiceError,
}


def failure_of(answer: Answer, details: Details) -> ServiceError | None:
    """The error of whoever waited for an answer, with what there was of it; None where the answer is there."""
    if answer.is_open:
        return ModelTimeout(
            "the answer has not come in time; it goes on, and can be read and followed", details=details
        )
    if answer.status != AnswerStatus.FAILED:
        return None
    said = json.loads(answer.error or "{}")
    told: dict[str, object] = {**said.get("details", {}), **details}
    if answer.text:
        told["partial_response"] = answer.text
    kind = _FAILURES.get(said.get("type"), AnswerFailed)
    return kind(said.get("message") or "the answer has failed", reason=said.get("type"), details=told)
