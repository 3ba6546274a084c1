"""Events: the feed as callers see it, from a cursor, filtered by type and resource."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from sqlalchemy import bindparam, delete, func, select, update

from server.core.events import past_changes
from server.core.shared.call_context import Call
from server.core.shared.ids import parse_filter
from server.errors import Unavailable
from server.model import PERSONAL, TOLD_TO, Event, Feed, resource_of
from server.store.channel import PAGE, PAGE_BYTES
from server.store.database import Database
from server.store.feed import Feeds
from server.store.statement import Statement
from server.store.transaction import Transaction

TRIM = 1000

_events = Event.table().c
_feeds = Feed.table().c
_OLD = Statement[tuple[str, int]](
    select(_events.organization_id, func.max(_events.number))
    .where(_events.created_at < bindparam("before"))
    .group_by(_events.organization_id)
    .limit(TRIM)
)
_TRIM = Statement[Any](
    delete(Event.table()).where(
        _events.organization_id == bindparam("organization"), _events.number <= bindparam("number")
    )
)
_LOCK_FEED = Statement[Any](
    select(_feeds.trimmed)
    .where(_feeds.organization_id == bindparam("organization"), _feeds.trimmed < bindparam("number"))
    .with_for_update(key_share=True)
)
_TRIMMED = Statement[Any](
    update(Feed.table())
    .where(_feeds.organization_id == bindparam("organization"), _feeds.trimmed < bindparam("number"))
    .values(trimmed=bindparam("number"))
)


class EventFilter:
    """Which events a caller wants."""

    def __init__(self, types: Sequence[str] = (), resource_id: str = "") -> None:
        self._exact = frozenset(type for type in types if not type.endswith("*"))
        self._prefixes = tuple(type[:-1] for type in types if type.endswith("*"))
        self._any = not types
        self._resource = parse_filter("resource_id", "session, agent or task", resource_id) if resource_id else ""

    def takes(self, event: Event) -> bool:
        """Whether the caller wants this event."""
        if self._resource and self._resource not in (event.resource_id, event.session_id, event.agent_id):
            return False
        return self._any or event.type in self._exact or event.type.startswith(self._prefixes or ("\0",))


_OF_PEOPLE = ("user.", "invitation.", "api_key.")


def _sees(call: Call, wanted: EventFilter) -> Callable[[Event], bool]:
    """Which events are wanted by a caller who may see them."""

    def sees(event: Event) -> bool:
        if not wanted.takes(event):
            return False
        if event.type in PERSONAL:
            return _is_told(event, call)
        # Who people are is shown to those alone who may ask for it.
        return not event.type.startswith(_OF_PEOPLE) or call.caller.may("users:read")

    return sees


def _is_told(event: Event, call: Call) -> bool:
    column = TOLD_TO[event.type.partition(".")[0]]
    return bool(resource_of(event).values()[column] == getattr(call.caller, column))


class EventStreams:
    """The feeds of every organization; each call sees its own."""

    def __init__(self, database: Database, feeds: Feeds, *, heartbeat_seconds: float) -> None:
        self._database = database
        self._feeds = feeds
        self._heartbeat = heartbeat_seconds

    async def begin(self, call: Call, after: int | None) -> int:
        """The cursor a stream begins with. Raises CursorGone."""
        return await self._feeds.check(call.organization_id, after)

    async def follow(self, call: Call, after: int, wanted: EventFilter) -> AsyncIterator[list[Event]]:
        """Wanted events after `after` as they come; an empty list is a heartbeat. Raises CursorGone, Unavailable."""
        sees = _sees(call, wanted)
        async for events in self._feeds.follow(call.organization_id, after, self._heartbeat, sees):
            yield events
        raise Unavailable("the server is stopping; reconnect with the last number")

    async def page(
        self, call: Call, after: int, wanted: EventFilter, *, limit: int = PAGE, room: int = PAGE_BYTES
    ) -> tuple[list[Event], int, int]:
        """Wanted events among the `limit` after `after`, the cursor behind them, and the newest number.

        Where those that are looked at have more than `room` bytes, they are fewer than `limit`, and one at least.
        """
        after = await self._feeds.check(call.organization_id, after)
        async with self._feeds.turns.take():
            events = await self._feeds.page(call.organization_id, after, limit, room)
        newest = (await self._feeds.bounds(call.organization_id)).head
        cursor = events[-1].number if events else after
        return list(filter(_sees(call, wanted), events)), cursor, newest

    async def trim(self, before: int) -> None:
        """Removes events recorded before `before`, and notes up to which number."""
        for organization, number in await self._database.scan(_OLD, before=before):
            trimmed = (await self._feeds.bounds(organization)).trimmed
            while trimmed < number:
                trimmed = min(trimmed + TRIM, number)
                await self._trim_to(organization, trimmed)

    async def _trim_to(self, organization: str, number: int) -> None:
        async def body(transaction: Transaction) -> None:
            trimmed = await transaction.one(_LOCK_FEED, organization=organization, number=number)
            if trimmed is None:
                # Another process has done it.
                return
            await past_changes.keep(transaction, organization, trimmed[0], number)
            await transaction.run(_TRIMMED, organization=organization, number=number)
            await transaction.run(_TRIM, organization=organization, number=number)

        await self._database.write(body)
