"""What is sent to a provider for a request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from server.core.models.port import ModelMessage, ModelRequest
from server.core.shared.trace_context import traceparent_in
from server.work.models.table import Kind


def body_of(request: ModelRequest, model: str, kind: Kind) -> dict[str, Any]:
    """The JSON object of `POST /chat/completions`: only what was asked for, because some refuse the rest."""
    body: dict[str, Any] = {
        "model": model,
        "messages": [_message(each) for each in request.messages],
        "stream": True,
    }
    if kind.asks_usage:
        body["stream_options"] = {"include_usage": True}
    given: Mapping[str, Any] = {
        kind.limit: request.max_output_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "stop": list(request.stop) or None,
        kind.seed: request.seed,
        "tools": list(request.tools) or None,
        "tool_choice": request.tool_choice,
        "parallel_tool_calls": request.parallel_tool_calls,
        "response_format": request.response_format,
    }
    body.update((name, value) for name, value in given.items() if value is not None)
    return body


def headers_of(request: ModelRequest) -> dict[str, str]:
    """Headers beside those that every request has."""
    trace = traceparent_in(request.traceparent)
    return {"traceparent": trace} if trace else {}


def _message(message: ModelMessage) -> dict[str, Any]:
    made: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        made["tool_calls"] = [
            {"id": each.id, "type": "function", "function": {"name": each.name, "arguments": each.arguments}}
            for each in message.tool_calls
        ]
        # Some take no empty text beside a call, and all take none.
        made["content"] = message.content or None
    if message.tool_call_id:
        made["tool_call_id"] = message.tool_call_id
    return made
