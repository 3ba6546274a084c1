"""How a conversation begins: with the first thing that is asked in it, whoever is first."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam
from sqlalchemy.dialects.postgresql import insert as upsert

from server.core.chat.rows import LOCK_CONVERSATION
from server.core.shared.call_context import Call
from server.model import Conversation, new_id
from server.store.statement import Statement
from server.store.transaction import Again, Transaction

_BEGIN = Statement[Any](
    upsert(Conversation.table())
    .values({name: bindparam(name) for name in Conversation.columns})
    .on_conflict_do_nothing()
)


async def joined(transaction: Transaction, call: Call, name: str) -> Conversation:
    """The caller's conversation of this name, locked; a new one where there is none."""
    key = {"organization": call.organization_id, "owner": call.caller.owner, "name": name}
    found = await transaction.one(LOCK_CONVERSATION, **key)
    if found is not None:
        return found
    now = transaction.now
    new = Conversation.new(
        id=new_id(),
        organization_id=call.organization_id,
        owner=call.caller.owner,
        name=name,
        last_active_at=now,
        created_at=now,
        updated_at=now,
    )
    if await transaction.run(_BEGIN, **new.values()):
        transaction.emit("conversation.created", new)
        return new
    # Somebody else has begun it meanwhile.
    found = await transaction.one(LOCK_CONVERSATION, **key)
    if found is None:
        # And somebody has deleted it.
        raise Again
    return found
