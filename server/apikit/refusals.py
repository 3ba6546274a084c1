"""Refusals of requests that reach no method, by the gateway or the WebSocket bridge; an API gives them its shape."""

from __future__ import annotations

from typing import ClassVar

from server.errors import InvalidRequest, ServiceError


class Refusal(ServiceError):
    """A request that is not carried out; HTTP has a status of its own for each kind of it."""

    http_status: ClassVar[int]


class BadRequest(InvalidRequest, Refusal):
    """What cannot be read: malformed JSON, or an unknown query parameter."""

    http_status = 400


class NoSuchPath(Refusal):
    """Nothing is there."""

    kind = "not_found"
    reason = "NOT_FOUND"
    http_status = 404


class MethodNotAllowed(Refusal):
    """The path is there, with other methods."""

    kind = "invalid"
    reason = "METHOD_NOT_ALLOWED"
    http_status = 405


class RequestTimeout(Refusal):
    """The request has not arrived in time."""

    kind = "invalid"
    reason = "REQUEST_TIMEOUT"
    http_status = 408


class PayloadTooLarge(Refusal):
    """The body is larger than the API takes."""

    kind = "invalid"
    reason = "PAYLOAD_TOO_LARGE"
    http_status = 413

    def __init__(self, limit_bytes: int, upload_bytes: int | None = None) -> None:
        """`upload_bytes` is the limit of uploads, where the body may be one."""
        message, details = f"the body is larger than {limit_bytes >> 20} MiB", {"limit_bytes": limit_bytes}
        if upload_bytes is not None:
            message += f", or than {upload_bytes >> 20} MiB where a file is uploaded"
            details["upload_limit_bytes"] = upload_bytes
        super().__init__(message, details=details)


class UnsupportedMediaType(Refusal):
    """The body is of a type that is not for this port."""

    kind = "invalid"
    reason = "UNSUPPORTED_MEDIA_TYPE"
    http_status = 415


class UpgradeRequired(Refusal):
    """A plain HTTP request to the path of a socket."""

    kind = "invalid"
    reason = "UPGRADE_REQUIRED"
    http_status = 426

    def __init__(self) -> None:
        super().__init__("this path is a WebSocket: send Upgrade: websocket")


class HeadersTooLarge(Refusal):
    """The headers are larger than the gateway takes."""

    kind = "invalid"
    reason = "HEADERS_TOO_LARGE"
    http_status = 431


class NotTaken(Refusal):
    """Anything else that the gateway does not take."""

    kind = "invalid"
    reason = "INVALID_REQUEST"
    http_status = 400


class Unreachable(Refusal):
    """No server answers the gateway."""

    kind = "unavailable"
    reason = "SERVICE_UNAVAILABLE"
    http_status = 503


class ServerFailed(Refusal):
    """A server that could not say what went wrong."""

    kind = "internal"
    reason = "INTERNAL_ERROR"
    http_status = 500


class AnswerTimeout(Refusal):
    """The server has not answered in time."""

    kind = "unavailable"
    reason = "TIMEOUT"
    http_status = 504
