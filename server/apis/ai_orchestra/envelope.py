"""AI Orchestra: what is around each answer."""

from __future__ import annotations

import time
from typing import Any, TypeVar

from google.protobuf.message import Message
from orchestrator.wire.ai_orchestra.v2.envelope_pb2 import ResponseMetadata

from server import values
from server.apikit.projection import timestamp
from server.apis.ai_orchestra.errors import VERSION
from server.core.shared.call_context import Call

M = TypeVar("M", bound=Message)


def answer(message: type[M], call: Call, data: Any) -> M:
    """An answer with `data`, whose error is printed as null."""
    return message(success=True, data=data, error=values.NULL, metadata=metadata(call))


def metadata(call: Call, version: str = VERSION) -> ResponseMetadata:
    """About an answer that is given now, in the words of a version of the API."""
    now = timestamp(time.time_ns() // 1_000_000 * 1000)
    return ResponseMetadata(request_id=call.request_id, timestamp=now, version=version)
