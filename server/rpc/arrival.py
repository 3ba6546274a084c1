"""A call as it arrives: what of its metadata anybody reads, and who it says that it is."""

from __future__ import annotations

from typing import Any

from server.core.shared.call_context import Call
from server.model import new_id
from server.rpc.access import BODY_FIELDS, NOBODY
from server.rpc.callers.actors import address_of
from server.rpc.callers.guests import HOST, ORIGIN, PEER, PROGRAM, SITE, forget_claims
from server.rpc.method import Method

# What the caller wants in fact, from the gateway: HEAD where it has made a GET of that.
METHOD = "x-requested-method"
KEPT_HEADERS = frozenset(
    {
        "authorization",
        "x-api-key",
        "x-agent-token",
        "x-request-id",
        "x-envoy-original-path",
        "x-requested-cookie",
        "if-match",
        "idempotency-key",
        "last-event-id",
        "if-range",
        "range",
        "traceparent",
        METHOD,
        BODY_FIELDS,
        HOST,
        PEER,
        PROGRAM,
        ORIGIN,
        SITE,
    }
)


def arrived(method: Method, context: Any) -> Call:
    """The call, of nobody as yet."""
    metadata = context.invocation_metadata()
    headers = {name: value for name, value in metadata if name in KEPT_HEADERS}
    if "if-match" in headers:
        # A list may come in several headers.
        headers["if-match"] = ", ".join(value for name, value in metadata if name == "if-match")
    if "traceparent" in headers and sum(name == "traceparent" for name, _ in metadata) > 1:
        # Of several nobody knows which one is right.
        del headers["traceparent"]
    if PEER in headers or HOST in headers or PROGRAM in headers:
        forget_claims(headers, context.peer())
    given = headers.get("x-request-id", "")
    request_id = given if 0 < len(given) <= 128 and given.isascii() and given.isprintable() else new_id()
    call = Call(NOBODY, request_id, method.name, headers.get("x-envoy-original-path", ""), headers)
    call.http_status = method.http_status
    call.address, call.program = address_of(call, context), headers.get(PROGRAM, "")
    return call
