"""The consumer: reads each organization's feed from a cursor of its own, and tells its people what concerns them.

Notifications and the cursor that has passed their events are written in one transaction, so whatever dies in between
loses none and doubles none. An organization in which nobody can log in has no cursor, and its events cost a look into
a cache.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from cachetools import FIFOCache
from sqlalchemy import BigInteger, bindparam, select

from server.core.notifications.cursors import OF_ORGANIZATION, PEOPLE, TOGETHER, Cursors
from server.core.notifications.mail import PLAN
from server.core.notifications.preferences import EMAIL, wants
from server.core.notifications.rules import OF_PROJECTS, TOLD, Telling, references_of, tellings
from server.core.shared.names import names_of
from server.model import Event, Feed, Notification, NotificationCursor, ProjectMember, User, new_id
from server.pace import Pace, all_of
from server.store.among import any_of
from server.store.database import Database
from server.store.feed import AFTER
from server.store.statement import Statement, insertion
from server.store.transaction import Transaction

# Events that are looked at in one go, and how many notifications of them are written together, or of one: others wait.
PAGE, MOST = 200, 500
# How many people are told of one event at most, and members of a project are read for that.
MEMBERS = 1000
# How far a cursor may lag behind what was looked at and concerned nobody.
UNWANTED = 1000
CACHED = 10_000
log = structlog.get_logger()

_users = User.table().c
_feeds = Feed.table().c
_cursors = NotificationCursor.table().c
_members = ProjectMember.table().c
_notifications = Notification.table().c
_BEHIND = Statement[NotificationCursor](
    select(NotificationCursor.table())
    .join(Feed.table(), _feeds.organization_id == _cursors.organization_id)
    .where(_cursors.number < _feeds.head, _cursors.organization_id > bindparam("after"))
    .order_by(_cursors.organization_id)
    .limit(TOGETHER),
    NotificationCursor,
)
_LOCK = Statement[NotificationCursor](
    select(NotificationCursor.table()).where(OF_ORGANIZATION).with_for_update(), NotificationCursor
)
_MOVE = Statement[Any](
    NotificationCursor.table().update().where(OF_ORGANIZATION).values(number=bindparam("until", type_=BigInteger))
)
_found = select(User.table()).where(PEOPLE, _users.organization_id == bindparam("organization"))
_PEOPLE = Statement[User](_found.where(any_of(_users.id, "ids")), User)
_part = select(_members.project_id, _members.user_id)
_MEMBERS = Statement[Any](_part.where(any_of(_members.project_id, "ids")).limit(MEMBERS))
_known = select(_notifications.user_id, _notifications.event_number, _notifications.type).where(
    _notifications.event_number.between(bindparam("first"), bindparam("last"))
)
_KNOWN = Statement[Any](_known.where(any_of(_notifications.user_id, "ids")))


@dataclass(frozen=True, slots=True)
class _Page:
    """What is next for an organization: up to which event, what its people are told, and whether more follows."""

    cursor: NotificationCursor
    number: int
    notifications: Sequence[Notification]
    full: bool


class Notifier:
    """One process's share. Several may run: each page is written by whoever comes first."""

    def __init__(self, database: Database, *, mails: bool = False) -> None:
        self._database = database
        # Whether mail is sent, to those who want it.
        self._mails = mails
        self.cursors = Cursors(database)
        # Up to which event an organization was looked at behind its cursor.
        self._seen: FIFOCache[str, tuple[int, int]] = FIFOCache(CACHED)

    async def advance(self, organizations: Iterable[str]) -> set[str]:
        """Tells the people of these organizations of the next page of events; returns those with more behind it."""
        more: set[str] = set()
        for organization in organizations:
            cursor = await self.cursors.of(organization)
            if cursor is not None and await self._step(cursor, save=False):
                more.add(organization)
        return more

    async def catch_up(self) -> bool:
        """The same for whoever is behind, wherever the events were made; returns whether some have more."""
        after, more = "", False
        while True:
            behind = await self._database.all(_BEHIND, after=after)
            for cursor in behind:
                more = await self._step(cursor, save=True) or more
            if len(behind) < TOGETHER:
                return more
            after = behind[-1].organization_id

    async def _step(self, cursor: NotificationCursor, *, save: bool) -> bool:
        """The next page of one organization; whether more follows."""
        page = await self._look(cursor)
        moved = page.number - cursor.number
        if page.notifications or moved >= UNWANTED or (save and moved):
            await self._write(page)
        elif moved:
            self._seen[cursor.organization_id] = (cursor.number, page.number)
        return page.full

    async def _look(self, cursor: NotificationCursor) -> _Page:
        await asyncio.sleep(0)
        organization = cursor.organization_id
        known = self._seen.get(organization, (-1, 0))
        after = known[1] if known[0] == cursor.number else cursor.number
        events = await self._database.all(AFTER, organization=organization, after=after, limit=PAGE)
        number = events[-1].number if events else after
        wanted = [event for event in events if event.type in TOLD]
        each = await self._tellings(organization, wanted) if wanted else []
        if len(each) > MOST:
            # As many events as fit in, or the first one.
            over = max(each[MOST][0].number, each[0][0].number + 1)
            each = [pair for pair in each if pair[0].number < over]
            number = each[-1][0].number
        told = await self._told(organization, each) if each else []
        return _Page(cursor, number, told, full=len(events) == PAGE or bool(events and number < events[-1].number))

    async def _tellings(self, organization: str, events: Sequence[Event]) -> list[tuple[Event, Telling]]:
        """What is to be told of these events, in their order."""
        members = await self._members(events)
        names = await names_of(self._database, organization, _gathered(references_of, events))
        return await all_of(
            (event, telling) for event in events for telling in _safely(tellings, event, names, members)
        )

    async def _told(self, organization: str, each: Sequence[tuple[Event, Telling]]) -> list[Notification]:
        """The same for those who can log in and were there."""
        ids = sorted({telling.user_id for _, telling in each})
        found = await self._database.all(_PEOPLE, organization=organization, ids=ids)
        people = {user.id: user for user in found if user.disabled_at is None}
        return await all_of(
            self._notification(event, telling, people[telling.user_id])
            for event, telling in each
            if telling.user_id in people and people[telling.user_id].created_at <= event.created_at
        )

    def _notification(self, event: Event, telling: Telling, user: User) -> Notification:
        return Notification.new(
            id=new_id(),
            organization_id=event.organization_id,
            user_id=user.id,
            type=telling.type,
            title=telling.title,
            message=telling.message,
            resource_id=event.resource_id,
            event_number=event.number,
            created_at=event.created_at,
            mail_at=0 if self._mails and wants(user, EMAIL) else None,
        )

    async def _members(self, events: Sequence[Event]) -> Mapping[str, Sequence[str]]:
        projects = sorted({event.resource_id for event in events if event.type in OF_PROJECTS})
        by_project: dict[str, list[str]] = {}
        for project, user in await self._database.all(_MEMBERS, ids=projects) if projects else []:
            by_project.setdefault(project, []).append(user)
        return by_project

    async def _write(self, page: _Page) -> None:
        """Notifications and the cursor together, unless somebody else was there first."""
        before, organization = page.cursor.number, page.cursor.organization_id
        self._seen.pop(organization, None)

        async def body(transaction: Transaction) -> None:
            now = await transaction.one(_LOCK, organization=organization)
            if now is None or now.number != before:
                return
            if page.notifications:
                await self._insert(transaction, page)
            await transaction.run(_MOVE, organization=organization, until=page.number)

        await self._database.write(body)

    @staticmethod
    async def _insert(transaction: Transaction, page: _Page) -> None:
        users = sorted({each.user_id for each in page.notifications})
        # None, unless a cursor was lost and made anew.
        known = await transaction.all(_KNOWN, ids=users, first=page.cursor.number, last=page.number)
        told = {tuple(row) for row in known}
        new = [each for each in page.notifications if (each.user_id, each.event_number, each.type) not in told]
        rows = []
        pace = Pace()
        for each in new:
            mail_at = transaction.now if each.mail_at is not None else None
            row = Notification.new(**{**each.values(), "mail_at": mail_at})
            rows.append(row.values())
            transaction.emit("notification.created", row)
            await pace.turn()
        if rows:
            await transaction.many(insertion(Notification), rows)
        mailed = sorted({row["user_id"] for row in rows if row["mail_at"] is not None})
        if mailed:
            organization = page.cursor.organization_id
            plans = [{"user": user, "organization": organization, "now": transaction.now} for user in mailed]
            await transaction.many(PLAN, plans)


def _gathered(find: Any, events: Sequence[Event]) -> set[Any]:
    return {each for event in events for each in _safely(find, event)}


def _safely(find: Any, event: Event, *more: Any) -> list[Any]:
    """What is found of an event; nothing of one that cannot be read, which must not hold up all that follow it."""
    try:
        return list(find(event, *more))
    except Exception:
        log.exception("bug", event_type=event.type, number=event.number)
        return []
