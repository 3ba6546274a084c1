"""Events as an API shows them, each encoded once for all who are sent it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import structlog
from cachetools import FIFOCache
from google.api.httpbody_pb2 import HttpBody

from server.model import Event, Record, resource_of

# What is kept for others who are sent it, with what it costs to keep each.
ENCODED_BYTES = 4 << 20
KEEPING_BYTES = 200
T = TypeVar("T", bound=bytes | HttpBody)
Payload = dict[str, Any]
log = structlog.get_logger()


class EventEncoder(Generic[T]):
    """Shows the resource of an event by its class, in the API's words, and finishes what is sent of it."""

    def __init__(
        self,
        shapes: Mapping[type[Record], Callable[[Any], Payload]],
        finish: Callable[[Event, Payload], T],
        otherwise: Callable[[Event], Payload] = lambda event: {"id": event.resource_id},
    ) -> None:
        self._shapes = shapes
        self._finish = finish
        # What is shown of a resource that the API has no shape for.
        self._otherwise = otherwise
        self._encoded: FIFOCache[tuple[str, int], T] = FIFOCache(ENCODED_BYTES, _size)

    def encode(self, event: Event) -> T:
        """What is sent of an event."""
        key = (event.organization_id, event.number)
        encoded = self._encoded.get(key)
        if encoded is None:
            encoded = self._finish(event, self._payload(event))
            self._encoded[key] = encoded
        return encoded

    def _payload(self, event: Event) -> Payload:
        try:
            resource = resource_of(event)
            shape = self._shapes.get(type(resource))
            return shape(resource) if shape is not None else self._otherwise(event)
        except Exception:
            # One event that cannot be shown must not end the stream for all that follow it.
            log.exception("bug", event_type=event.type, number=event.number)
            return {"id": event.resource_id}


def _size(encoded: bytes | HttpBody) -> int:
    return KEEPING_BYTES + (len(encoded) if isinstance(encoded, bytes) else encoded.ByteSize())
