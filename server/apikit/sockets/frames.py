"""Frames: what a WebSocket of ours says, as JSON texts."""

from __future__ import annotations

import json
import math
import time
from contextlib import suppress
from typing import Any, Protocol, cast

from google.api.httpbody_pb2 import HttpBody
from google.protobuf.message import Message

from server.apikit.projection import shown_message, timestamp
from server.model import Alert, Event

# What clients call their frames; empty for nothing.
Name = str | int | float | bool


class Named(Protocol):
    """A client's frame."""

    id: str
    id_is_json: bool


def event_frame(event: Event, type: str, payload: dict[str, Any]) -> HttpBody:
    """The frame of an event."""
    at = time_text(event.created_at)
    return _frame({"type": type, "payload": payload, "timestamp": at, "id": str(event.number)})


def said(type: str, payload: dict[str, Any], reply_to: Name = "") -> HttpBody:
    """A frame that is no event."""
    body = {"type": type, "payload": payload, "timestamp": time_text(time.time_ns() // 1000)}
    return _frame({**body, "reply_to": reply_to} if reply_to != "" else body)


def name_of(request: Named) -> Name:
    """What a client calls its frame, as it has said it; empty where it calls it nothing."""
    if request.id_is_json:
        # Whoever calls over gRPC may say that of anything.
        with suppress(ValueError, RecursionError):
            name = json.loads(request.id)
            if isinstance(name, int) or (isinstance(name, float) and math.isfinite(name)):
                return name
    return request.id


def plain(message: Message) -> dict[str, Any]:
    """A message as the REST API shows it."""
    return cast("dict[str, Any]", _whole(shown_message(message)))


def alert_payload(alert: Alert, identifier: str) -> dict[str, Any]:
    """An alert, which an API calls by `identifier`."""
    shown: dict[str, Any] = {
        "id": identifier,
        "kind": alert.kind,
        "severity": alert.severity,
        "message": alert.message,
        "details": json.loads(alert.details),
        "created_at": time_text(alert.created_at),
    }
    if alert.resolved_at is not None:
        shown["resolved_at"] = time_text(alert.resolved_at)
    return shown


def time_text(microseconds: int) -> str:
    """A time in ISO 8601."""
    return timestamp(microseconds).ToJsonString()


def _whole(value: Any) -> Any:
    """The same with numbers as the REST API writes them: those without a fraction have no point."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, dict):
        return {name: _whole(each) for name, each in value.items()}
    return [_whole(each) for each in value] if isinstance(value, list) else value


def _frame(body: dict[str, Any]) -> HttpBody:
    data = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")
    return HttpBody(content_type="application/json", data=data)
