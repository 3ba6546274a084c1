"""Calls as spans, in the words of OpenTelemetry's conventions for HTTP and RPC."""

from __future__ import annotations

import grpc

from server.core.monitoring.traffic import OUR_FAULT
from server.core.shared.call_context import Call
from server.rpc.method import Method
from server.spans import Attribute, Span, Spans


def begun(spans: Spans, method: Method, call: Call) -> Span:
    """The span of a call, with whose trace context everything goes on that is done for it."""
    service, _, name = method.name.partition("/")
    attributes: dict[str, Attribute] = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": name}
    shown = method.name
    endpoint = method.endpoint(call.path) if call.path else None
    if endpoint is not None:
        shown = f"{endpoint.verb} {endpoint.template}"
        attributes.update({"http.request.method": endpoint.verb, "http.route": endpoint.template})
    span = spans.begin(shown, "server", call.traceparent, attributes)
    call.headers["traceparent"] = span.traceparent
    return span


def ended(span: Span, call: Call, code: str, status: int, reason: str) -> None:
    """Says how a call has ended, and whose it was; of people nothing."""
    attributes: dict[str, Attribute] = {"rpc.grpc.status_code": grpc.StatusCode[code].value[0]}
    if call.path:
        attributes["http.response.status_code"] = status
    if call.caller.organization_id:
        attributes["orchestrator.organization.id"] = call.caller.organization_id
    if reason:
        attributes["orchestrator.reason"] = reason
    span.note(attributes)
    span.end((reason or code) if code in OUR_FAULT else "")
