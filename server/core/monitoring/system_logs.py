"""The server's log, as far as it is kept: written in the background, bounded in lines and age, there for people."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import combinations
from typing import Any

from sqlalchemy import bindparam, delete, select

from server.core.monitoring.recent_lines import RecentLines
from server.core.shared.call_context import Call
from server.model import LogEntry, new_id
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

# How many lines are kept, and for how long; how many are written together, and how often it is looked for old ones.
KEPT_LINES, KEPT = 10_000, 7 * 86_400_000_000
BATCH = 200
TRIM_SECONDS = 60.0

_entries = LogEntry.table().c
_filters = {
    "level": _entries.level == bindparam("level"),
    "service": _entries.service == bindparam("service"),
}


def _listing(given: Sequence[str]) -> Statement[LogEntry]:
    return Statement(
        select(LogEntry.table())
        .where(
            _entries.created_at >= bindparam("since"),
            # What is said in a call of others is theirs.
            _entries.organization_id.in_(["", bindparam("organization")]),
            *(_filters[name] for name in given),
        )
        .order_by(_entries.created_at.desc(), _entries.id.desc())
        .limit(bindparam("limit")),
        LogEntry,
    )


_LISTS = {frozenset(given): _listing(given) for number in range(3) for given in combinations(_filters, number)}
_TOO_MANY = Statement[Any](
    select(_entries.created_at)
    .where(_entries.created_at > 0)
    .order_by(_entries.created_at.desc(), _entries.id.desc())
    .limit(1)
    .offset(KEPT_LINES)
)
_FORGET = Statement[Any](delete(LogEntry.table()).where(_entries.created_at <= bindparam("before")))


class SystemLogs:
    """The lines of all processes."""

    def __init__(self, database: Database, lines: RecentLines) -> None:
        self._database = database
        self._lines = lines
        self._trimmed = -TRIM_SECONDS

    async def list(
        self, call: Call, *, level: str = "", service: str = "", since: int = 0, limit: int = 100
    ) -> Sequence[LogEntry]:
        """The newest lines first, of one level and one part of the server, where they are named."""
        given = {name: value for name, value in (("level", level), ("service", service)) if value}
        # There are never many, and some filters pass over most of them.
        return await self._database.scan(
            _LISTS[frozenset(given)], organization=call.organization_id, since=since, limit=limit, **given
        )

    async def sweep(self) -> None:
        """Writes what this process has said meanwhile, and now and then forgets the oldest."""
        await self.flush()
        if time.monotonic() - self._trimmed >= TRIM_SECONDS:
            self._trimmed = time.monotonic()
            await self.trim()

    async def flush(self) -> None:
        """Writes what this process has said."""
        while lines := self._lines.take(BATCH):

            async def body(transaction: Transaction, lines: Any = lines) -> None:
                for line in lines:
                    entry = LogEntry.new(
                        id=new_id(),
                        created_at=line.created_at,
                        level=line.level,
                        service=line.service,
                        organization_id=line.organization_id,
                        message=line.message,
                        fields=line.fields,
                    )
                    await transaction.insert(entry)

            try:
                await self._database.write(body)
            except BaseException:
                self._lines.put_back(lines)
                raise

    async def trim(self) -> None:
        """Forgets what is too old, and what is too many."""
        before = self._database.clock() - KEPT
        found = await self._database.scan(_TOO_MANY)
        if found:
            before = max(before, found[0][0])

        async def body(transaction: Transaction) -> None:
            await transaction.run(_FORGET, before=before)

        await self._database.write(body)
