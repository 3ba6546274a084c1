"""Turns: the rows of a conversation with the model that does a task, in their order."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import bindparam, delete, select

from server.core.models.port import Usage
from server.model import ModelTurn
from server.store.statement import Statement
from server.store.transaction import Reader, Transaction

_turns = ModelTurn.table().c
_READ = Statement[ModelTurn](
    select(ModelTurn.table()).where(_turns.task_id == bindparam("task")).order_by(_turns.number), ModelTurn
)
_FORGET = Statement[Any](delete(ModelTurn.table()).where(_turns.task_id == bindparam("task")))


@dataclass(frozen=True, slots=True)
class Turn:
    """One of them; `role` is assistant, tool or user, and `content` what that says, as plain JSON data."""

    role: str
    content: Mapping[str, Any]
    usage: Usage = field(default_factory=Usage)


async def read_turns(reader: Reader, task_id: str) -> list[Turn]:
    """All of a task's; whoever leads the conversation bounds their number."""
    return [
        Turn(row.role, json.loads(row.content), Usage(row.input_tokens, row.output_tokens))
        for row in await reader.all(_READ, task=task_id)
    ]


async def append_turns(
    transaction: Transaction, task_id: str, attempt: int, turns: Sequence[Turn], *, behind: int
) -> None:
    """Adds turns behind so many."""
    for number, turn in enumerate(turns, behind + 1):
        row = ModelTurn.new(
            task_id=task_id,
            number=number,
            attempt=attempt,
            role=turn.role,
            # In ASCII, because PostgreSQL keeps no zero characters, and nobody halves of characters.
            content=json.dumps(turn.content, separators=(",", ":")),
            input_tokens=turn.usage.input_tokens,
            output_tokens=turn.usage.output_tokens,
            created_at=transaction.now,
        )
        await transaction.insert(row)


async def forget_turns(transaction: Transaction, task_id: str) -> None:
    """Forgets all of a task's, which is done anew."""
    await transaction.run(_FORGET, task=task_id)
