"""Authentication: whom an API key or an access token stands for."""

from __future__ import annotations

from cachetools import FIFOCache

from server.core.identity.access_tokens import AccessTokens, digest_of, looks_like_token
from server.core.identity.api_keys import BY_DIGEST
from server.core.identity.oauth_clients import find_client
from server.core.shared.call_context import Caller
from server.errors import Unauthorized
from server.model import ApiKey
from server.store.database import Database

# How long a revoked key or client may go on working in a process that has just seen it.
CACHE_MICROSECONDS = 1_000_000
CACHED = 10_000


class Authenticator:
    """Finds out who calls."""

    def __init__(self, database: Database, tokens: AccessTokens | None = None) -> None:
        self._database = database
        self._tokens = tokens
        self._known: FIFOCache[str, tuple[int, Caller]] = FIFOCache(CACHED)

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
        return caller

    async def _bearer(self, tokens: AccessTokens, text: str, now: int) -> tuple[Caller, int]:
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
        stored = await self._database.one(BY_DIGEST, digest=digest_of(key))
        if stored is None:
            raise Unauthorized("this API key is not valid")
        return stored
