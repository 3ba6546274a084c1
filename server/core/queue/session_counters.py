"""What sessions count of their tasks."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam
from sqlalchemy.dialects.postgresql import insert as upsert

from server.model import SessionCount
from server.store.statement import Statement
from server.store.transaction import Transaction

_counts = SessionCount.table().c
_insertion = upsert(SessionCount.table()).values({name: bindparam(name) for name in SessionCount.columns})
_COUNT = Statement[Any](
    _insertion.on_conflict_do_update(
        index_elements=["session_id"],
        set_={name: _counts[name] + _insertion.excluded[name] for name in ("total", "completed", "failed", "tokens")},
    )
)


def count_in_session(
    transaction: Transaction, session_id: str, *, total: int = 0, completed: int = 0, failed: int = 0, tokens: int = 0
) -> None:
    """Counts tasks of a session, at the end of the transaction; negative where one that had ended is tried again."""
    key = {"session_id": session_id}
    transaction.tally(_COUNT, key, total=total, completed=completed, failed=failed, tokens=tokens)
