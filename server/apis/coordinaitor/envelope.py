"""CoordinAItor: what is around each answer, and the pages of lists."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any, Protocol, TypeVar
from urllib.parse import parse_qsl, urlencode

from google.protobuf.message import Message
from orchestrator.wire.coordinaitor.v1.envelope_pb2 import Links, Meta, Pagination

from server import values
from server.apikit.projection import shown_message, timestamp
from server.apis.coordinaitor.errors import VERSION
from server.core.shared.call_context import Call

M = TypeVar("M", bound=Message)
LIMIT = 20


class Paged(Protocol):
    """A request for a page; 0 stands for absent."""

    page: int
    limit: int


def answer(message: type[M], call: Call, data: Any, name: str = "", **more: Any) -> M:
    """An answer with `data`, which older clients of the unversioned paths know as `name`."""
    if name and is_unversioned(call):
        more[name] = data
    return message(success=True, data=data, meta=meta(call), **more)


def listed(message: type[M], call: Call, request: Paged, data: Any, total: int, name: str = "") -> M:
    """A page of a list, as `page_of` has it, which older clients of the unversioned paths know as `name`."""
    page, limit, _ = page_of(request)
    pages = -(-total // limit)
    more: dict[str, Any] = {}
    if name and is_unversioned(call):
        more[name] = shown_value(data)
    return message(
        success=True,
        data=data,
        pagination=Pagination(
            page=page, limit=limit, total=total, pages=pages, has_next=page < pages, has_prev=page > 1
        ),
        links=_links(call.path, page, limit, pages),
        meta=meta(call),
        **more,
    )


def shown_value(messages: Iterable[Message]) -> bytes:
    """Messages as a value that is a list, for a field that is absent where nobody has asked for it."""
    return values.encode([shown_message(each, camel=True) for each in messages])


def page_of(request: Paged) -> tuple[int, int, int]:
    """The page that is meant, its size, and how many rows to skip."""
    page, limit = request.page or 1, request.limit or LIMIT
    return page, limit, (page - 1) * limit


def meta(call: Call) -> Meta:
    """About an answer that is given now."""
    return Meta(request_id=call.request_id, timestamp=timestamp(time.time_ns() // 1_000_000 * 1000), version=VERSION)


def is_unversioned(call: Call) -> bool:
    """Whether the call came by one of the paths of older clients."""
    return call.path.startswith("/api/") and not call.path.startswith("/api/v1/")


def _links(path: str, page: int, limit: int, pages: int) -> Links:
    """Where the other pages are: the path that was asked for, with its filters."""
    base, _, query = path.partition("?")
    kept = [(name, value) for name, value in parse_qsl(query, keep_blank_values=True) if name not in ("page", "limit")]

    def at(number: int) -> str:
        # The document's links begin with the page.
        return f"{base}?{urlencode([('page', number), ('limit', limit), *kept])}"

    return Links(
        first=at(1),
        last=at(max(1, pages)),
        next=values.encode(at(page + 1)) if page < pages else values.NULL,
        prev=values.encode(at(page - 1)) if page > 1 else values.NULL,
    )
