"""The queue of mail: who takes a notification has it for the time of an attempt, and what came of it is recorded.

A mail goes out at least once: where a process dies between sending it and noting that, it goes out again, under the
same Message-ID.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Integer, bindparam, select, update

from server.core.notifications.preferences import EMAIL, wants
from server.model import Notification, User
from server.store.among import any_of
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

# How many are sent over one connection, and how long one process may take for them.
TOGETHER = 50
LEASE = 120_000_000
MINUTE = 60_000_000
# From a failed attempt to the next one; after the last of them no other follows.
DELAYS = (MINUTE, 5 * MINUTE, 30 * MINUTE, 120 * MINUTE, 600 * MINUTE)

_notifications = Notification.table().c
_users = User.table().c
_waiting = _notifications.mail_at.is_not(None)
_chosen = (
    select(_notifications.id)
    .where(_waiting, _notifications.mail_at <= bindparam("now", type_=BigInteger))
    .order_by(_notifications.mail_at)
    .limit(bindparam("limit", type_=Integer))
    .with_for_update(skip_locked=True)
    .cte("chosen")
)
_CLAIM = Statement[Notification](
    update(Notification.table())
    .where(_notifications.id.in_(select(_chosen.c.id)), _waiting)
    .values(mail_at=bindparam("until", type_=BigInteger), mail_attempts=_notifications.mail_attempts + 1)
    .returning(Notification.table()),
    Notification,
)
_people = select(User.table()).where(_users.password != "")
_PEOPLE = Statement[User](_people.where(any_of(_users.id, "ids")), User)
_of = _notifications.id == bindparam("id")
_this_attempt = _notifications.mail_attempts == bindparam("attempt")
_DONE = Statement[Any](
    update(Notification.table())
    .where(_of, _this_attempt)
    .values(mail_at=None, mailed_at=bindparam("at", type_=BigInteger))
)
_AGAIN = Statement[Any](
    update(Notification.table()).where(_of, _this_attempt).values(mail_at=bindparam("at", type_=BigInteger))
)
_NEXT = Statement[Any](select(_notifications.mail_at).where(_waiting).order_by(_notifications.mail_at).limit(1))


@dataclass(frozen=True, slots=True)
class Mail:
    """One that is to be sent now."""

    notification: Notification
    user: User


class MailQueue:
    """Notifications that are to be mailed, of every organization."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self) -> Sequence[Mail]:
        """Takes what is due; whom a mail was meant for and who wants none any more gets none."""

        async def body(transaction: Transaction) -> list[Notification]:
            return await transaction.all(_CLAIM, now=transaction.now, until=transaction.now + LEASE, limit=TOGETHER)

        claimed = await self._database.write(body)
        ids = sorted({each.user_id for each in claimed})
        people = {user.id: user for user in await self._database.all(_PEOPLE, ids=ids)} if ids else {}
        mails = []
        for each in claimed:
            user = people.get(each.user_id)
            if user is not None and user.disabled_at is None and each.read_at is None and wants(user, EMAIL):
                mails.append(Mail(each, user))
        sent = {mail.notification.id for mail in mails}
        await self._give_up([each for each in claimed if each.id not in sent])
        return mails

    async def record(self, mails: Sequence[Mail], taken: Collection[str]) -> None:
        """What came of attempts: which notifications were taken. Others are tried again later, but not for ever."""

        async def body(transaction: Transaction) -> None:
            for row in (mail.notification for mail in mails):
                given = {"id": row.id, "attempt": row.mail_attempts}
                if row.id in taken:
                    await transaction.run(_DONE, **given, at=transaction.now)
                else:
                    left = row.mail_attempts <= len(DELAYS)
                    at = transaction.now + DELAYS[row.mail_attempts - 1] if left else None
                    await transaction.run(_AGAIN, **given, at=at)

        await self._database.write(body)

    async def seconds(self) -> float | None:
        """Until the next one is due; None where none waits."""
        row = await self._database.one(_NEXT)
        return max(0.0, (row[0] - self._database.clock()) / 1_000_000) if row is not None else None

    async def _give_up(self, unwanted: Sequence[Notification]) -> None:
        async def body(transaction: Transaction) -> None:
            for row in unwanted:
                await transaction.run(_AGAIN, id=row.id, attempt=row.mail_attempts, at=None)

        if unwanted:
            await self._database.write(body)
