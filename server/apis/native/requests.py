"""What requests of the native API have in common: doing them once, and the version that they are based on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from google.protobuf.message import Message

from server.core.shared.call_context import Call
from server.errors import InvalidRequest


def once(request: Any, call: Call) -> None:
    """A request id is an idempotency key that comes in the request; one in the metadata goes before it."""
    if request.request_id and not call.idempotency_key:
        call.idempotency_key = request.request_id
        content: Message = request
        said = call.method.encode() + content.SerializeToString(deterministic=True)
        call.digest = hashlib.sha256(said).hexdigest()


def require_etag(call: Call, etag: str, field: str = "etag") -> None:
    """Notes the version that the request is based on, where it names one. Raises InvalidRequest."""
    if etag and not (etag.isascii() and etag.isdigit() and len(etag) < 10):
        raise InvalidRequest(field, "must be an etag that this service gave")
    call.require_version(int(etag or 0))


def changed_fields(given: Message, paths: Sequence[str], changeable: Sequence[str]) -> Sequence[str]:
    """The fields that an update mask names, or, where it names nothing, those that are set. Raises InvalidRequest."""
    unknown = [path for path in paths if path not in changeable]
    if unknown:
        raise InvalidRequest("update_mask", f"{unknown[0][:100]} is none of {', '.join(changeable)}")
    return paths or [name for name in changeable if getattr(given, name)]
