"""The inbox: what a person has been told, and what of that has been read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Integer, bindparam, delete, func, select, update

from server.core.shared import idempotency
from server.core.shared.call_context import Call
from server.core.shared.ids import parse_id
from server.errors import InvalidRequest, NotFound
from server.model import Notification, User
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

REMOVED = 1000

_notifications = Notification.table().c
_own = (_notifications.user_id == bindparam("user"), _notifications.organization_id == bindparam("organization"))
_unread = _notifications.read_at.is_(None)
_limit, _offset = bindparam("limit", type_=Integer), bindparam("offset", type_=Integer)
_page = select(Notification.table()).where(*_own).order_by(_notifications.id.desc()).limit(_limit)
_before = _notifications.id < bindparam("before")
_SLICE, _SLICE_UNREAD = (
    Statement[Notification](each.offset(_offset), Notification) for each in (_page, _page.where(_unread))
)
_PAGE, _PAGE_UNREAD = (
    Statement[Notification](each.where(_before), Notification) for each in (_page, _page.where(_unread))
)
_count = select(func.count()).select_from(Notification.table()).where(*_own)
_COUNT, _COUNT_UNREAD = Statement[Any](_count), Statement[Any](_count.where(_unread))
_LOCK = Statement[Notification](
    select(Notification.table()).where(_notifications.id == bindparam("id"), *_own).with_for_update(), Notification
)
_READ_ALL = Statement[Any](
    update(Notification.table()).where(*_own, _unread).values(read_at=bindparam("now", type_=BigInteger))
)
_old = (
    select(_notifications.id)
    .where(_notifications.id < bindparam("before"))
    .order_by(_notifications.id)
    .limit(bindparam("most", type_=Integer))
)
_REMOVE = Statement[Any](delete(Notification.table()).where(_notifications.id.in_(_old)))
_users = User.table().c
_USER = Statement[User](select(User.table()).where(_users.id == bindparam("user")), User)


@dataclass(frozen=True, slots=True)
class Told:
    """A page of what a person was told, newest first; how many there are in all, and how many have not been read."""

    rows: Sequence[Notification]
    unread: int
    total: int = 0
    next_token: str = ""


class Inbox:
    """Everybody's; each call sees that of its own user."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def slice(self, call: Call, *, limit: int, offset: int, unread: bool = False) -> Told:
        """From an offset, with the number of all that there are."""
        own = _whose(call)
        rows = await self._database.scan(_SLICE_UNREAD if unread else _SLICE, **own, limit=limit, offset=offset)
        new = await self._number(_COUNT_UNREAD, own)
        return Told(rows, new, total=new if unread else await self._number(_COUNT, own))

    async def page(self, call: Call, *, size: int, token: str, unread: bool = False) -> Told:
        """By page token. Raises InvalidRequest."""
        try:
            before = parse_id("page", token) if token else "g"
        except NotFound:
            raise InvalidRequest("page_token", "is not a token of this list") from None
        own = _whose(call)
        rows = await self._database.all(_PAGE_UNREAD if unread else _PAGE, **own, before=before, limit=size + 1)
        token = rows[size - 1].id if len(rows) > size else ""
        return Told(rows[:size], await self._number(_COUNT_UNREAD, own), next_token=token)

    async def read(self, call: Call, identifier: str) -> Notification:
        """Notes that one has been read; the first time counts. Raises NotFound where it is not the caller's."""
        digits = parse_id("notification", identifier)

        async def body(transaction: Transaction) -> Notification:
            row = await transaction.one(_LOCK, id=digits, **_whose(call))
            if row is None:
                raise NotFound("notification", identifier)
            if await idempotency.done(transaction, call) is None:
                await idempotency.mark(transaction, call, row.id)
            return row if row.read_at is not None else await transaction.update(row, read_at=transaction.now)

        return await self._database.write(body)

    async def read_all(self, call: Call) -> int:
        """Notes that all have been read; returns how many had not been."""

        async def body(transaction: Transaction) -> int:
            # Whoever asks again hears how many there were the first time.
            if (before := await idempotency.done(transaction, call)) is not None:
                return int(before)
            count = await transaction.run(_READ_ALL, **_whose(call), now=transaction.now)
            await idempotency.mark(transaction, call, str(count))
            return count

        return await self._database.write(body)

    async def user(self, call: Call) -> User | None:
        """Whoever calls."""
        return await self._database.one(_USER, user=call.caller.user_id)

    async def forget(self, before: int) -> None:
        """Removes some of what was told before a time, read or not."""
        # Ids begin with their time, in milliseconds.
        first = f"{before // 1000:012x}"

        async def body(transaction: Transaction) -> int:
            return await transaction.run(_REMOVE, before=first, most=REMOVED)

        while await self._database.write(body) == REMOVED:
            pass

    async def _number(self, statement: Statement[Any], own: dict[str, str]) -> int:
        return int((await self._database.scan(statement, **own))[0][0])


def _whose(call: Call) -> dict[str, str]:
    return {"user": call.caller.user_id, "organization": call.organization_id}
