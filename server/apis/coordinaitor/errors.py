"""CoordinAItor: `{success: false, error: {code, message, details}, meta}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from server.apikit.errors import HTTP_STATUS, ErrorContext, Rendered
from server.apikit.refusals import Refusal
from server.errors import InvalidRequest, ServiceError, TooMany

# The document's words; what it has no word for keeps its own.
CODES: Mapping[str, str] = {
    "invalid": "VALIDATION_ERROR",
    "unauthenticated": "AUTHENTICATION_ERROR",
    "forbidden": "AUTHORIZATION_ERROR",
    "not_found": "NOT_FOUND",
    "conflict": "CONFLICT_ERROR",
    "precondition": "CONFLICT_ERROR",
    "exhausted": "RATE_LIMIT_ERROR",
    "unavailable": "SERVICE_UNAVAILABLE",
}
# A change that is based on another version is a conflict, and a request that can be read and is wrong is no bad one.
STATUSES: Mapping[str, int] = {**HTTP_STATUS, "invalid": 422, "precondition": 409}


def render_error(error: ServiceError, context: ErrorContext) -> Rendered:
    """As the document says: a code, a message, and details; of a wrong request what is wrong, field by field."""
    refused = isinstance(error, Refusal)
    known = CODES.get(error.kind, error.reason)
    body: dict[str, Any] = {
        "code": error.reason if refused and error.kind == "invalid" and error.reason != "INVALID_REQUEST" else known,
        "message": error.message,
    }
    if isinstance(error, InvalidRequest) and not refused:
        body["message"] = "Validation failed"
        body["details"] = _by_field(error)
    elif error.details:
        body["details"] = {**error.details, "reason": error.reason} if error.reason != known else dict(error.details)
    elif error.reason != known and not refused:
        body["details"] = {"reason": error.reason}
    if isinstance(error, TooMany) and error.retry_after is not None:
        body["retryAfter"] = error.retry_after
    meta = {"requestId": context.request_id, "timestamp": context.timestamp, "version": VERSION}
    return Rendered(STATUSES[error.kind], {"success": False, "error": body, "meta": meta})


def _by_field(error: InvalidRequest) -> dict[str, list[str]]:
    """What is wrong with each field."""
    several: Any = error.details.get("violations") or [error.details]
    found: dict[str, list[str]] = {}
    for each in several:
        messages = found.setdefault(str(each["field"]), [])
        messages.append(str(each["issue"]))
        if "known" in each:
            messages.append(f"must be among: {', '.join(each['known'])}")
    return found


VERSION = "1.0.0"
