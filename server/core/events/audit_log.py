"""The audit log: who did what from where through which API, out of callers' events and of what was noted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Integer,
    String,
    Text,
    and_,
    bindparam,
    delete,
    func,
    literal,
    or_,
    select,
    tuple_,
    union_all,
)

from server.core.shared.audit import DONE
from server.core.shared.call_context import Call
from server.errors import InvalidRequest
from server.model import AuditEntry, Event
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

# What stands for everything but what was done.
REFUSED = "refused"
REMOVED = 1000
_END = 1 << 62

_events = Event.table().c
_entries = AuditEntry.table().c


def _text(name: str) -> Any:
    return bindparam(name, type_=String)


def _number(name: str) -> Any:
    return bindparam(name, type_=BigInteger)


def _wanted(columns: Any, action: Any) -> Any:
    """The filters that both have; an empty one takes all."""
    prefix = _text("prefix")
    return and_(
        columns.organization_id == _text("organization"),
        columns.created_at >= _number("since"),
        columns.created_at < _number("until"),
        columns.actor != "",
        or_(_text("actor") == "", columns.actor == _text("actor")),
        or_(_text("api") == "", columns.via == _text("api")),
        or_(_text("action") == "", action == _text("action")),
        or_(prefix == "", func.substr(action, 1, func.length(prefix)) == prefix),
    )


_done = or_(_text("outcome") == "", _text("outcome") == DONE)
_outcome = or_(
    _text("outcome") == "",
    _entries.outcome == _text("outcome"),
    and_(_text("outcome") == REFUSED, _entries.outcome != DONE),
)
_events_wanted = (_wanted(_events, _events.type), _done)
_entries_wanted = (_wanted(_entries, _entries.action), _outcome)
_of_events = select(
    _events.created_at,
    literal(1).label("source"),
    _events.number,
    literal("", Text).label("id"),
    _events.actor,
    _events.credential,
    _events.via,
    _events.address,
    _events.type.label("action"),
    _events.resource_id,
    literal(DONE, Text).label("outcome"),
    literal("", Text).label("request_id"),
    literal("", Text).label("detail"),
).where(*_events_wanted)
_of_entries = select(
    _entries.created_at,
    literal(0).label("source"),
    literal(0).label("number"),
    _entries.id,
    _entries.actor,
    _entries.credential,
    _entries.via,
    _entries.address,
    _entries.action,
    _entries.resource_id,
    _entries.outcome,
    _entries.request_id,
    _entries.detail,
).where(*_entries_wanted)


def _newest(limit: Any, *, after_token: bool) -> Any:
    """The newest of both, so many of each at most."""
    parts = []
    for part, columns in ((_of_events, _events), (_of_entries, _entries)):
        rows = part.where(columns.created_at <= _number("before")) if after_token else part
        tie = _events.number if columns is _events else _entries.id
        newest = rows.order_by(columns.created_at.desc(), tie.desc())
        if not after_token:
            newest = newest.limit(limit)
        else:
            source = literal(1) if columns is _events else literal(0)
            number = _events.number if columns is _events else literal(0)
            identifier = literal("", Text) if columns is _events else _entries.id
            place = tuple_(columns.created_at, source, number, identifier)
            last = tuple_(_number("before"), _number("source"), _number("number"), _text("id"))
            newest = newest.where(place < last).limit(limit)
        parts.append(select(newest.subquery()))
    both = union_all(*parts).subquery()
    order = [both.c[name].desc() for name in ("created_at", "source", "number", "id")]
    return select(both).order_by(*order)


_PAGE = Statement[Any](
    _newest(bindparam("most", type_=Integer), after_token=True).limit(bindparam("most", type_=Integer))
)
_SLICE = Statement[Any](
    _newest(bindparam("most", type_=Integer), after_token=False)
    .limit(bindparam("limit", type_=Integer))
    .offset(bindparam("offset", type_=Integer))
)
_COUNT_EVENTS = Statement[Any](select(func.count()).select_from(Event.table()).where(*_events_wanted))
_COUNT_ENTRIES = Statement[Any](select(func.count()).select_from(AuditEntry.table()).where(*_entries_wanted))
_old = select(_entries.id).where(_entries.created_at < bindparam("before", type_=BigInteger)).limit(REMOVED)
_REMOVE = Statement[Any](delete(AuditEntry.table()).where(_entries.id.in_(_old)))


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that somebody did, or tried."""

    created_at: int
    # 1 where it is an event, whose number follows; 0 for what was noted.
    source: int
    number: int
    id: str
    actor: str
    credential: str
    via: str
    address: str
    action: str
    resource_id: str
    outcome: str
    request_id: str
    detail: str


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries are wanted; what is empty, or None, takes all. `action` may end with `*`."""

    actor: str = ""
    action: str = ""
    api: str = ""
    outcome: str = ""
    since: int | None = None
    until: int | None = None

    def parameters(self) -> dict[str, Any]:
        """As the statements take them. Raises InvalidRequest."""
        if self.since is not None and self.until is not None and self.since > self.until:
            raise InvalidRequest("until", "must not be before since")
        begins = self.action.endswith("*")
        return {
            "actor": self.actor,
            "action": "" if begins else self.action,
            "prefix": self.action[:-1] if begins else "",
            "api": self.api,
            "outcome": self.outcome,
            "since": self.since or 0,
            "until": _END if self.until is None else self.until,
        }


class AuditLog:
    """Every organization's; each call sees its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def slice(self, call: Call, wanted: AuditFilter, *, limit: int, offset: int) -> tuple[Sequence[Entry], int]:
        """Entries newest first, from an offset, and how many there are in all. Raises InvalidRequest."""
        given = {"organization": call.organization_id, **wanted.parameters()}
        rows = await self._database.scan(_SLICE, **given, most=limit + offset, limit=limit, offset=offset)
        counts = [await self._database.scan(count, **given) for count in (_COUNT_EVENTS, _COUNT_ENTRIES)]
        return [Entry(*row) for row in rows], sum(int(count[0][0]) for count in counts)

    async def page(self, call: Call, wanted: AuditFilter, *, size: int, token: str) -> tuple[Sequence[Entry], str]:
        """Entries newest first, by page token, and the next page's. Raises InvalidRequest."""
        given = {"organization": call.organization_id, **wanted.parameters(), **_place(token)}
        rows = await self._database.scan(_PAGE, **given, most=size + 1)
        entries = [Entry(*row) for row in rows[:size]]
        return entries, _token(entries[-1]) if len(rows) > size else ""

    async def forget(self, before: int) -> None:
        """Removes what was noted before a time; events go with their feeds."""

        async def body(transaction: Transaction) -> int:
            return await transaction.run(_REMOVE, before=before)

        while await self._database.write(body) == REMOVED:
            pass


def _token(last: Entry) -> str:
    return f"{last.created_at}-{last.source}-{last.number}-{last.id}"


def _place(token: str) -> dict[str, Any]:
    if not token:
        return {"before": _END, "source": 1, "number": _END, "id": "g"}
    try:
        before, source, number, identifier = token.split("-")
        return {"before": int(before), "source": int(source), "number": int(number), "id": identifier}
    except ValueError:
        raise InvalidRequest("page_token", "is not a token of this list") from None
