"""Following an answer: every piece once, in order, from any number on, and last how it ended."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from server.core.chat.attention import Attention
from server.core.chat.live import LiveAnswers
from server.core.chat.rows import PER_ATTEMPT, READ_ANSWER, STATE, Piece, gone, pieces_of
from server.errors import Unavailable
from server.model import OPEN_STATUSES, Answer
from server.store.database import Database
from server.store.feed import Feeds
from server.store.forever import set_within

# Where another process gives the answer, its pieces are looked for when that says so, and after this in any case.
LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Heard:
    """What is new of an answer: pieces with their numbers, or none for a sign of life; `ended` is the last thing."""

    pieces: Sequence[tuple[int, Piece]] = ()
    ended: Answer | None = None


class AnswerStreams:
    """Follows answers; each call sees its own."""

    def __init__(
        self, database: Database, feeds: Feeds, live: LiveAnswers, attention: Attention, *, heartbeat_seconds: float
    ) -> None:
        self._database = database
        self._feeds = feeds
        self._live = live
        self._attention = attention
        self._heartbeat = heartbeat_seconds

    async def follow(self, answer: Answer, after: int = 0, *, to_its_end: bool = False) -> AsyncGenerator[Heard]:
        """What is told of an answer above the number `after`. Raises Unavailable where the server stops.

        That is at once, or, where nobody could come back for the rest (`to_its_end`), when it has no more time.

        A piece `{"restarted": n}` says that the text before it counts no more: whoever gave the answer died, and it
        begins anew as the attempt n.
        """
        quiet, event, feeds = 0.0, 0, self._feeds
        # Where it is about to be given here, its row says nothing yet.
        expected = self._live.is_expected(answer.id)
        with (
            feeds.watching(answer.organization_id, answer.id) as changed,
            self._live.awaiting(answer.id, changed),
            self._attention.on(answer),
        ):
            while True:
                if feeds.patience_is_over if to_its_end else feeds.closed:
                    raise Unavailable("the server is stopping; the answer goes on: follow it from the last number")
                changed.clear()
                live = self._live.get(answer.id)
                if live is not None and after >= live.first - 1:
                    # Here each piece is known as it comes.
                    if found := live.since(after):
                        after = found[-1][0]
                        yield Heard(found)
                        quiet = 0.0
                    elif live.is_over:
                        await set_within(changed, LOOK_SECONDS)
                    else:
                        await live.more(after, self._heartbeat)
                        if live.last <= after and not live.is_over:
                            yield Heard()
                    continue
                if expected:
                    expected = False
                    await set_within(changed, min(LOOK_SECONDS, self._heartbeat))
                    continue
                # The row first: what it says has ended has told everything by then.
                state = await self._database.one(STATE, id=answer.id)
                if state is None:
                    # It was deleted, with all that it had said.
                    yield Heard(ended=gone(answer))
                    return
                is_open, last = state[0] in OPEN_STATUSES, state[1]
                if is_open or after < last:
                    until = live.first if live is not None else None
                    recorded, event = await pieces_of(self._database, answer.id, after, until, event)
                    if not recorded and not is_open and not after % PER_ATTEMPT:
                        # Its events are kept no more: it is told whole.
                        recorded = await self._whole(answer.id)
                    if recorded:
                        after = recorded[-1][0]
                        yield Heard(recorded)
                        quiet = 0.0
                if not is_open:
                    ended = await self._database.one(READ_ANSWER, id=answer.id)
                    yield Heard(ended=ended or gone(answer))
                    return
                if live is not None:
                    # Nothing more comes of attempts before this one.
                    after = max(after, live.first - 1)
                    continue
                await set_within(changed, min(LOOK_SECONDS, self._heartbeat))
                quiet += LOOK_SECONDS
                if quiet >= self._heartbeat and not changed.is_set():
                    yield Heard()
                    quiet = 0.0

    async def _whole(self, answer_id: str) -> list[tuple[int, Piece]]:
        answer = await self._database.one(READ_ANSWER, id=answer_id)
        return [(answer.sequence, answer.text)] if answer is not None and answer.text else []
