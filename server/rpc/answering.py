"""What goes beside an answer: its headers, and after how long trying again may help."""

from __future__ import annotations

from typing import cast

from server.core.shared.call_context import Call
from server.errors import ServiceError


def response_metadata(call: Call) -> tuple[tuple[str, str], ...]:
    """The headers that go with an answer."""
    headers = [("x-request-id", call.request_id), *call.response_headers]
    if call.etag:
        headers.append(("etag", f'"{call.etag}"'))
    if call.through_gateway and call.http_status != 200:
        headers.append(("x-http-status", str(call.http_status)))
    return tuple(headers)


def patience(error: ServiceError) -> int | None:
    """After how many seconds trying again may help; None where it does not."""
    if hasattr(error, "retry_after"):
        return cast("int | None", error.retry_after)
    return 1 if error.kind == "unavailable" else None
