"""Answers that are being given in this process: their pieces, as they come, for whoever follows them here."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from cachetools import FIFOCache

from server.core.chat.rows import PER_ATTEMPT, Piece
from server.model import Answer

# Those that are about to be given are begun in the next turn of the loop: of more than so many, the rows are read.
MOST_EXPECTED = 1000


class LiveAnswer:
    """One attempt at one answer. Pieces are numbered from `first` on."""

    def __init__(self, attempt: int) -> None:
        self.first = (attempt - 1) * PER_ATTEMPT + 1
        self.pieces: list[Piece] = []
        self.is_over = False
        self._waiting: set[asyncio.Future[None]] = set()

    @property
    def last(self) -> int:
        """The number of the newest piece, or the one before the first."""
        return self.first + len(self.pieces) - 1

    def add(self, piece: Piece) -> None:
        """Takes the next piece, and tells whoever waits."""
        self.pieces.append(piece)
        self._wake()

    def end(self) -> None:
        """There will be no more."""
        self.is_over = True
        self._wake()

    def since(self, after: int) -> list[tuple[int, Piece]]:
        """The pieces above a number, with theirs."""
        start = max(0, after + 1 - self.first)
        return list(enumerate(self.pieces[start:], self.first + start))

    async def more(self, after: int, seconds: float) -> None:
        """Waits until there is something above a number, or it is over, or so long."""
        if self.last > after or self.is_over:
            return
        future = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        try:
            async with asyncio.timeout(seconds):
                await future
        except TimeoutError:
            pass
        finally:
            self._waiting.discard(future)

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, set()
        for future in waiting:
            if not future.done():
                future.set_result(None)


class LiveAnswers:
    """Those of this process, by id."""

    def __init__(self) -> None:
        self._by_id: dict[str, LiveAnswer] = {}
        self._awaited: dict[str, set[asyncio.Event]] = {}
        self._expected: FIFOCache[str, Answer] = FIFOCache(MOST_EXPECTED)

    def get(self, answer_id: str) -> LiveAnswer | None:
        """The one that is being given here, if it is."""
        return self._by_id.get(answer_id)

    def expect(self, answer: Answer) -> None:
        """Notes an answer that is about to be given here, as it has just been asked for."""
        self._expected[answer.id] = answer

    def is_expected(self, answer_id: str) -> bool:
        """Whether it was noted so, and is not begun yet."""
        return answer_id in self._expected

    def expected(self, answer_id: str) -> Answer | None:
        """What was noted so, once."""
        found: Answer | None = self._expected.pop(answer_id, None)
        return found

    @contextmanager
    def awaiting(self, answer_id: str, signal: asyncio.Event) -> Iterator[None]:
        """Sets `signal` whenever somebody begins to give the answer here."""
        self._awaited.setdefault(answer_id, set()).add(signal)
        try:
            yield
        finally:
            self._awaited[answer_id].discard(signal)
            if not self._awaited[answer_id]:
                del self._awaited[answer_id]

    @contextmanager
    def giving(self, answer_id: str, attempt: int) -> Iterator[LiveAnswer]:
        """A new attempt, which is over at the end."""
        live = self._by_id[answer_id] = LiveAnswer(attempt)
        for signal in self._awaited.get(answer_id, ()):
            signal.set()
        try:
            yield live
        finally:
            live.end()
            if self._by_id.get(answer_id) is live:
                del self._by_id[answer_id]
