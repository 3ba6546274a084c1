"""How rare words are: what a passage counts for that has one, and which of them find few enough to be looked at."""

from __future__ import annotations

import math
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from cachetools import TTLCache

from server.store.database import Database
from server.store.full_text import chunk_index
from server.store.full_text.query import Clause, counted_fts, scope_fts

# How far is counted, for how long a count is believed, and how many are remembered.
COUNTED = 20_000
SECONDS = 600
REMEMBERED = 20_000
# Of the largest scope, which is counted to the end.
_ALL = 1 << 30


class Rarity:
    """Counts of words, of all organizations together: an order is made of them, and nothing else is seen of it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._counts: TTLCache[bytes, int] = TTLCache(REMEMBERED, SECONDS)

    async def counts(self, clauses: Sequence[Clause]) -> list[int]:
        """In how many chunks each of them is, up to `COUNTED`."""
        return [await self._count(counted_fts(self._database.dialect, clause), COUNTED) for clause in clauses]

    async def weights(self, counts: Sequence[int]) -> list[float]:
        """What clauses with these counts are worth beside each other: the rarer the more."""
        size = max(await self._size(), *counts)
        return [math.log(1 + (size - count + 0.5) / (count + 0.5)) for count in counts]

    async def is_most(self, scope: str) -> bool:
        """Whether most chunks are in this scope."""
        return 2 * await self._count(scope_fts(self._database.dialect, scope), _ALL) > await self._size()

    async def _count(self, query: str, most: int) -> int:
        # Questions may be long, and there are many.
        name = sha256(query.encode()).digest()
        known = self._counts.get(name)
        if known is None:
            known = self._counts[name] = await self._one(chunk_index.COUNT, query=query, most=most)
        return known

    async def _size(self) -> int:
        known = self._counts.get(b"")
        if known is None:
            known = self._counts[b""] = await self._one(chunk_index.SIZE)
        return known

    async def _one(self, statement: Any, **parameters: Any) -> int:
        ((count,),) = await self._database.scan(statement, **parameters)
        return int(count)


def rarest(clauses: Sequence[Clause], counts: Sequence[int], most: int) -> list[Clause]:
    """The rarest ones, as many as are together in at most `most` chunks; at least one."""
    ordered = sorted(zip(counts, range(len(clauses)), strict=True))
    chosen = [ordered[0]]
    for each in ordered[1:]:
        if sum(count for count, _ in chosen) + each[0] > most:
            break
        chosen.append(each)
    return [clauses[place] for place in sorted(place for _, place in chosen)]
