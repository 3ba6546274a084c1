"""OpenAI: errors as `{"error": {"message", "type", "param", "code"}}`."""

from __future__ import annotations

from collections.abc import Mapping

from server.apikit.errors import HTTP_STATUS, ErrorContext, Rendered
from server.errors import InvalidRequest, NotFound, ServiceError

INVALID, SERVER = "invalid_request_error", "server_error"
# By kind: what OpenAI calls the error, and which code programs look for; a code of "" is the reason itself.
_WORDS: Mapping[str, tuple[str, str]] = {
    "unauthenticated": (INVALID, "invalid_api_key"),
    "forbidden": (INVALID, "insufficient_permissions"),
    "exhausted": ("requests", "rate_limit_exceeded"),
    "unavailable": (SERVER, ""),
    "timeout": (SERVER, "timeout"),
    "internal": (SERVER, "internal_error"),
}
# What no waiting for the next minute helps against.
_QUOTA = "insufficient_quota"
_BUDGETS = "BUDGET_EXHAUSTED"


class ModelNotFound(NotFound):
    """No such model, or none of a provider that is configured."""

    def __init__(self, name: str) -> None:
        super().__init__("model", name)
        self.message = f"The model `{self.details['id']}` does not exist or you do not have access to it."


class RequestRefused(ServiceError):
    """The provider does not take the request: sending it again would not help."""

    kind = "invalid"
    reason = "MODEL_REFUSED"


class AnswerCancelled(ServiceError):
    """Somebody has ended the answer by a command."""

    kind = "invalid"
    reason = "CANCELLED"


def render_error(error: ServiceError, _context: ErrorContext) -> Rendered:
    """As OpenAI's clients expect it."""
    status = HTTP_STATUS.get(error.kind, 500)
    return Rendered(status, {"error": said(error)})


def said(error: ServiceError) -> Mapping[str, str | None]:
    """What is told of an error; `param` is the field of the request that is wrong."""
    kind, code = _WORDS.get(error.kind, (INVALID, ""))
    param: str | None = None
    shown: str | None = code or error.reason.lower()
    if isinstance(error, InvalidRequest):
        param, shown = str(error.details["field"]), None
    elif isinstance(error, ModelNotFound):
        param, shown = "model", "model_not_found"
    elif error.reason == _BUDGETS:
        kind = shown = _QUOTA
    return {"message": error.message, "type": kind, "param": param, "code": shown}
