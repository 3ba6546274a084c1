"""Audit: what makes no event and is to be remembered all the same: refusals, and acts such as logins.

What callers change makes events, which say who it was. The rest is noted here and written a bit later, many together.
A flood of refusals so costs next to nothing: of each caller a few a second are kept, and how many more there were.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import structlog
from cachetools import FIFOCache
from sqlalchemy import select

from server.model import ApiKey, AuditEntry, new_id
from server.store.acting import Actor
from server.store.among import any_of
from server.store.database import Database
from server.store.statement import Statement, insertion
from server.store.transaction import Transaction

DONE = "done"
# How many wait to be written at most, and are written together; how many of one caller are kept in a second.
WAITING, TOGETHER, A_SECOND = 2000, 200, 5
SECOND = 1_000_000
CALLERS = 10_000
DETAIL = 500
FLUSH_SECONDS = 1.0
log = structlog.get_logger()

_keys = ApiKey.table().c
_whose = select(_keys.digest, _keys.organization_id, _keys.user_id, _keys.agent_id, _keys.id)
_KEYS = Statement[Any](_whose.where(any_of(_keys.digest, "digests")))


@dataclass(frozen=True, slots=True)
class Note:
    """One thing that somebody did, or tried."""

    actor: Actor
    action: str
    at: int
    outcome: str = DONE
    resource_id: str = ""
    request_id: str = ""
    detail: str = ""
    # SHA-256 of a key that was good once, where it is all that is known of who it was.
    digest: str = ""

    def row(self) -> AuditEntry:
        """As it is kept."""
        return AuditEntry.new(
            id=new_id(),
            organization_id=self.actor.organization_id,
            created_at=self.at,
            actor=self.actor.name,
            credential=self.actor.credential,
            via=self.actor.via,
            address=self.actor.address,
            action=self.action,
            resource_id=self.resource_id,
            outcome=self.outcome,
            request_id=self.request_id,
            detail=self.detail[:DETAIL],
        )


class _Second:
    """How many notes of one caller came in a second."""

    __slots__ = ("begins", "count")

    def __init__(self, begins: int) -> None:
        self.begins = begins
        self.count = 0


class Audit:
    """What one process has noted, and writes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: deque[Note] = deque()
        self._seconds: FIFOCache[tuple[str, ...], _Second] = FIFOCache(CALLERS)
        self._lost = 0

    def note(
        self,
        actor: Actor,
        action: str,
        *,
        outcome: str = DONE,
        resource_id: str = "",
        request_id: str = "",
        detail: str = "",
        digest: str = "",
    ) -> None:
        """Remembers what an actor did, or was refused; it is written soon, and lost where the process dies before.

        Of somebody without an organization nothing is kept, unless the digest of a key says which it was.
        """
        if not actor.organization_id and not digest:
            return
        now = self._database.clock()
        more = self._more(now, (actor.organization_id, actor.name, actor.credential, digest, outcome))
        if more is None:
            return
        if len(self._waiting) >= WAITING:
            self._lost += 1
            return
        told = f"{detail[: DETAIL - 50]} (and {more} more before)" if more else detail
        self._waiting.append(Note(actor, action, now, outcome, resource_id, request_id, told, digest))

    def _more(self, now: int, caller: tuple[str, ...]) -> int | None:
        """How many notes of a caller were passed over before this one; None where this one is passed over, too."""
        second = self._seconds.get(caller)
        if second is None or now - second.begins >= SECOND:
            passed = max(0, second.count - A_SECOND) if second is not None else 0
            second = self._seconds[caller] = _Second(now)
            second.count = 1
            return passed
        second.count += 1
        return 0 if second.count <= A_SECOND else None

    async def record(self, transaction: Transaction, actor: Actor, action: str, **more: str) -> None:
        """The same within a transaction: what it says is kept exactly when the transaction is."""
        await transaction.insert(Note(actor, action, transaction.now, **more).row())

    async def run(self) -> None:
        """Writes what waits, again and again."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            await self.flush()

    async def flush(self) -> None:
        """Writes what waits."""
        if self._lost:
            log.warning("the audit log could not keep everything", lost=self._lost)
            self._lost = 0
        while self._waiting:
            together = [self._waiting[place] for place in range(min(TOGETHER, len(self._waiting)))]
            rows = [each.row().values() for each in await self._named(together) if each.actor.organization_id]

            async def body(transaction: Transaction, rows: Sequence[Any] = rows) -> None:
                await transaction.many(insertion(AuditEntry), list(rows))

            if rows:
                await self._database.write(body)
            for _ in together:
                self._waiting.popleft()

    async def _named(self, notes: Sequence[Note]) -> Sequence[Note]:
        """The same, with whose key it was where only its digest was known."""
        digests = sorted({each.digest for each in notes if each.digest})
        found = {row[0]: row for row in await self._database.all(_KEYS, digests=digests)} if digests else {}
        return [_of_key(each, found[each.digest]) if each.digest in found else each for each in notes]


def _of_key(note: Note, row: Any) -> Note:
    _, organization, user, agent, key = row
    name = f"agent_{agent}" if agent else f"user_{user}"
    return replace(note, actor=replace(note.actor, organization_id=organization, name=name, credential=key))
