"""Identity: organizations, users and API keys; who a key or an access token stands for."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from typing import Any

from sqlalchemy import bindparam, select, update

from server.core.call import Call, Caller
from server.core.ids import parse_id
from server.core.tokens import Tokens, digest_of, looks_like_token
from server.errors import InvalidRequest, NotFound, Unauthorized
from server.model import ApiKey, Feed, OAuthClient, Organization, User, new_id
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

SCOPES = frozenset(
    f"{resource}:{action}"
    for resource in ("sessions", "agents", "tasks", "events", "workflows", "workers", "heartbeats", "system")
    for action in ("read", "write", "*")
) | {"*"}
# What the token of an agent holds.
AGENT_SCOPE = "heartbeats:write"
# How long a revoked key or client may go on working in a process that has just seen it.
CACHE_MICROSECONDS = 1_000_000
CACHED = 10_000

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
_clients = OAuthClient.table().c
_CLIENT = Statement[OAuthClient](select(OAuthClient.table()).where(_clients.id == bindparam("id")), OAuthClient)
_organizations = Organization.table().c
_ORGANIZATION = Statement[Organization](
    select(Organization.table()).where(_organizations.name == bindparam("name")).limit(1), Organization
)
_users = User.table().c
_USER = Statement[User](
    select(User.table()).where(_users.organization_id == bindparam("organization")).order_by(_users.id).limit(1), User
)


class Identity:
    """Finds out who calls."""

    def __init__(self, database: Database, tokens: Tokens | None = None) -> None:
        self._database = database
        self._tokens = tokens
        self._known: OrderedDict[str, tuple[int, Caller]] = OrderedDict()

    def known(self, key: str) -> Caller | None:
        """Whoever a key or token stands for, where that was found out within the last second."""
        known = self._known.get(key)
        return known[1] if known is not None and self._database.clock() < known[0] else None

    async def caller(self, key: str) -> Caller:
        """Whoever a key or token stands for.

        Raises Unauthorized, in the same words for a wrong key as for no key of ours.
        """
        now = self._database.clock()
        until: int | None
        if self._tokens is not None and looks_like_token(key):
            caller, until = await self._bearer(self._tokens, key, now)
        else:
            caller, until = await self._holder(key, now)
        self._known[key] = (min(now + CACHE_MICROSECONDS, until or now + CACHE_MICROSECONDS), caller)
        if len(self._known) > CACHED:
            self._known.popitem(last=False)
        return caller

    async def _bearer(self, tokens: Tokens, text: str, now: int) -> tuple[Caller, int]:
        """Whom an access token stands for, and until when."""
        token = tokens.read(text, now)
        client = await find_client(self._database, token.client_id)
        if client is None or client.organization_id != token.organization_id:
            raise Unauthorized("this access token is not valid")
        if client.revoked_at is not None:
            raise Unauthorized("the client of this access token has been revoked")
        return Caller(client.organization_id, client.user_id, client.id, token.scopes), token.expires_at

    async def _holder(self, key: str, now: int) -> tuple[Caller, int | None]:
        """Whom an API key stands for, and until when."""
        stored = await self._load(key)
        if stored.revoked_at is not None:
            raise Unauthorized("this API key has been revoked")
        if stored.expires_at is not None and stored.expires_at <= now:
            raise Unauthorized("this API key has expired")
        caller = Caller(
            organization_id=stored.organization_id,
            user_id=stored.user_id,
            key_id=stored.id,
            scopes=frozenset(stored.scopes.split()),
            hourly_limit=stored.hourly_limit,
            agent_id=stored.agent_id,
        )
        return caller, stored.expires_at

    async def _load(self, key: str) -> ApiKey:
        # The digest is looked up, so how long that takes says nothing about the key.
        stored = await self._database.one(_BY_DIGEST, digest=digest_of(key))
        if stored is None:
            raise Unauthorized("this API key is not valid")
        return stored


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


def check_scopes(scopes: str) -> None:
    """Raises InvalidRequest where `scopes` names none, or one that there is not."""
    unknown = sorted(set(scopes.split()) - SCOPES)
    if unknown or not scopes.strip():
        raise InvalidRequest("scopes", f"unknown: {', '.join(unknown)}; known: {', '.join(sorted(SCOPES))}")


async def find_client(database: Database, digits: str) -> OAuthClient | None:
    """The OAuth client with this id, in whichever state."""
    return await database.one(_CLIENT, id=digits)


async def first_user(transaction: Transaction, organization: str) -> User:
    """The first user of an organization, in whose name programs act; both are created where they are new."""
    owner = await _organization(transaction, organization)
    user = await transaction.one(_USER, organization=owner)
    assert user is not None
    return user


async def _organization(transaction: Transaction, name: str) -> Any:
    found = await transaction.one(_ORGANIZATION, name=name)
    if found is not None:
        return found.id
    organization = Organization.new(id=new_id(), name=name, created_at=transaction.now)
    await transaction.insert(organization)
    await transaction.insert(Feed.new(organization_id=organization.id))
    email = f"owner@{organization.id}.invalid"
    user = User.new(id=new_id(), organization_id=organization.id, email=email, name="Owner", created_at=transaction.now)
    await transaction.insert(user)
    return organization.id
