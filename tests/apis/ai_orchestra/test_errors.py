"""The AI Orchestra API's errors: the codes and statuses of its document, in its envelope."""

from __future__ import annotations

import pytest

from server.apikit.api import Api
from server.apikit.declaration import Limits
from server.apikit.refusals import AnswerTimeout, BadRequest, MethodNotAllowed, PayloadTooLarge, RequestTimeout
from server.apis.ai_orchestra.declaration import DECLARATION
from server.errors import (
    Conflict,
    Forbidden,
    InvalidRequest,
    NotFound,
    SandboxUnavailable,
    ServiceError,
    TooMany,
    Unauthorized,
    Unavailable,
    VersionMismatch,
)


class TooLong(ServiceError):
    kind = "timeout"
    reason = "TIMEOUT"


WRONG = InvalidRequest(
    "message",
    "Required field missing",
    details={
        "violations": [{"field": "message", "issue": "Required field missing"}, {"field": "top_p", "issue": "too large"}]
    },
)


@pytest.mark.parametrize(
    ("error", "status", "code", "details"),
    [
        # As the document's example has it.
        (
            InvalidRequest("message", "Required field missing"),
            400,
            "VALIDATION_ERROR",
            {"field": "message", "reason": "Required field missing"},
        ),
        (
            WRONG,
            400,
            "VALIDATION_ERROR",
            {
                "field": "message",
                "reason": "Required field missing",
                "violations": [
                    {"field": "message", "reason": "Required field missing"},
                    {"field": "top_p", "reason": "too large"},
                ],
            },
        ),
        (
            InvalidRequest("events", "unknown: x", details={"known": ["chat.completed"]}),
            400,
            "VALIDATION_ERROR",
            {"field": "events", "reason": "unknown: x", "known": ["chat.completed"]},
        ),
        (BadRequest("body", "no JSON"), 400, "VALIDATION_ERROR", {"field": "body", "reason": "no JSON"}),
        (Unauthorized("no"), 401, "AUTHENTICATION_ERROR", {"reason": "UNAUTHORIZED"}),
        (TooMany("no", details={"limit": 1}), 429, "RATE_LIMIT_ERROR", {"limit": 1, "reason": "RATE_LIMITED"}),
        (ServiceError("no"), 500, "INTERNAL_ERROR", {}),
        (Unavailable("no"), 503, "SERVICE_UNAVAILABLE", {}),
        (SandboxUnavailable("no"), 503, "SERVICE_UNAVAILABLE", {"reason": "SANDBOX_UNAVAILABLE"}),
        (TooLong("no"), 504, "TIMEOUT_ERROR", {"reason": "TIMEOUT"}),
        (AnswerTimeout("no"), 504, "TIMEOUT_ERROR", {}),
        # What the document has no word for keeps its own.
        (Forbidden("no", details={"scope": "x"}), 403, "FORBIDDEN", {"scope": "x"}),
        (NotFound("webhook", "webhook_1"), 404, "NOT_FOUND", {"resource": "webhook", "id": "webhook_1"}),
        (Conflict("no"), 409, "CONFLICT", {}),
        (VersionMismatch([1], 2), 412, "VERSION_MISMATCH", {"given": 1, "current": 2}),
        (MethodNotAllowed("no"), 405, "METHOD_NOT_ALLOWED", {}),
        (RequestTimeout("no"), 408, "REQUEST_TIMEOUT", {}),
        (PayloadTooLarge(1 << 20), 413, "PAYLOAD_TOO_LARGE", {"limit_bytes": 1 << 20}),
    ],
    ids=lambda each: each if isinstance(each, str) else None,
)
def test_an_error_is_said_as_documented(error: ServiceError, status: int, code: str, details: dict) -> None:
    rendered = Api(DECLARATION, [], Limits()).render(error, "r-1")
    assert rendered.http_status == status
    body, metadata = rendered.body["error"], rendered.body["metadata"]
    assert (rendered.body["success"], rendered.body["data"]) == (False, None)
    assert (body["code"], body["details"]) == (code, details) and body["message"]
    assert code != "VALIDATION_ERROR" or body["message"] == "Invalid request parameters"
    assert metadata["request_id"] == "r-1" and metadata["version"] == "v2" and metadata["timestamp"].endswith("Z")
