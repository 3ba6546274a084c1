"""AI Orchestra: `{success: false, data: null, error: {code, message, details}, metadata}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from server.apikit.errors import HTTP_STATUS, ErrorContext, Rendered
from server.apikit.refusals import AnswerTimeout, BadRequest, Refusal
from server.errors import InvalidRequest, ServiceError

VERSION = "v2"
# The document's words; what it has no word for keeps its own.
CODES: Mapping[str, str] = {
    "unauthenticated": "AUTHENTICATION_ERROR",
    "exhausted": "RATE_LIMIT_ERROR",
    "internal": "INTERNAL_ERROR",
    "unavailable": "SERVICE_UNAVAILABLE",
    "timeout": "TIMEOUT_ERROR",
}


def render_error(error: ServiceError, context: ErrorContext) -> Rendered:
    """As the document says: a code, a message, and details; of a wrong request which field it is, and why."""
    code, message = CODES.get(error.kind, error.reason), error.message
    details: dict[str, Any] = dict(error.details)
    if isinstance(error, InvalidRequest):
        code, message, details = "VALIDATION_ERROR", "Invalid request parameters", _wrong(error)
    elif isinstance(error, AnswerTimeout):
        code = CODES["timeout"]
    elif isinstance(error, Refusal):
        # It is in the words already that all APIs have for these.
        code = CODES.get(error.kind, error.reason)
    elif error.reason != code:
        details["reason"] = error.reason
    metadata = {"request_id": context.request_id, "timestamp": context.timestamp, "version": VERSION}
    body = {"code": code, "message": message, "details": details}
    status = HTTP_STATUS.get(error.kind, 504 if error.kind == "timeout" else 500)
    return Rendered(status, {"success": False, "data": None, "error": body, "metadata": metadata})


def _wrong(error: InvalidRequest) -> dict[str, Any]:
    """The first field that is wrong, and why; all of them where there are several; what is known where that was not."""
    if isinstance(error, BadRequest):
        return {"field": error.details["field"], "reason": error.details["issue"]}
    several: Any = error.details.get("violations") or [error.details]
    wrong = [{"field": each["field"], "reason": each["issue"]} for each in several]
    shown: dict[str, Any] = {**wrong[0], "known": error.details["known"]} if "known" in error.details else wrong[0]
    return {**shown, "violations": wrong} if len(wrong) > 1 else shown
