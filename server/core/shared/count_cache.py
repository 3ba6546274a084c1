"""How many rows a list has: counted outside the loop, and again only after the organization's feed has moved."""

from __future__ import annotations

from typing import Any

from cachetools import FIFOCache

from server.store.database import Database
from server.store.feed import HEAD
from server.store.statement import Statement

KEPT = 4096


class CountCache:
    """Counts that are exact as long as every change of what they count makes an event, which every change does."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: FIFOCache[tuple[Any, ...], tuple[int, int]] = FIFOCache(KEPT)

    async def count(self, organization: str, statement: Statement[Any], **parameters: Any) -> int:
        """The value of a `SELECT count(*)` over rows of `organization`."""
        feed = await self._database.one(HEAD, organization=organization)
        head = feed.head if feed is not None else 0
        # The statement itself, which so lives as long as what is known of it.
        key = (organization, statement, *parameters.values())
        known = self._known.get(key)
        if known is None or known[0] != head:
            rows = await self._database.scan(statement, organization=organization, **parameters)
            known = self._known[key] = (head, rows[0][0])
        return known[1]
