"""Attempts to log in: slowed down, and refused for a while, where too many passwords were wrong.

What is counted is an account, an address, and the one from the other. A stranger who guesses is soon refused where he
is, and for an account that many guess at, strangers are refused wherever they are; but never who has come from the
same address before.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter
from sqlalchemy import bindparam, case, delete, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from server.errors import TooMany
from server.model import FailedLogins, Login
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

# How long failures count from the first one on, in microseconds.
WINDOW = 300 * 1_000_000
# How many may fail meanwhile: for an account from one address, for it from anywhere new, and from one address.
OF_BOTH, OF_ACCOUNT, OF_ADDRESS = 10, 20, 50
# How many of these are looked at together, of an account from one address.
AT_ONCE = 3
# From which failure on the answer waits, twice as long each time, and at most how long.
FIRST_SLOW, SLOWEST_SECONDS = 5, 2.0
# Addresses that are counted in memory, so that strangers do not fill it.
COUNTED = 20_000

_table = FailedLogins.table()
_failed = _table.c
_over = _failed.since <= bindparam("before")
_COUNT = Statement[Any](
    upsert(_table)
    .values(subject=bindparam("subject"), failures=1, since=bindparam("now"))
    .on_conflict_do_update(
        index_elements=["subject"],
        set_={
            "failures": case((_over, 1), else_=_failed.failures + 1),
            "since": case((_over, bindparam("now")), else_=_failed.since),
        },
    )
    .returning(_failed.failures, _failed.since)
)
_TAKE_BACK = Statement[Any](
    update(_table).where(_failed.subject == bindparam("subject")).values(failures=_failed.failures - 1)
)
_CLEAR = Statement[Any](delete(_table).where(_failed.subject == bindparam("subject")))
_FORGET = Statement[Any](delete(_table).where(_failed.since < bindparam("before")))
_logins = Login.table().c
_KNOWN = Statement[Any](
    select(_logins.id).where(_logins.user_id == bindparam("user"), _logins.address == bindparam("address")).limit(1)
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt, which counts as failed until it is known to be none."""

    both: str
    account: str
    address: str
    failures: int


class Attempts:
    """Counts attempts to log in; `per_minute` is how many an address may make, good or bad, None for any number."""

    def __init__(
        self,
        database: Database,
        per_minute: int | None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._database = database
        self._minute = RateLimitItemPerMinute(per_minute, namespace="logins") if per_minute is not None else None
        self._storage = MemoryStorage()
        self._limiter = FixedWindowRateLimiter(self._storage)
        self._sleep = sleep
        self._turns: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def count(self, address: str) -> None:
        """Counts what costs a password's hash. Raises TooMany where the address has asked for too many this minute."""
        if self._minute is None or not address:
            return
        if len(self._storage.storage) >= COUNTED:
            await self._storage.reset()
        if not await self._limiter.hit(self._minute, address):
            reset, _ = await self._limiter.get_window_stats(self._minute, address)
            raise _too_many(max(1, math.ceil(reset - self._database.clock() / 1_000_000)))

    def in_turn(self, address: str, email: str) -> asyncio.Semaphore:
        """Lets a few at a time be looked at: each counts as failed until it is known to be none."""
        subject = _subject("both", address, email)
        turns = self._turns.get(subject)
        if turns is None:
            turns = self._turns[subject] = asyncio.Semaphore(AT_ONCE)
        return turns

    async def begin(self, address: str, email: str, user_id: str) -> Attempt:
        """Counts an attempt before it is looked at, so that many at once are no more than many in turn.

        `user_id` is empty where there is no such user. Raises TooMany.
        """
        await self.count(address)
        both, account, place = (
            _subject("both", address, email),
            _subject("account", email),
            _subject("address", address),
        )

        async def body(transaction: Transaction) -> Attempt:
            counted = {}
            # In one order, so that two transactions never wait for each other.
            for subject in sorted((both, account, place)):
                row = await transaction.one(
                    _COUNT, subject=subject, now=transaction.now, before=transaction.now - WINDOW
                )
                assert row is not None
                counted[subject] = row
            for subject, most in ((both, OF_BOTH), (place, OF_ADDRESS), (account, OF_ACCOUNT)):
                failures, since = counted[subject]
                if failures <= most or (subject == place and not address):
                    continue
                if subject == account and await self._has_come_from(transaction, user_id, address):
                    continue
                raise _too_many(math.ceil((since + WINDOW - transaction.now) / 1_000_000))
            return Attempt(both, account, place, counted[both][0])

        return await self._database.write(body)

    async def failed(self, attempt: Attempt) -> None:
        """Lets whoever has failed often wait; an answer that never comes is no reason to ask again."""
        if attempt.failures >= FIRST_SLOW:
            await self._sleep(min(SLOWEST_SECONDS, 0.1 * 2 ** (attempt.failures - FIRST_SLOW)))

    @staticmethod
    async def forgive(transaction: Transaction, attempt: Attempt) -> None:
        """Counts it no more, and forgets what came before it from the same address."""
        for subject in sorted((attempt.both, attempt.account, attempt.address)):
            await transaction.run(_CLEAR if subject == attempt.both else _TAKE_BACK, subject=subject)

    async def forget(self) -> None:
        """Removes what counts no more."""

        async def body(transaction: Transaction) -> None:
            await transaction.run(_FORGET, before=transaction.now - WINDOW)

        await self._database.write(body)

    @staticmethod
    async def _has_come_from(transaction: Transaction, user_id: str, address: str) -> bool:
        if not user_id or not address:
            return False
        return await transaction.one(_KNOWN, user=user_id, address=address) is not None


def _too_many(seconds: int) -> TooMany:
    return TooMany(f"too many attempts to log in; try again in {seconds} seconds", retry_after=seconds)


def _subject(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
