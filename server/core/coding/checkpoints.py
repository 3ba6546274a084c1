"""Checkpoints: where sessions stood, so that one that failed can be begun again from there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, delete, select

from server.core.sessions.lifecycle import SESSIONS, lock_open
from server.core.shared.call_context import Call
from server.core.shared.free_form import check_object
from server.core.shared.pagination import BoundedTexts, Page
from server.core.shared.resource import Resource, change
from server.errors import NotFound
from server.model import Checkpoint, Session, new_id
from server.store.among import any_of
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

KEPT_CHECKPOINTS = 100
MAX_CHECKPOINT_BYTES = 256 << 10

_checkpoints = Checkpoint.table().c
_TEXTS = BoundedTexts(whole=["data"])
_PAGE = Statement[Checkpoint](
    select(*map(_TEXTS.shown, Checkpoint.table().c))
    .where(_checkpoints.session_id == bindparam("session"))
    .order_by(_checkpoints.number.desc())
    .limit(bindparam("limit"))
    .offset(bindparam("offset")),
    Checkpoint,
)
_light = select(_checkpoints.session_id, _checkpoints.id, _checkpoints.number, _checkpoints.created_at).order_by(
    _checkpoints.number.desc()
)
_OF = Statement[Any](_light.where(any_of(_checkpoints.session_id, "ids")))
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

    async def slice(self, call: Call, identifier: str, *, limit: int, offset: int) -> Page[Checkpoint]:
        """A session's checkpoints, newest first, each with its data where that is not too long. Raises NotFound."""
        session = await SESSIONS.get(self._database, call, identifier)
        total = kept(session)
        longest = _TEXTS.longest(min(limit, max(0, total - offset)))
        rows = await self._database.all(_PAGE, session=session.id, limit=limit, offset=offset, longest=longest)
        return Page(rows, total=total, longest=longest)

    async def get(self, call: Call, identifier: str, checkpoint: str) -> Checkpoint:
        """One of a session's checkpoints. Raises NotFound."""
        session = await SESSIONS.get(self._database, call, identifier)
        found = await CHECKPOINTS.get(self._database, call, checkpoint)
        if found.session_id != session.id:
            raise NotFound("checkpoint", checkpoint)
        return found

    async def of(self, sessions: Sequence[Session]) -> list[list[Checkpoint]]:
        """Each session's checkpoints, newest first, without names and data; one question for all of them."""
        found: dict[str, list[Checkpoint]] = {session.id: [] for session in sessions if session.checkpoints}
        if found:
            read = self._database.all if len(found) == 1 else self._database.scan
            for session_id, id, number, created_at in await read(_OF, ids=list(found)):
                shown = Checkpoint.new(id=id, session_id=session_id, number=number, created_at=created_at)
                found[session_id].append(shown)
        return [found.get(session.id, []) for session in sessions]


def kept(session: Session) -> int:
    """How many checkpoints a session has."""
    return min(session.checkpoints, KEPT_CHECKPOINTS)
