"""Cursors: where the telling of an organization's people begins; one in which nobody can log in has none."""

from __future__ import annotations

from typing import Any

from cachetools import FIFOCache
from sqlalchemy import bindparam, exists, func, select

from server.core.identity.organizations import LOCK_ORGANIZATION
from server.model import Event, NotificationCursor, User
from server.store.database import Database
from server.store.feed import HEAD
from server.store.statement import Statement
from server.store.transaction import Transaction

# Organizations that are looked at in one go, and of how many it is remembered whether somebody can log in.
TOGETHER, CACHED = 500, 10_000
# For how long it is taken for granted that nobody, or somebody, of an organization can log in.
NOBODY_MICROSECONDS, SOMEBODY_MICROSECONDS = 5_000_000, 60_000_000
MARGIN = 60_000_000

_users = User.table().c
_events = Event.table().c
_cursors = NotificationCursor.table().c
PEOPLE = _users.password != ""
_FIRST = Statement[Any](
    select(func.min(_users.created_at)).where(PEOPLE, _users.organization_id == bindparam("organization"))
)
_UNSEEN = Statement[Any](
    select(_users.organization_id)
    .distinct()
    .where(PEOPLE, ~exists().where(_cursors.organization_id == _users.organization_id))
    .limit(TOGETHER)
)
OF_ORGANIZATION = _cursors.organization_id == bindparam("organization")
CURSOR = Statement[NotificationCursor](select(NotificationCursor.table()).where(OF_ORGANIZATION), NotificationCursor)
_AT = Statement[Any](
    select(_events.created_at).where(
        _events.organization_id == bindparam("organization"), _events.number == bindparam("number")
    )
)


class Cursors:
    """Those of every organization, as one process knows them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # Whether anybody can log in, by organization, and until when that is taken for granted.
        self._peopled: FIFOCache[str, tuple[int, bool]] = FIFOCache(CACHED)

    def knows_nobody(self, organization: str) -> bool:
        """Whether it was found out within the last seconds that nobody of an organization can log in."""
        known = self._peopled.get(organization)
        return known is not None and not known[1] and self._database.clock() < known[0]

    def forget(self, organization: str) -> None:
        """Somebody may have come who can log in."""
        self._peopled.pop(organization, None)

    async def of(self, organization: str) -> NotificationCursor | None:
        """The cursor of an organization, which is made where somebody can log in; None where nobody can."""
        if not await self._has_people(organization):
            return None
        cursor = await self._database.one(CURSOR, organization=organization)
        return cursor if cursor is not None else await self._begin(organization)

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
            known = await transaction.one(CURSOR, organization=organization)
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
