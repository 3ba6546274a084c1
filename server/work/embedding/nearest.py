"""Has the process with the model search an organization's vectors, which it is given first, with what comes later."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from cachetools import LRUCache

from server.core.knowledge.vectors import Cursor, Place, Vectors
from server.errors import ServiceError
from server.store.database import Clock
from server.work.embedding.embedder import Embedder, Running, looked_at

# How long a question waits for vectors before it is answered by words alone; they come meanwhile for the next one.
WAIT_SECONDS = 2.0
# How often somebody looks for what other processes have written, and how long before its time has come something may
# have begun to be written that was seen only afterwards: the longest transaction, and what clocks differ.
REFRESH_SECONDS, LATE = 2.0, 30_000_000
REMEMBERED = 1000
log = structlog.get_logger()


@dataclass(slots=True, eq=False)
class _Shelf:
    """What the other process has of an organization."""

    running: Running
    # By the database's clock, up to when all has been read; None before anything has.
    read_until: int | None = None
    checked: float = 0.0
    stale: bool = True
    full: bool = False
    filling: asyncio.Task[None] | None = None


class NearestChunks:
    """Answers from memory; where something is amiss there is nothing near, and passages are found by their words."""

    def __init__(self, embedder: Embedder, vectors: Vectors, clock: Clock) -> None:
        self._embedder = embedder
        self._vectors = vectors
        self._clock = clock
        self._shelves: LRUCache[str, _Shelf] = LRUCache(REMEMBERED)

    async def nearest(
        self, organization: str, question: str, *, documents: Sequence[str] | None, most: int
    ) -> list[Place]:
        """The places of what is most like a question, best first."""
        asked = {"do": "search", "organization": organization, "text": question, "documents": documents, "most": most}
        if self._embedder.busy:
            return []
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                # Once more where it had to make room for others meanwhile.
                for _ in range(2):
                    await self._filled(organization)
                    said, _ = await self._embedder.ask(asked)
                    if "missing" not in said:
                        return [(document, generation, number) for document, generation, number in said["places"]]
                    self._shelves.pop(organization, None)
        except (TimeoutError, ServiceError) as error:
            log.debug("passages are found by their words alone", reason=repr(error))
        return []

    async def forget(self, organization: str, documents: Sequence[tuple[str, int]]) -> None:
        """These are not found any more."""
        try:
            await self._embedder.ask({"do": "forget", "organization": organization, "documents": documents})
        except ServiceError as error:
            log.debug("passages are found by their words alone", reason=repr(error))

    def told(self, organization: str) -> None:
        """This process has written vectors of an organization."""
        shelf = self._shelves.get(organization)
        if shelf is not None:
            shelf.stale = True

    async def _filled(self, organization: str) -> None:
        running = await self._embedder.running()
        shelf = self._shelves.get(organization)
        if shelf is None or shelf.running is not running:
            shelf = self._shelves[organization] = _Shelf(running)
        due = shelf.stale or time.monotonic() - shelf.checked >= REFRESH_SECONDS
        if shelf.filling is None and due and not shelf.full:
            shelf.filling = asyncio.create_task(self._fill(organization, shelf))
            shelf.filling.add_done_callback(looked_at)
        if shelf.filling is not None:
            # It goes on for the others where this question cannot wait.
            await asyncio.shield(shelf.filling)

    async def _fill(self, organization: str, shelf: _Shelf) -> None:
        try:
            shelf.stale = False
            began, cursor = self._clock(), (0, "", 0)
            if shelf.read_until is None:
                await self._embedder.ask({"do": "begin", "organization": organization})
            else:
                cursor = (shelf.read_until - LATE, "", 0)
            await self._add(organization, shelf, cursor)
            shelf.read_until, shelf.checked = began, time.monotonic()
        except BaseException:
            # What has come of it is not known, so the next question begins anew.
            if self._shelves.get(organization) is shelf:
                del self._shelves[organization]
            raise
        finally:
            shelf.filling = None

    async def _add(self, organization: str, shelf: _Shelf, cursor: Cursor) -> None:
        while True:
            parts, cursor = await self._vectors.since(organization, shelf.running.model, cursor)
            if not parts:
                return
            said, _ = await self._embedder.ask(
                {
                    "do": "add",
                    "organization": organization,
                    "parts": [[*part.place, part.count] for part in parts],
                },
                b"".join(part.vectors for part in parts),
            )
            if said["outcome"] == "full":
                log.warning("SEMANTIC_MEMORY_MB is too little for all vectors", organization=organization)
                shelf.full = True
                return
            if said["outcome"] == "missing":
                # Others have needed its room. The answer to the question says so, too.
                return
