"""Records pieces of answers: the first at once, and then those of all answers, every fifty milliseconds or so."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import structlog
from sqlalchemy import bindparam, select, update

from server.core.chat.live import LiveAnswer
from server.core.chat.rows import Piece, readable
from server.errors import ServiceError
from server.model import Answer, AnswerPieces, AnswerStatus, Task
from server.store.among import any_of
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

EVERY_SECONDS, FIRST_SECONDS = 0.05, 0.003
# What one event holds at most; a page of the feed is to have room for several.
MOST_PIECES, MOST_CHARACTERS = 500, 8000
_tasks, _answers = Task.table().c, Answer.table().c
# Where an answer is being deleted, that comes before or after.
_HELD = Statement[Any](
    select(_tasks.id, _tasks.attempt)
    .join(Answer.table(), _answers.id == _tasks.id)
    .where(any_of(_tasks.id, "ids"), _tasks.status == "running")
    .with_for_update(read=True, key_share=True, of=Answer.table())
)
_STARTED = Statement[Answer](
    update(Answer.table())
    .where(_answers.id == bindparam("id"), _answers.status.in_(("queued", "running")))
    .values(
        status=AnswerStatus.RUNNING.value,
        attempt=bindparam("attempt"),
        started_at=bindparam("now"),
        updated_at=bindparam("now"),
    )
    .returning(*Answer.table().c),
    Answer,
)
log = structlog.get_logger()


class Giving:
    """An answer that is being given here: what was said of it, and how much of that is recorded."""

    def __init__(self, answer: Answer, attempt: int, live: LiveAnswer, writer: PieceWriter) -> None:
        self.answer = answer
        self.attempt = attempt
        self.live = live
        # The number of the last piece that is recorded; whether it is recorded that the attempt has begun.
        self.recorded = live.first - 1
        self.begun = False
        # Whether somebody else has the answer by now.
        self.lost = False
        self._writer = writer

    def tell(self, piece: Piece) -> None:
        """Tells whoever follows here at once, and everybody else soon."""
        self.live.add(readable(piece))
        self._writer.wake(self)

    @property
    def text(self) -> str:
        """What has been said of the answer."""
        return "".join(piece for piece in self.live.pieces if isinstance(piece, str))


class PieceWriter:
    """One process's."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._dirty: dict[str, Giving] = {}
        self._work = asyncio.Event()
        self._writing = asyncio.Lock()

    def wake(self, giving: Giving) -> None:
        """There is something to record."""
        self._dirty[giving.answer.id] = giving
        self._work.set()

    async def run(self) -> None:
        """Records, for as long as the process lives."""
        while True:
            await self._work.wait()
            # Whoever follows here hears the first piece before it is written down.
            await asyncio.sleep(FIRST_SECONDS)
            self._work.clear()
            began = time.monotonic()
            try:
                await self.flush()
            except ServiceError as error:
                log.warning("pieces of answers are recorded later", reason=error.reason)
                self._work.set()
            # Where many answers are given, recording takes its time and must leave some to others.
            await asyncio.sleep(max(EVERY_SECONDS, 2 * (time.monotonic() - began)))

    async def flush(self, giving: Giving | None = None) -> None:
        """Records what there is, of one answer where it is named."""
        async with self._writing:
            if giving is None:
                due, self._dirty = list(self._dirty.values()), {}
            else:
                self._dirty.pop(giving.answer.id, None)
                due = [giving]
            due = [each for each in due if not each.lost and (each.recorded < each.live.last or not each.begun)]
            if not due:
                return
            until = {each.answer.id: each.live.last for each in due}

            async def body(transaction: Transaction) -> dict[str, int]:
                held = {row[0]: row[1] for row in await transaction.all(_HELD, ids=list(until))}
                for each in due:
                    if held.get(each.answer.id) != each.attempt:
                        continue
                    if not each.begun:
                        started = await transaction.one(
                            _STARTED, id=each.answer.id, attempt=each.attempt, now=transaction.now
                        )
                        if started is None:
                            continue
                        transaction.emit("chat.started", started)
                    for pieces in _events(each, until[each.answer.id]):
                        transaction.emit("chat.tokens", pieces)
                return held

            try:
                held = await self._database.write(body)
            except BaseException:
                for each in due:
                    self.wake(each)
                raise
            for each in due:
                each.begun = True
                each.recorded = until[each.answer.id]
                each.lost = held.get(each.answer.id) != each.attempt


def _events(giving: Giving, until: int) -> list[AnswerPieces]:
    """What is not recorded yet, in rows that are not too large."""
    made: list[AnswerPieces] = []
    waiting: list[Piece] = []
    size, first = 0, giving.recorded + 1
    for number, piece in giving.live.since(giving.recorded):
        if number > until:
            break
        waiting.append(piece)
        size += len(piece) if isinstance(piece, str) else 100 + len(str(piece.get("text", "")))
        if len(waiting) >= MOST_PIECES or size >= MOST_CHARACTERS:
            made.append(_row(giving, first, waiting))
            waiting, size, first = [], 0, number + 1
    if waiting:
        made.append(_row(giving, first, waiting))
    return made


def _row(giving: Giving, first: int, pieces: list[Piece]) -> AnswerPieces:
    answer = giving.answer
    return AnswerPieces.new(
        id=answer.id,
        organization_id=answer.organization_id,
        owner=answer.owner,
        sequence=first,
        pieces=json.dumps(pieces, separators=(",", ":"), ensure_ascii=False),
    )
