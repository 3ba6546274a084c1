"""Errors on the wire: a gRPC status with typed details for stubs, the API's own JSON for the gateway."""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import quote

import grpc
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from server.apikit.errors import Rendered
from server.errors import InvalidRequest, ServiceError, TooMany

DOMAIN = "orchestrator"
# What no message is: where it comes in a stream, the gateway breaks off the answer that it has begun.
BROKEN_OFF = b"\xff"
# What server-sent events are called.
EVENTS = "text/event-stream"
# Headers have bounds of their own, and a longer text helps nobody.
MAX_MESSAGE = 2000
MAX_BODY = 12_000

CODES: Mapping[str, grpc.StatusCode] = {
    "invalid": grpc.StatusCode.INVALID_ARGUMENT,
    "unauthenticated": grpc.StatusCode.UNAUTHENTICATED,
    "forbidden": grpc.StatusCode.PERMISSION_DENIED,
    "not_found": grpc.StatusCode.NOT_FOUND,
    "conflict": grpc.StatusCode.FAILED_PRECONDITION,
    "precondition": grpc.StatusCode.ABORTED,
    "exhausted": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "gone": grpc.StatusCode.OUT_OF_RANGE,
    "unavailable": grpc.StatusCode.UNAVAILABLE,
    "timeout": grpc.StatusCode.DEADLINE_EXCEEDED,
    "internal": grpc.StatusCode.INTERNAL,
}


def status_details(error: ServiceError, code: grpc.StatusCode) -> tuple[str, bytes]:
    """The `grpc-status-details-bin` metadata: ErrorInfo always, BadRequest and RetryInfo where they fit."""
    metadata = {name: value if isinstance(value, str) else json.dumps(value) for name, value in error.details.items()}
    details = [ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=metadata)]
    status = Status(code=code.value[0], message=error.message[:MAX_MESSAGE])
    if isinstance(error, InvalidRequest):
        violation = BadRequest.FieldViolation(
            field=str(error.details["field"]), description=str(error.details["issue"])
        )
        details.append(BadRequest(field_violations=[violation]))
    if isinstance(error, TooMany) and error.retry_after is not None:
        retry = RetryInfo()
        retry.retry_delay.seconds = error.retry_after
        details.append(retry)
    for detail in details:
        packed = AnyMessage()
        packed.Pack(detail)
        status.details.append(packed)
    return "grpc-status-details-bin", status.SerializeToString()


def gateway_headers(rendered: Rendered) -> list[tuple[str, str]]:
    """What the gateway makes the HTTP answer of."""
    text = json.dumps(rendered.body, separators=(",", ":"))
    if len(text) > MAX_BODY:
        text = json.dumps(_shortened(rendered.body), separators=(",", ":"))
    return [
        ("x-http-status", str(rendered.http_status)),
        ("x-error-body", quote(text, safe=" !\"#$&'()*+,/:;<=>?@[]^`{|}~")),
        *rendered.headers.items(),
    ]


def last_event(rendered: Rendered) -> HttpBody:
    """An error as the last one of server-sent events, which is what streams are over HTTP."""
    text = json.dumps(rendered.body, separators=(",", ":"))
    return HttpBody(content_type=EVENTS, data=f"event: error\ndata: {text}\n\n".encode())


def _shortened(value: object, limit: int = 500) -> object:
    if isinstance(value, str):
        return value if len(value) <= limit else value[:limit] + "…"
    if isinstance(value, Mapping):
        return {key: _shortened(each, limit) for key, each in list(value.items())[:20]}
    if isinstance(value, list):
        return [_shortened(each, limit) for each in value[:10]]
    return value
