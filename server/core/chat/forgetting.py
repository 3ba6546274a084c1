"""Forgetting: answers of no conversation go when they are old, because nobody comes back for them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, delete, select

from server.model import ALONE, Answer
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

# How many are removed in one transaction.
TOGETHER = 200
_answers = Answer.table().c
_old = (
    select(_answers.id)
    .where(ALONE, _answers.created_at < bindparam("before"), _answers.status.not_in(("queued", "running")))
    .limit(TOGETHER)
)
_FORGET = Statement[Any](delete(Answer.table()).where(_answers.id.in_(_old)))


async def forget_answers(database: Database, before: int) -> None:
    """Removes those that were asked for before a time and have ended."""

    async def body(transaction: Transaction) -> int:
        return await transaction.run(_FORGET, before=before)

    while await database.write(body) == TOGETHER:
        # Others write between them.
        pass
