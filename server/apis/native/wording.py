"""The native API's words for events: the types of the feed, and its own resources as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from google.protobuf.message import Message

from server.apikit.event_wording import EventWording
from server.apikit.projection import shown_message
from server.apis.native.people.messages import in_public
from server.apis.native.resources import RESOURCE_FIELDS, log_message
from server.model import EVENT_TYPES, PERSONAL, TaskLog


def _shown(encode: Callable[[Any], Message], resource: Any) -> dict[str, Any]:
    return shown_message(in_public(encode(resource)))


_ENCODERS: Mapping[Any, Callable[[Any], Message]] = {
    **{resource: encode for resource, (_, encode) in RESOURCE_FIELDS.items()},
    TaskLog: log_message,
}

WORDING = EventWording(
    api="native",
    by_type={type: type for type in EVENT_TYPES if type not in PERSONAL},
    shapes={resource: partial(_shown, encode) for resource, encode in _ENCODERS.items()},
)
