"""Checkpoints: where sessions stood, so that one that failed can be begun again from there."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, delete, select

from server.core.sessions.lifecycle import SESSIONS, lock_open
from server.core.shared.call_context import Call
from server.core.shared.free_form import check_object
from server.core.shared.resource import Resource, change
from server.model import Checkpoint, new_id
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

KEPT_CHECKPOINTS = 100
MAX_CHECKPOINT_BYTES = 256 << 10

_checkpoints = Checkpoint.table().c
_CHECKPOINTS = Statement[Checkpoint](
    select(Checkpoint.table())
    .where(_checkpoints.session_id == bindparam("session"))
    .order_by(_checkpoints.number.desc())
    .limit(KEPT_CHECKPOINTS),
    Checkpoint,
)
CHECKPOINTS = Resource(Checkpoint, "checkpoint")
_TRIM = Statement[Any](
    delete(Checkpoint.table()).where(
        _checkpoints.session_id == bindparam("session"), _checkpoints.number <= bindparam("number")
    )
)


class Checkpoints:
    """Those of every organization's sessions; each call sees its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, call: Call, identifier: str, name: str, data: bytes) -> Checkpoint:
        """Keeps where a session stands. Raises Conflict where it has ended."""
        await check_object(data, "data", MAX_CHECKPOINT_BYTES)

        async def make(transaction: Transaction) -> Checkpoint:
            session = await lock_open(transaction, call, identifier)
            number = session.checkpoints + 1
            checkpoint = Checkpoint.new(
                id=new_id(),
                organization_id=session.organization_id,
                session_id=session.id,
                number=number,
                name=name,
                data=data,
                created_at=transaction.now,
            )
            await transaction.insert(checkpoint)
            await change(transaction, session, checkpoints=number)
            if number > KEPT_CHECKPOINTS:
                await transaction.run(_TRIM, session=session.id, number=number - KEPT_CHECKPOINTS)
            transaction.emit("checkpoint.created", checkpoint)
            return checkpoint

        return await CHECKPOINTS.create(self._database, call, make)

    async def checkpoints(self, call: Call, identifier: str) -> list[Checkpoint]:
        """A session's checkpoints, newest first. Raises NotFound."""
        session = await SESSIONS.get(self._database, call, identifier)
        return await self._database.all(_CHECKPOINTS, session=session.id)
