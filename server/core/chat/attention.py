"""Attention: who still asks for answers. One that nobody has asked for in a set time is cancelled.

Asking is to wait for an answer, to follow it, or to read it. Each process writes down every few seconds for which
answers that was done there. A process gives up none before it has been there for as long itself, or while that could
not be written: those who ask may not have been heard.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from sqlalchemy import Integer, bindparam, select, update

from server.core.chat.cancelling import Why, all_to_end
from server.core.queue.rows import LOCK_ALL
from server.errors import ServiceError
from server.model import OPEN_ANSWER, Answer
from server.store.among import any_of
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction, in_pieces

# How often it is written down, in seconds, unless answers are given up sooner than four times that.
EVERY_SECONDS = 5.0
# How many are given up in one transaction.
TOGETHER = 50

_answers = Answer.table().c
# Whoever changes one of them just now is not waited for: it is written down the next time.
_still_open = select(_answers.id).where(any_of(_answers.id, "ids"), OPEN_ANSWER)
_ASKED = Statement[Any](
    update(Answer.table())
    .where(_answers.id.in_(_still_open.with_for_update(key_share=True, skip_locked=True)))
    .values(asked_at=bindparam("now"))
)
_due = (OPEN_ANSWER, _answers.asked_at < bindparam("before"))
_ABANDONED = Statement[Any](select(_answers.id).where(*_due).limit(bindparam("limit", type_=Integer)))
_STILL_ABANDONED = Statement[Any](select(_answers.id).where(*_due, any_of(_answers.id, "ids")))
log = structlog.get_logger()


class Attention:
    """One process's."""

    def __init__(self, database: Database, *, seconds: float) -> None:
        """`seconds` is how long an answer goes on that nobody asks for; 0 for as long as it takes."""
        self._database = database
        self._patience = int(seconds * 1_000_000)
        self._every = min(EVERY_SECONDS, seconds / 4)
        self._followed: Counter[str] = Counter()
        self._read: set[str] = set()
        # Since when whoever asks here has been heard, in microseconds.
        self._since: int | None = None

    @contextmanager
    def on(self, answer: Answer) -> Iterator[None]:
        """Somebody waits for an answer, or follows it, until the context ends."""
        self._followed[answer.id] += 1
        try:
            yield
        except BaseException:
            # He has gone before its end, and has asked for it until now.
            self.note(answer)
            raise
        finally:
            self._followed[answer.id] -= 1
            if not self._followed[answer.id]:
                del self._followed[answer.id]

    def note(self, answer: Answer) -> None:
        """Somebody has read an answer."""
        if self._patience and answer.is_open:
            self._read.add(answer.id)

    async def run(self) -> None:
        """Writes down who asks, for as long as the process lives."""
        while self._patience:
            await asyncio.sleep(self._every)
            await self.record()

    async def record(self) -> None:
        """Writes down which answers are asked for now, or were since the last time."""
        ids, self._read = sorted({*self._followed, *self._read}), set()
        try:
            for some in in_pieces(ids):
                await self._database.write(lambda transaction, some=some: _note(transaction, some))  # type: ignore[misc]
        except ServiceError as error:
            log.warning("who asks for answers is written down later", reason=error.reason)
            self._read.update(ids)
            self._since = self._database.clock()

    async def sweep(self) -> int:
        """Cancels answers that nobody has asked for; returns how many."""
        now = self._database.clock()
        if self._since is None:
            self._since = now
        before = now - self._patience
        if not self._patience or self._since > before or not await self._abandoned(before):
            return 0
        # Some of them may be asked for here.
        await self.record()
        ids = await self._abandoned(before) if self._since <= before else []
        if not ids:
            return 0

        async def body(transaction: Transaction) -> int:
            tasks = await transaction.all(LOCK_ALL, ids=ids)
            due = {row[0] for row in await transaction.all(_STILL_ABANDONED, ids=ids, before=before)}
            await all_to_end(transaction, [task for task in tasks if task.id in due], Why.ABANDONED)
            return len(due)

        return await self._database.write(body)

    async def _abandoned(self, before: int) -> list[str]:
        return [row[0] for row in await self._database.all(_ABANDONED, before=before, limit=TOGETHER)]


async def _note(transaction: Transaction, ids: list[str]) -> None:
    await transaction.run(_ASKED, ids=ids, now=transaction.now)
