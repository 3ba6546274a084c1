"""How errors read over HTTP: their statuses, and the shape that an API's document gives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from server.errors import ServiceError

HTTP_STATUS: Mapping[str, int] = {
    "invalid": 400,
    "unauthenticated": 401,
    "forbidden": 403,
    "not_found": 404,
    "conflict": 409,
    "gone": 410,
    "precondition": 412,
    "exhausted": 429,
    "unavailable": 503,
    "timeout": 504,
    "internal": 500,
}


@dataclass(frozen=True, slots=True)
class Rendered:
    """An error as an API's document shapes it, and the headers that every error of that API has."""

    http_status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ErrorContext:
    """What some documents say beside an error: the id in the answer's headers, and the time, as RFC 3339 has it."""

    request_id: str
    timestamp: str


class ErrorRenderer(Protocol):
    """Gives an error its documented shape.

    The gateway's refusals are rendered when its configuration is made, with words such as `@request_id` for what is
    known only then: they may be moved and left out, and not be looked into.
    """

    def __call__(self, error: ServiceError, context: ErrorContext, /) -> Rendered:
        """The error as the API's document shapes it."""
        ...


def render_code_message_details(error: ServiceError, _context: ErrorContext) -> Rendered:
    """The shape that several documents share: `{error: {code, message, details}}`."""
    body = {"error": {"code": error.reason, "message": error.message, "details": error.details}}
    return Rendered(HTTP_STATUS[error.kind], body)
