"""API keys: make, list and revoke them, those of agents among them."""

from __future__ import annotations

import secrets
from typing import Any

from sqlalchemy import bindparam, select, update

from server.core.identity.access_tokens import digest_of
from server.core.identity.organizations import first_user
from server.core.identity.scopes import AGENT_SCOPE, check_scopes
from server.core.shared.call_context import Call
from server.core.shared.ids import parse_id
from server.errors import NotFound
from server.model import ApiKey, new_id
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

_keys = ApiKey.table().c
_BY_DIGEST = Statement[ApiKey](select(ApiKey.table()).where(_keys.digest == bindparam("digest")), ApiKey)
_BY_ID = Statement[ApiKey](
    select(ApiKey.table()).where(_keys.id == bindparam("id")).with_for_update(key_share=True), ApiKey
)
# Agents get theirs and lose them by themselves: among the keys that people make they would be many.
_ALL = Statement[ApiKey](select(ApiKey.table()).where(_keys.agent_id.is_(None)).order_by(_keys.id).limit(1000), ApiKey)
_REVOKE_AGENT = Statement[Any](
    update(ApiKey.table())
    .where(_keys.agent_id == bindparam("agent"), _keys.revoked_at.is_(None))
    .values(revoked_at=bindparam("now"))
)


async def create_key(
    database: Database,
    *,
    organization: str,
    name: str,
    scopes: str = "*",
    expires_at: int | None = None,
    hourly_limit: int | None = None,
    secret: str = "",
) -> tuple[ApiKey, str]:
    """A new key for an organization, which is created with a first user where it is new; and the key, shown once."""
    check_scopes(scopes)
    secret = secret or f"ak_{secrets.token_urlsafe(32)}"

    async def body(transaction: Transaction) -> ApiKey:
        user = await first_user(transaction, organization)
        key = ApiKey.new(
            id=new_id(),
            organization_id=user.organization_id,
            user_id=user.id,
            name=name,
            prefix=secret[:10],
            digest=digest_of(secret),
            scopes=scopes,
            hourly_limit=hourly_limit,
            created_at=transaction.now,
            expires_at=expires_at,
        )
        await transaction.insert(key)
        return key

    return await database.write(body), secret


async def ensure_key(database: Database, secret: str, *, organization: str, name: str) -> str:
    """Makes sure that `secret` is a key of this database, in whichever state; makes a new one where it is empty."""
    if not secret or await database.one(_BY_DIGEST, digest=digest_of(secret)) is None:
        _, secret = await create_key(database, organization=organization, name=name, secret=secret)
    return secret


async def list_keys(database: Database) -> list[ApiKey]:
    """Every key that is not an agent's, oldest first, at most a thousand."""
    return await database.all(_ALL)


async def revoke_key(database: Database, identifier: str) -> ApiKey:
    """Ends a key for good. Raises NotFound."""
    key_id = parse_id("key", identifier)

    async def body(transaction: Transaction) -> ApiKey:
        key = await transaction.one(_BY_ID, id=key_id)
        if key is None:
            raise NotFound("key", identifier)
        return key if key.revoked_at is not None else await transaction.update(key, revoked_at=transaction.now)

    return await database.write(body)


async def issue_agent_token(transaction: Transaction, call: Call, agent_id: str) -> str:
    """A new credential of an agent, good for its heartbeats and results alone; shown once."""
    secret = f"agt_{secrets.token_urlsafe(32)}"
    token = ApiKey.new(
        id=new_id(),
        organization_id=call.caller.organization_id,
        user_id=call.caller.user_id,
        name=f"agent {agent_id}",
        prefix=secret[:10],
        digest=digest_of(secret),
        scopes=AGENT_SCOPE,
        agent_id=agent_id,
        created_at=transaction.now,
    )
    await transaction.insert(token)
    return secret


async def revoke_agent_tokens(transaction: Transaction, agent_id: str, now: int) -> None:
    """Ends whatever credentials an agent has; running servers notice within a second."""
    await transaction.run(_REVOKE_AGENT, agent=agent_id, now=now)
