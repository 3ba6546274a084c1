"""The queue of mail: each person is told of all that has come since his last mail, in one, and not too often.

Whoever takes a person's mail has it for the time of an attempt, and what came of it is recorded. What is in a mail
stays the same while it is tried. It goes out once; where a process dies between sending it and noting that, it goes out
again, under the same Message-ID.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Integer, bindparam, case, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from server.core.notifications.preferences import EMAIL, wants
from server.core.shared.letter import Letter
from server.model import Mailing, Notification, User
from server.store.among import any_of
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

# How many people's mail is sent over one connection, and how long one process has it.
TOGETHER = 20
LEASE = 120_000_000
MINUTE = 60_000_000
# A person has no more than one mail in so long.
APART = 5 * MINUTE
# How many notifications a mail shows; it counts the others.
SHOWN = 20
# From a failed attempt to the next one; after the last of them no other follows.
DELAYS = (MINUTE, 5 * MINUTE, 30 * MINUTE, 120 * MINUTE, 600 * MINUTE)
WHY = "You get this because mail is among your notifications; your preferences say whether it is."

_mailings = Mailing.table().c
_notifications = Notification.table().c
_users = User.table().c
_now = bindparam("now", type_=BigInteger)
_waiting = _mailings.due_at.is_not(None)
_chosen = (
    select(_mailings.user_id)
    .where(_waiting, _mailings.due_at <= _now)
    .order_by(_mailings.due_at)
    .limit(bindparam("limit", type_=Integer))
    .with_for_update(skip_locked=True)
    .cte("chosen")
)
_CLAIM = Statement[Mailing](
    update(Mailing.table())
    .where(_mailings.user_id.in_(select(_chosen.c.user_id)), _waiting)
    .values(due_at=bindparam("until", type_=BigInteger), attempts=_mailings.attempts + 1)
    .returning(Mailing.table()),
    Mailing,
)
_FIX = Statement[Any](
    update(Mailing.table())
    .where(_mailings.user_id == bindparam("user"))
    .values(last=bindparam("newest", type_=BigInteger), not_before=bindparam("apart", type_=BigInteger))
)
# Another one is due as soon as may be, unless one is already.
PLAN = Statement[Any](
    upsert(Mailing.table())
    .values(
        user_id=bindparam("user"),
        organization_id=bindparam("organization"),
        due_at=_now,
        attempts=0,
        last=0,
        not_before=0,
    )
    .on_conflict_do_update(
        index_elements=["user_id"],
        set_={"due_at": case((_mailings.not_before > _now, _mailings.not_before), else_=_now)},
        where=_mailings.due_at.is_(None),
    )
)
_to_mail = (_notifications.user_id == bindparam("user"), _notifications.mail_at.is_not(None))
# By the numbers of events, which go up whichever machine has written what was told of them.
_newest = bindparam("newest", type_=BigInteger)
_in_mail = (*_to_mail, _notifications.event_number <= _newest)
_NEWEST = Statement[Any](select(func.max(_notifications.event_number)).where(*_to_mail))
_COUNT = Statement[Any](select(func.count()).where(*_in_mail, _notifications.read_at.is_(None)))
_ROWS = Statement[Notification](
    select(Notification.table())
    .where(*_in_mail, _notifications.read_at.is_(None))
    .order_by(_notifications.event_number, _notifications.id)
    .limit(SHOWN),
    Notification,
)
_people = select(User.table()).where(_users.password != "")
_PEOPLE = Statement[User](_people.where(any_of(_users.id, "ids")), User)
_this_attempt = (
    _mailings.user_id == bindparam("user"),
    _mailings.attempts == bindparam("attempt"),
    _mailings.last == _newest,
)
_OVER = Statement[Any](update(Mailing.table()).where(*_this_attempt).values(due_at=None, attempts=0, last=0))
_AGAIN = Statement[Any](update(Mailing.table()).where(*_this_attempt).values(due_at=bindparam("at", type_=BigInteger)))
_DONE = Statement[Any](
    update(Notification.table()).where(*_in_mail).values(mail_at=None, mailed_at=bindparam("at", type_=BigInteger))
)
# What has come while the mail was under way goes with the next one.
_NEXT_ONE = Statement[Any](
    update(Mailing.table())
    .where(_mailings.user_id == bindparam("user"), _mailings.due_at.is_(None), exists().where(*_to_mail))
    .values(due_at=_mailings.not_before)
)
_NEXT = Statement[Any](select(_mailings.due_at).where(_waiting).order_by(_mailings.due_at).limit(1))


@dataclass(frozen=True, slots=True)
class Mail:
    """One that is to be sent now: some of a person's notifications, and how many they are in all."""

    mailing: Mailing
    user: User
    rows: Sequence[Notification]
    count: int

    @property
    def id(self) -> str:
        """What it is known by, however often it is tried."""
        return f"{self.mailing.user_id}.{self.mailing.last}"

    @property
    def letter(self) -> Letter:
        """What he reads."""
        first, user = self.rows[0], self.user
        if self.count == 1:
            subject, parts = first.title, [first.title, first.message]
        else:
            subject = f"{self.count} notifications"
            parts = ["\n".join(f"- {' '.join(each.title.split())}" for each in self.rows)]
            if self.count > len(self.rows):
                parts.append(f"And {self.count - len(self.rows)} more.")
        text = "\n\n".join(part for part in (*parts, WHY) if part)
        return Letter(self.id, user.name, user.email, subject, text, self.rows[-1].created_at)


class MailQueue:
    """The mail of everybody, of every organization."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self) -> Sequence[Mail]:
        """Takes what is due; who wants none any more, or has read it all, gets none."""

        async def body(transaction: Transaction) -> list[Mail]:
            now = transaction.now
            claimed = await transaction.all(_CLAIM, now=now, until=now + LEASE, limit=TOGETHER)
            ids = sorted(each.user_id for each in claimed)
            people = {user.id: user for user in await transaction.all(_PEOPLE, ids=ids)} if ids else {}
            mails = []
            for each in claimed:
                mail = await _filled(transaction, each, people.get(each.user_id))
                if mail is not None:
                    mails.append(mail)
            return mails

        return await self._database.write(body)

    async def record(self, mails: Sequence[Mail], taken: Collection[str]) -> None:
        """What came of attempts: the ids of letters that were taken. Others are tried again later, but not for ever."""

        async def body(transaction: Transaction) -> None:
            for mail in mails:
                mailing = mail.mailing
                if mail.id in taken:
                    await _end(transaction, mailing, transaction.now)
                elif mailing.attempts > len(DELAYS):
                    await _end(transaction, mailing, None)
                else:
                    at = transaction.now + DELAYS[mailing.attempts - 1]
                    await transaction.run(_AGAIN, **_attempt(mailing), at=at)

        await self._database.write(body)

    async def seconds(self) -> float | None:
        """Until the next one is due; None where none waits."""
        row = await self._database.one(_NEXT)
        return max(0.0, (row[0] - self._database.clock()) / 1_000_000) if row is not None else None


async def _filled(transaction: Transaction, mailing: Mailing, user: User | None) -> Mail | None:
    """The mail of who has been claimed; None where there is nothing to say to him."""
    owner = mailing.user_id
    if not mailing.last:
        row = await transaction.one(_NEWEST, user=owner)
        newest = row[0] if row is not None and row[0] is not None else 0
        mailing = Mailing.new(**{**mailing.values(), "last": newest})
        await transaction.run(_FIX, user=owner, newest=newest, apart=transaction.now + APART)
    rows = await transaction.all(_ROWS, user=owner, newest=mailing.last)
    if not rows or user is None or user.disabled_at is not None or not wants(user, EMAIL):
        await _end(transaction, mailing, None)
        return None
    count = len(rows)
    if count == SHOWN:
        counted = await transaction.one(_COUNT, user=owner, newest=mailing.last)
        count = counted[0] if counted is not None else count
    return Mail(mailing, user, rows, count)


async def _end(transaction: Transaction, mailing: Mailing, mailed_at: int | None) -> None:
    """This mail is tried no more, unless somebody else has it by now."""
    if not await transaction.run(_OVER, **_attempt(mailing)):
        return
    await transaction.run(_DONE, user=mailing.user_id, newest=mailing.last, at=mailed_at)
    await transaction.run(_NEXT_ONE, user=mailing.user_id)


def _attempt(mailing: Mailing) -> dict[str, Any]:
    return {"user": mailing.user_id, "attempt": mailing.attempts, "newest": mailing.last}
