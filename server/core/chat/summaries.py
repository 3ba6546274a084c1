"""Summaries: what was said in a conversation, in short, up to a turn that they name.

A summary takes the place of one that reached less far, and of no other: of two that are made at once one is lost, and
nothing that was said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, select, update

from server.model import Answer, Conversation
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

# How many turns go along whole, at most and at least.
AFTER, LEFT = 30, 10
MOST_CHARACTERS, OF_TURN = 8000, 160

_conversations, _answers = Conversation.table().c, Answer.table().c
_READ = Statement[Conversation](select(Conversation.table()).where(_conversations.id == bindparam("id")), Conversation)
_TURNS = Statement[Answer](
    select(Answer.table())
    .where(
        _answers.conversation_id == bindparam("conversation"),
        _answers.number > bindparam("after"),
        _answers.number <= bindparam("until"),
    )
    .order_by(_answers.number)
    .limit(AFTER),
    Answer,
)
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
        if answer.conversation_id is None or answer.number <= AFTER:
            return None
        conversation = await self._database.one(_READ, id=answer.conversation_id)
        if conversation is None or answer.number - conversation.summary_turns <= AFTER:
            return None
        turns = await self._database.all(
            _TURNS,
            conversation=conversation.id,
            after=conversation.summary_turns,
            until=answer.number - LEFT,
        )
        return Due(conversation, turns) if turns else None

    async def write(self, due: Due, text: str) -> None:
        """From now on this is the summary, unless another one reaches further."""

        async def body(transaction: Transaction) -> None:
            await transaction.run(
                _WRITE,
                id=due.conversation.id,
                before=due.conversation.summary_turns,
                text=text[-MOST_CHARACTERS:],
                reach=due.turns[-1].number,
            )

        await self._database.write(body)


def listed(due: Due) -> str:
    """A summary that nobody has to write: what was asked, turn by turn."""
    lines = [f"- turn {turn.number}: {' '.join(turn.message.split())[:OF_TURN]}" for turn in due.turns]
    before = due.conversation.summary
    return "\n".join([before, *lines] if before else lines)
