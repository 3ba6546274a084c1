"""Doing a request once, however often it arrives: the mark is set in the transaction that does it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from server.core.shared.call_context import Call
from server.errors import Conflict
from server.model import IdempotencyKey
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Again, Transaction

_keys = IdempotencyKey.table().c
_this = (_keys.organization_id == bindparam("organization"), _keys.key == bindparam("key"))
_GET = Statement[IdempotencyKey](select(IdempotencyKey.table()).where(*_this), IdempotencyKey)
_ANSWER = Statement[Any](
    update(IdempotencyKey.table())
    .where(*_this)
    .values({"response": bindparam("answer"), "http_status": bindparam("status"), "etag": bindparam("version")})
)
_FORGET = Statement[Any](delete(IdempotencyKey.table()).where(_keys.created_at < bindparam("before")))
_MARK = Statement[Any](
    upsert(IdempotencyKey.table())
    .values({name: bindparam(name) for name in IdempotencyKey.columns})
    .on_conflict_do_nothing()
)


async def earlier(database: Database, call: Call) -> IdempotencyKey | None:
    """What is known of this request from an earlier arrival. Raises Conflict where the key was for another request."""
    found = await database.one(_GET, organization=call.organization_id, key=_key(call))
    return _same(found, call) if found is not None else None


async def done(transaction: Transaction, call: Call) -> str | None:
    """The resource that an earlier arrival of this request made, in the transaction that would make it now.

    Where it made several, their ids joined by spaces.
    """
    if not call.idempotency_key:
        return None
    found = await transaction.one(_GET, organization=call.organization_id, key=_key(call))
    return _same(found, call).resource_id if found is not None else None


async def mark(transaction: Transaction, call: Call, resource_id: str) -> None:
    """Notes that this request made `resource_id`, or several whose ids are joined by spaces."""
    if not call.idempotency_key:
        return
    record = IdempotencyKey.new(
        organization_id=call.organization_id,
        key=_key(call),
        digest=call.digest,
        resource_id=resource_id,
        created_at=transaction.now,
    )
    if not await transaction.run(_MARK, **record.values()):
        # The same request was committed between our look and now: look again.
        raise Again


async def remember(database: Database, call: Call, answer: bytes) -> None:
    """Keeps the answer, so that a later arrival gets the same one."""

    async def body(transaction: Transaction) -> None:
        await transaction.run(
            _ANSWER,
            organization=call.organization_id,
            key=_key(call),
            answer=answer,
            status=call.http_status,
            version=call.etag,
        )

    await database.write(body)


async def forget(database: Database, before: int) -> None:
    """Removes marks set before `before`."""

    async def body(transaction: Transaction) -> None:
        await transaction.run(_FORGET, before=before)

    await database.write(body)


def _key(call: Call) -> str:
    """What a request is known by: what one caller has got is no answer to another one of his organization."""
    return f"{call.caller.owner}/{call.idempotency_key}"


def _same(found: IdempotencyKey, call: Call) -> IdempotencyKey:
    if found.digest != call.digest:
        raise Conflict(
            "this idempotency key was used for another request",
            reason="IDEMPOTENCY_KEY_REUSED",
            details={"key": call.idempotency_key},
        )
    return found
