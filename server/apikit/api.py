"""What an API gives to the server: its services, its quota and its words for errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from google.protobuf.descriptor import ServiceDescriptor

from server.apikit.cors import Origins
from server.errors import ServiceError

HTTP_STATUS: Mapping[str, int] = {
    "invalid": 400,
    "unauthenticated": 401,
    "forbidden": 403,
    "not_found": 404,
    "conflict": 409,
    "gone": 410,
    "precondition": 412,
    "exhausted": 429,
    "unavailable": 503,
    "internal": 500,
}


@dataclass(frozen=True, slots=True)
class Rendered:
    """An error as an API's document shapes it."""

    http_status: int
    body: Mapping[str, Any]


class ErrorRenderer(Protocol):
    """Gives an error its documented shape; `request_id` is the one in the answer's headers."""

    def __call__(self, error: ServiceError, request_id: str) -> Rendered:
        """The error as the API's document shapes it."""
        ...


@dataclass(frozen=True, slots=True)
class Api:
    """One API: which servicer serves which service, and how its errors read over HTTP."""

    name: str
    services: Sequence[tuple[ServiceDescriptor, object]]
    render_error: ErrorRenderer
    # Requests a minute that a key may make beside its hourly figure; None where the document names no such bound.
    burst_per_minute: int | None = None
    # Whether the hourly figure counts here at all. Where it does not, a key that carries one of its own keeps it.
    hourly: bool = True
    # Whether callers without a credential may act for the development organization, where the server is in development.
    guests: bool = False
    # Which web pages may open sockets and be guests; None where the API does not look at where a page is from, and has
    # no guests among pages.
    origins: Origins | None = None
