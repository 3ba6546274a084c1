"""Past logins: what is left of logins that are over, and of refresh tokens that are good no more, is removed."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, delete, select, text, true

from server.model import Login, RefreshToken
from server.store.among import any_of
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

# How long a login is kept that is over, in microseconds, for who comes from the same address again.
KEPT = 30 * 24 * 3600 * 1_000_000
# How many tokens, and logins, are removed together.
REMOVED, TOGETHER = 1000, 100

_logins = Login.table().c
_tokens = RefreshToken.table().c
_expired = select(_tokens.digest).where(_tokens.expires_at < bindparam("before")).limit(REMOVED)
_FORGET = Statement[Any](delete(RefreshToken.table()).where(_tokens.digest.in_(_expired)))
# Logins that are over: those that were ended, and those with which nobody goes on.
_OVER = [
    Statement[Any](select(_logins.id).where(over, when < bindparam("before")).order_by(when).limit(TOGETHER))
    for over, when in (
        (text("logins.ended_at IS NOT NULL"), _logins.ended_at),
        (true(), _logins.expires_at),
    )
]
_FORGET_TOKENS = Statement[Any](delete(RefreshToken.table()).where(any_of(_tokens.login_id, "ids")))
_FORGET_LOGINS = Statement[Any](delete(Login.table()).where(any_of(_logins.id, "ids")))


async def forget_logins(database: Database, now: int) -> None:
    """Removes refresh tokens that have expired, and logins that have been over for long, with all of theirs."""

    async def tokens(transaction: Transaction) -> int:
        return await transaction.run(_FORGET, before=now)

    while await database.write(tokens) == REMOVED:
        pass
    for over in _OVER:
        while await _some(database, over, now - KEPT) == TOGETHER:
            pass


async def _some(database: Database, over: Statement[Any], before: int) -> int:
    async def body(transaction: Transaction) -> int:
        ids = [row[0] for row in await transaction.all(over, before=before)]
        if ids:
            await transaction.run(_FORGET_TOKENS, ids=ids)
            await transaction.run(_FORGET_LOGINS, ids=ids)
        return len(ids)

    return await database.write(body)
