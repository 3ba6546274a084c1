"""Fan-out: each webhook reads the feed from its own cursor, and what it wants becomes deliveries.

Deliveries and the cursor that has passed their events are written in one transaction, so whatever dies in between loses
none and doubles none. Bodies are made before it; where another process has come first, they are thrown away.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from cachetools import FIFOCache
from sqlalchemy import Integer, bindparam, func, literal, select, tuple_

from server.core.shared.names import NamesById, names_of
from server.core.webhooks import lanes
from server.core.webhooks.disabling import LOCK
from server.core.webhooks.wording import EventPatterns, Wording, body_of
from server.errors import ServiceError
from server.model import (
    LISTENING,
    PENDING,
    TOLD_TO,
    Delivery,
    Event,
    Feed,
    Organization,
    Webhook,
    new_id,
    resource_of,
)
from server.store.among import any_of
from server.store.database import Database
from server.store.feed import AFTER
from server.store.statement import Statement, insertion
from server.store.transaction import Transaction

# Events that are looked at for one webhook in one go, and made into bodies in one turn of the loop.
PAGE, TOGETHER = 64, 8
# How many deliveries of a webhook may wait. The feed keeps what follows, as long as it keeps anything.
MOST_PENDING = 5000
# How far a cursor may lag behind what was looked at and not wanted.
UNWANTED = 1000
WEBHOOKS, WRITTEN = 500, 128
BODIES = 512
log = structlog.get_logger()

_webhooks = Webhook.table().c
_feeds = Feed.table().c
_deliveries = Delivery.table().c
# In this order an index has those that are enabled.
_place = tuple_(_webhooks.organization_id, _webhooks.id)
# Without what is of no use here: it is read at each change, and may be long.
_UNUSED = frozenset({"headers", "secret", "previous_secret", "description", "url"})
_light = [literal("").label(each.name) if each.name in _UNUSED else each for each in Webhook.table().c]
_behind = (
    select(*_light)
    .join(Feed.table(), _feeds.organization_id == _webhooks.organization_id)
    .where(LISTENING, _webhooks.cursor < _feeds.head, _place > tuple_(bindparam("organization"), bindparam("after")))
    .order_by(_webhooks.organization_id, _webhooks.id)
    .limit(WEBHOOKS)
)
_BEHIND = Statement[Webhook](_behind, Webhook)
_OF = Statement[Webhook](_behind.where(any_of(_webhooks.organization_id, "organizations")), Webhook)
_ANY = Statement[Any](select(_webhooks.id).where(LISTENING).limit(1))
_waiting = (
    select(_deliveries.id)
    .where(PENDING, _deliveries.webhook_id == bindparam("webhook"))
    .limit(bindparam("most", type_=Integer))
    .subquery()
)
_WAITING = Statement[Any](select(func.count()).select_from(_waiting))
_organizations = Organization.table().c
_NAME = Statement[Any](select(_organizations.name).where(_organizations.id == bindparam("organization")))


@dataclass(frozen=True, slots=True)
class _Seen:
    """Up to which event a webhook was looked at, where the events since its cursor were not wanted."""

    version: int
    cursor: int
    number: int


@dataclass(frozen=True, slots=True)
class _Page:
    """What is next for a webhook: up to which event, what comes of that, and whether there is more behind it."""

    webhook: Webhook
    number: int
    deliveries: Sequence[Delivery]
    full: bool
    save: bool = True


class FanOut:
    """One process's share. Several may run: each page is written by whoever comes first."""

    def __init__(self, database: Database, wordings: Iterable[Wording]) -> None:
        self._database = database
        self._wordings = {wording.api: wording for wording in wordings}
        self._seen: dict[str, _Seen] = {}
        # How many more deliveries of a webhook may wait.
        self._room: FIFOCache[str, int] = FIFOCache(BODIES)
        self._bodies: FIFOCache[tuple[str, str, int], str] = FIFOCache(BODIES)

    async def any_webhooks(self) -> bool:
        """Whether any webhook is enabled."""
        return await self._database.one(_ANY) is not None

    async def advance(self, organizations: Iterable[str] | None = None) -> tuple[int, bool]:
        """Makes deliveries of the next page of events, for webhooks of these organizations, or of all.

        Returns how many it made, and whether some webhook has more to look at.
        """
        made, more, seen, place = 0, False, self._seen, {"organization": "", "after": ""}
        if organizations is None:
            # Whatever is not behind has nothing to be remembered of.
            self._seen = {}
        named = sorted(organizations) if organizations is not None else None
        while True:
            if named is None:
                behind = await self._database.all(_BEHIND, **place)
                self._seen.update((each.id, seen[each.id]) for each in behind if each.id in seen)
            else:
                behind = await self._database.all(_OF, **place, organizations=named)
            count, rest = await self._look_at(behind, save=named is None)
            made, more = made + count, more or rest
            if len(behind) < WEBHOOKS:
                return made, more
            place = {"organization": behind[-1].organization_id, "after": behind[-1].id}

    async def _look_at(self, behind: Sequence[Webhook], *, save: bool) -> tuple[int, bool]:
        """The next page of each of these webhooks: how many deliveries it made, and whether some have more."""
        made, more, waiting = 0, False, list[_Page]()
        for place, webhook in enumerate(behind, 1):
            page = await self._look_surely(webhook, save=save)
            if page is not None:
                more = more or page.full
                waiting += [page] if page.save else []
            # Together, because each commit takes its time, but not so many that others wait for it.
            if waiting and (place == len(behind) or sum(len(each.deliveries) for each in waiting) >= WRITTEN):
                written = await self._write(waiting)
                made += sum(len(each.deliveries) for each in waiting if each.webhook.id in written)
                more, waiting = more or len(written) < len(waiting), []
        return made, more

    async def _look_surely(self, webhook: Webhook, *, save: bool) -> _Page | None:
        try:
            return await self._look(webhook, save=save)
        except ServiceError:
            raise
        except Exception:
            # Something is wrong with one of its events, which must not keep other webhooks from theirs.
            log.exception("bug", webhook=webhook.id, after=webhook.cursor)
            return None

    async def _look(self, webhook: Webhook, *, save: bool) -> _Page | None:
        """What comes next for a webhook; None where there is nothing that could be done now."""
        await asyncio.sleep(0)
        wording = self._wordings.get(webhook.api)
        if wording is None:
            return None
        after = self._after(webhook)
        events = await self._database.all(AFTER, organization=webhook.organization_id, after=after, limit=PAGE)
        number, full = events[-1].number if events else after, len(events) == PAGE
        if number == webhook.cursor:
            # All that followed has been removed from the feed, and nothing has come since.
            return None
        patterns = EventPatterns(json.loads(webhook.events))
        wanted = [
            (event, name)
            for event in events
            if event.resource_id != webhook.id
            and (name := wording.name(event)) is not None
            and patterns.takes(name)
            and _is_told(event, webhook)
        ]
        if not wanted and not save and number - webhook.cursor < UNWANTED:
            self._seen[webhook.id] = _Seen(webhook.version, webhook.cursor, number)
            return _Page(webhook, number, [], full=full, save=False)
        if not await self._has_room(webhook, len(wanted), look=save):
            return None
        return _Page(webhook, number, await self._deliveries(webhook, wording, wanted), full=full)

    async def _has_room(self, webhook: Webhook, count: int, *, look: bool) -> bool:
        """Whether as many deliveries may be made; about, where several processes make them.

        They are counted only when as many as there was room for have been made, and a full queue only now and then.
        """
        room = self._room.get(webhook.id, 1)
        if count and room < count + 1 and (room > 0 or look):
            row = await self._database.one(_WAITING, webhook=webhook.id, most=MOST_PENDING)
            room = MOST_PENDING - (row[0] if row is not None else 0)
        self._room[webhook.id] = room - count if room > 0 else 0
        return not count or room > 0

    def _after(self, webhook: Webhook) -> int:
        seen = self._seen.get(webhook.id)
        if seen is not None and (seen.version, seen.cursor) == (webhook.version, webhook.cursor):
            return seen.number
        return webhook.cursor

    async def _deliveries(
        self, webhook: Webhook, wording: Wording, wanted: Sequence[tuple[Event, str]]
    ) -> list[Delivery]:
        made: list[Delivery] = []
        names = await self._names(webhook.organization_id, wording, wanted)
        for event, name in wanted:
            if len(made) % TOGETHER == TOGETHER - 1:
                await asyncio.sleep(0)
            made.append(
                Delivery.new(
                    id=new_id(),
                    organization_id=webhook.organization_id,
                    webhook_id=webhook.id,
                    event_number=event.number,
                    event=name,
                    subject=event.resource_id,
                    lane=lanes.lane_of(webhook.ordering, event.resource_id),
                    body=await self._body(wording, event, name, names),
                    traceparent=event.traceparent,
                    created_at=0,
                )
            )
        return made

    async def _names(self, organization: str, wording: Wording, wanted: Sequence[tuple[Event, str]]) -> NamesById:
        """What the bodies that are made now call agents and projects by: looked up once for all of them."""
        new = [event for event, _ in wanted if (wording.api, organization, event.number) not in self._bodies]
        references = {each for event in new for each in wording.references(event)}
        return await names_of(self._database, organization, references) if references else {}

    async def _body(self, wording: Wording, event: Event, name: str, names: NamesById) -> str:
        key = (wording.api, event.organization_id, event.number)
        body = self._bodies.get(key)
        if body is None:
            row = await self._database.one(_NAME, organization=event.organization_id)
            data = wording.data(event, names)
            body = body_of(wording, event.organization_id, row[0] if row else "", name, event.created_at, data)
            self._bodies[key] = body
        return body

    async def _write(self, pages: Sequence[_Page]) -> set[str]:
        """Deliveries and cursors together; returns for which webhooks: those that are as they were when read."""

        async def body(transaction: Transaction) -> set[str]:
            written: set[str] = set()
            # In one order, so that two processes wait for each other at most once.
            for page in sorted(pages, key=lambda page: page.webhook.id):
                before, now = page.webhook, await transaction.one(LOCK, webhook=page.webhook.id)
                if now is None or not now.enabled or (now.version, now.cursor) != (before.version, before.cursor):
                    continue
                if page.deliveries:
                    await _insert(transaction, now.id, page.deliveries)
                await transaction.update(now, cursor=page.number)
                written.add(now.id)
            return written

        return await self._database.write(body)


def _is_told(event: Event, webhook: Webhook) -> bool:
    """Whether an event may be told to whoever made a webhook: what is one person's alone is no other's."""
    column = TOLD_TO.get(event.type.partition(".")[0])
    return column is None or bool(resource_of(event).values()[column] == webhook.owner)


async def _insert(transaction: Transaction, webhook: str, deliveries: Sequence[Delivery]) -> None:
    """New deliveries, of which the first of each lane may go, unless others are before it."""
    taken = await lanes.busy(transaction, webhook, (each.lane for each in deliveries))
    rows = []
    for each in deliveries:
        first = each.lane not in taken
        taken.add(each.lane)
        times = {"created_at": transaction.now, "next_attempt_at": transaction.now if first else None}
        rows.append({**each.values(), **times})
    await transaction.many(insertion(Delivery), rows)
