"""Summaries: what was said in a conversation, in short, up to a turn that they name.

A summary takes the place of one that reached less far, and of no other: of two that are made at once one is lost, and
nothing that was said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, select, update

from server.core.chat.rows import SIZES, TURNS
from server.core.shared.pagination import first_within
from server.model import Answer, Conversation
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

# From how many turns on, or how many characters of them, there is a summary; how many go along whole still.
AFTER, AFTER_CHARACTERS = 30, 20_000
LEFT, LEFT_CHARACTERS = 10, 8_000
# How long a summary is at most, and what it has of each turn where nobody writes it.
MOST_CHARACTERS, OF_TURN, LEAST_OF_TURN = 8000, 160, 24

_conversations = Conversation.table().c
_READ = Statement[Conversation](select(Conversation.table()).where(_conversations.id == bindparam("id")), Conversation)
_WRITE = Statement[Any](
    update(Conversation.table())
    .where(_conversations.id == bindparam("id"), _conversations.summary_turns == bindparam("before"))
    .values(summary=bindparam("text"), summary_turns=bindparam("reach"))
)


@dataclass(frozen=True, slots=True)
class Due:
    """A conversation of which these turns are to go into its summary."""

    conversation: Conversation
    turns: Sequence[Answer]


class Summaries:
    """Those of every organization; only the server itself asks for them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def due(self, answer: Answer) -> Due | None:
        """What is to be summed up now that this answer is there; None where all goes along whole still."""
        if answer.conversation_id is None or answer.number < 2:
            return None
        conversation = await self._database.one(_READ, id=answer.conversation_id)
        if conversation is None:
            return None
        sizes = await self._database.all(SIZES, conversation=conversation.id, before=answer.number, limit=AFTER + LEFT)
        since = [row for row in sizes if row[0] > conversation.summary_turns]
        if len(since) < AFTER and sum(row[1] for row in since) < AFTER_CHARACTERS:
            return None
        left = first_within(LEFT_CHARACTERS, since[:LEFT], lambda row: row[1])
        turns = await self._database.all(
            TURNS,
            conversation=conversation.id,
            first=conversation.summary_turns + 1,
            before=left[-1][0] if len(left) < len(since) else since[0][0],
        )
        return Due(conversation, turns) if turns else None

    async def write(self, due: Due, text: str) -> None:
        """From now on this is the summary, unless another one reaches further."""

        async def body(transaction: Transaction) -> None:
            await transaction.run(
                _WRITE,
                id=due.conversation.id,
                before=due.conversation.summary_turns,
                text=text[:MOST_CHARACTERS],
                reach=due.turns[-1].number,
            )

        await self._database.write(body)


def listed(due: Due) -> str:
    """A summary that nobody has to write: what was asked, turn by turn, the shorter the more there are of them."""
    lines = due.conversation.summary.splitlines()
    lines += [f"- turn {turn.number}: {' '.join(turn.message.split())[:OF_TURN]}" for turn in due.turns]
    width = max(LEAST_OF_TURN, MOST_CHARACTERS // len(lines) - 1)
    text = "\n".join(line[:width] for line in lines)
    # With more turns than that nothing can be said of the first ones but that there were some.
    return text if len(text) <= MOST_CHARACTERS else "…\n" + text[2 - MOST_CHARACTERS :].partition("\n")[2]
