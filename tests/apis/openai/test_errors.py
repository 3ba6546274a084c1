"""OpenAI's errors: statuses, types and codes that its clients know."""

from __future__ import annotations

import pytest

from server.apikit.errors import ErrorContext
from server.apikit.refusals import BadRequest, MethodNotAllowed, NoSuchPath, PayloadTooLarge
from server.apis.openai.errors import ModelNotFound, RequestRefused, render_error
from server.apis.openai.shape import error_of
from server.core.models.budgets import BudgetExhausted
from server.core.models.port import ModelFailed, ModelTimeout, ModelUnavailable
from server.errors import Forbidden, InvalidRequest, ServiceError, TooMany, Unauthorized
from server.model import Answer

INVALID, SERVER = "invalid_request_error", "server_error"


@pytest.mark.parametrize(
    ("error", "status", "type", "param", "code"),
    [
        (Unauthorized("no"), 401, INVALID, None, "invalid_api_key"),
        (Forbidden("no"), 403, INVALID, None, "insufficient_permissions"),
        (InvalidRequest("n", "must be 1"), 400, INVALID, "n", None),
        (ModelNotFound("gpt-9"), 404, INVALID, "model", "model_not_found"),
        (TooMany("slow down"), 429, "requests", None, "rate_limit_exceeded"),
        (BudgetExhausted("spent"), 429, "insufficient_quota", None, "insufficient_quota"),
        (RequestRefused("too long"), 400, INVALID, None, "model_refused"),
        (ModelUnavailable("away"), 503, SERVER, None, "model_unavailable"),
        (ModelFailed("broken"), 503, SERVER, None, "model_failed"),
        (ModelTimeout("late"), 504, SERVER, None, "timeout"),
        (ServiceError("a bug"), 500, SERVER, None, "internal_error"),
        (BadRequest("@field", "@issue"), 400, INVALID, "@field", None),
        (NoSuchPath("no such path"), 404, INVALID, None, "not_found"),
        (MethodNotAllowed("no"), 400, INVALID, None, "method_not_allowed"),
        (PayloadTooLarge(2 << 20), 400, INVALID, None, "payload_too_large"),
    ],
)
def test_an_error_reads_as_openais(error: ServiceError, status: int, type: str, param: str | None, code: str | None) -> None:
    rendered = render_error(error, ErrorContext("id", "time"))
    assert rendered.http_status == status
    assert rendered.body == {"error": {"message": error.message, "type": type, "param": param, "code": code}}


@pytest.mark.parametrize(
    ("reason", "status", "code"),
    [
        ("MODEL_REFUSED", 400, "model_refused"),
        ("MODEL_UNAVAILABLE", 503, "model_unavailable"),
        ("TIMEOUT", 504, "timeout"),
        ("BUDGET_EXHAUSTED", 429, "insufficient_quota"),
        ("InternalError", 500, "internal_error"),
        ("Interrupted", 503, "interrupted"),
    ],
)
def test_an_answer_that_failed_is_told_by_its_cause(reason: str, status: int, code: str) -> None:
    answer = Answer.new(id="a", status="failed", error=f'{{"type": "{reason}", "message": "why"}}')
    rendered = render_error(error_of(answer), ErrorContext("id", "time"))
    assert (rendered.http_status, rendered.body["error"]["code"]) == (status, code)
    assert rendered.body["error"]["message"] == "why"
