"""Server-sent events: what all of their streams share."""

from __future__ import annotations

from server.core.shared.call_context import Call
from server.errors import InvalidRequest

CONTENT_TYPE = "text/event-stream"
# What has as many digits at most is a number to every database and every client.
DIGITS = 18


def last_event_id(call: Call) -> int | None:
    """The event that a client has seen last, as browsers say it when they come back; None where it is not said.

    Raises InvalidRequest.
    """
    said = call.headers.get("last-event-id", "").strip()
    if not said:
        return None
    if not said.isascii() or not said.isdigit() or len(said) > DIGITS:
        raise InvalidRequest("Last-Event-ID", "must be the id of an event of this stream, a whole number")
    return int(said)
