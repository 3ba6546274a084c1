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
from sqlalchemy import BigInteger, bindparam, exists, func, select

from server.core.identity.organizations import LOCK_ORGANIZATION
from server.core.notifications.preferences import EMAIL, wants
from server.core.notifications.rules import OF_PROJECTS, TOLD, Telling, references_of, tellings
from server.core.shared.names import names_of
from server.model import Event, Feed, Notification, NotificationCursor, ProjectMember, User, new_id
from server.store.among import any_of
from server.store.database import Database
from server.store.feed import AFTER, HEAD
from server.store.statement import Statement, insertion
from server.store.transaction import Transaction

# Events that are looked at in one go, and organizations.
PAGE, TOGETHER = 200, 500
# How many people are told of one event at most, and members of a project are read for that.
MEMBERS = 1000
# How far a cursor may lag behind what was looked at and concerned nobody.
UNWANTED = 1000
CACHED = 10_000
# For how long it is taken for granted that nobody, or somebody, of an organization can log in.
NOBODY_MICROSECONDS, SOMEBODY_MICROSECONDS = 5_000_000, 60_000_000
MARGIN = 60_000_000
log = structlog.get_logger()

_users = User.table().c
_feeds = Feed.table().c
_events = Event.table().c
_cursors = NotificationCursor.table().c
_members = ProjectMember.table().c
_notifications = Notification.table().c
_people = _users.password != ""
_FIRST = Statement[Any](
    select(func.min(_users.created_at)).where(_people, _users.organization_id == bindparam("organization"))
)
_UNSEEN = Statement[Any](
    select(_users.organization_id)
    .distinct()
    .where(_people, ~exists().where(_cursors.organization_id == _users.organization_id))
    .limit(TOGETHER)
)
_BEHIND = Statement[NotificationCursor](
    select(NotificationCursor.table())
    .join(Feed.table(), _feeds.organization_id == _cursors.organization_id)
    .where(_cursors.number < _feeds.head, _cursors.organization_id > bindparam("after"))
    .order_by(_cursors.organization_id)
    .limit(TOGETHER),
    NotificationCursor,
)
_of_organization = _cursors.organization_id == bindparam("organization")
_CURSOR = Statement[NotificationCursor](select(NotificationCursor.table()).where(_of_organization), NotificationCursor)
_LOCK = Statement[NotificationCursor](
    select(NotificationCursor.table()).where(_of_organization).with_for_update(), NotificationCursor
)
_MOVE = Statement[Any](
    NotificationCursor.table().update().where(_of_organization).values(number=bindparam("until", type_=BigInteger))
)
_AT = Statement[Any](
    select(_events.created_at).where(
        _events.organization_id == bindparam("organization"), _events.number == bindparam("number")
    )
)
_found = select(User.table()).where(_people, _users.organization_id == bindparam("organization"))
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
        # Whether anybody can log in, by organization, and until when that is taken for granted.
        self._peopled: FIFOCache[str, tuple[int, bool]] = FIFOCache(CACHED)
        # Up to which event an organization was looked at behind its cursor.
        self._seen: FIFOCache[str, tuple[int, int]] = FIFOCache(CACHED)

    def knows_nobody(self, organization: str) -> bool:
        """Whether it was found out within the last seconds that nobody of an organization can log in."""
        known = self._peopled.get(organization)
        return known is not None and not known[1] and self._database.clock() < known[0]

    def forget(self, organization: str) -> None:
        """Somebody may have come who can log in."""
        self._peopled.pop(organization, None)

    async def advance(self, organizations: Iterable[str]) -> set[str]:
        """Tells the people of these organizations of the next page of events; returns those with more behind it."""
        more: set[str] = set()
        for organization in organizations:
            if await self._has_people(organization):
                cursor = await self._database.one(_CURSOR, organization=organization)
                if cursor is None:
                    cursor = await self._begin(organization)
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

    async def find_new(self) -> None:
        """Gives a cursor to organizations in which somebody can log in, and that were not seen when he came."""
        for row in await self._database.scan(_UNSEEN):
            await self._begin(row[0])

    async def _has_people(self, organization: str) -> bool:
        now = self._database.clock()
        known = self._peopled.get(organization)
        if known is not None and now < known[0]:
            return known[1]
        row = await self._database.one(_FIRST, organization=organization)
        some = row is not None and row[0] is not None
        self._peopled[organization] = (now + (SOMEBODY_MICROSECONDS if some else NOBODY_MICROSECONDS), some)
        return some

    async def _begin(self, organization: str) -> NotificationCursor | None:
        """A cursor that stands before all that its people may be told of."""
        row = await self._database.one(_FIRST, organization=organization)
        if row is None or row[0] is None:
            return None
        number = await self._before(organization, row[0] - MARGIN)

        async def body(transaction: Transaction) -> NotificationCursor:
            # Two processes at once must not both make one.
            await transaction.one(LOCK_ORGANIZATION, organization=organization)
            known = await transaction.one(_CURSOR, organization=organization)
            if known is None:
                known = NotificationCursor.new(organization_id=organization, number=number)
                await transaction.insert(known)
            return known

        return await self._database.write(body)

    async def _before(self, organization: str, time: int) -> int:
        """The last event, about, that is older than a time: numbers and times go up together."""
        feed = await self._database.one(HEAD, organization=organization)
        if feed is None:
            return 0
        low, high = feed.trimmed, feed.head
        while low < high:
            middle = (low + high + 1) // 2
            row = await self._database.one(_AT, organization=organization, number=middle)
            if row is None or row[0] < time:
                low = middle
            else:
                high = middle - 1
        return int(low)

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
        told = await self._told(organization, wanted) if wanted else []
        return _Page(cursor, number, told, full=len(events) == PAGE)

    async def _told(self, organization: str, events: Sequence[Event]) -> list[Notification]:
        """What is told of these events, to those who can log in and were there."""
        members = await self._members(events)
        names = await names_of(self._database, organization, _gathered(references_of, events))
        each = [(event, telling) for event in events for telling in _safely(tellings, event, names, members)]
        ids = sorted({telling.user_id for _, telling in each})
        if not ids:
            return []
        found = await self._database.all(_PEOPLE, organization=organization, ids=ids)
        people = {user.id: user for user in found if user.disabled_at is None}
        return [
            self._notification(event, telling, people[telling.user_id])
            for event, telling in each
            if telling.user_id in people and people[telling.user_id].created_at <= event.created_at
        ]

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
        for each in new:
            mail_at = transaction.now if each.mail_at is not None else None
            row = Notification.new(**{**each.values(), "mail_at": mail_at})
            rows.append(row.values())
            transaction.emit("notification.created", row)
        if rows:
            await transaction.many(insertion(Notification), rows)


def _gathered(find: Any, events: Sequence[Event]) -> set[Any]:
    return {each for event in events for each in _safely(find, event)}


def _safely(find: Any, event: Event, *more: Any) -> list[Any]:
    """What is found of an event; nothing of one that cannot be read, which must not hold up all that follow it."""
    try:
        return list(find(event, *more))
    except Exception:
        log.exception("bug", event_type=event.type, number=event.number)
        return []
