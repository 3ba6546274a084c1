"""Authentication: whom an API key or an access token stands for."""

from __future__ import annotations

from collections.abc import Sequence

from cachetools import FIFOCache

from server.core.identity.access_tokens import AccessTokens, digest_of, looks_like_token
from server.core.identity.api_keys import BY_DIGEST, BY_DIGESTS
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
        if self._tokens is not None and looks_like_token(key):
            return self._remember(key, now, *await self._bearer(self._tokens, key, now))
        # The digest is looked up, so how long that takes says nothing about the key.
        stored = await self._database.one(BY_DIGEST, digest=digest_of(key))
        return self._remember(key, now, *_holder(stored, now))

    async def ended(self, keys: Sequence[str]) -> dict[str, Unauthorized]:
        """Those of some keys and tokens that are good no more, and why; the store is asked about all keys at once."""
        now = self._database.clock()
        tokens = self._tokens
        bearers = {key for key in keys if tokens is not None and looks_like_token(key)}
        digests = {key: digest_of(key) for key in keys if key not in bearers}
        found = await self._database.all(BY_DIGESTS, digests=list(digests.values())) if digests else []
        stored = {each.digest: each for each in found}
        ended = {}
        for key in keys:
            try:
                if tokens is not None and key in bearers:
                    self._remember(key, now, *await self._bearer(tokens, key, now))
                else:
                    self._remember(key, now, *_holder(stored.get(digests[key]), now))
            except Unauthorized as error:
                ended[key] = error
        return ended

    def _remember(self, key: str, now: int, caller: Caller, until: int | None) -> Caller:
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


def _holder(stored: ApiKey | None, now: int) -> tuple[Caller, int | None]:
    """Whom an API key stands for, and until when."""
    if stored is None:
        raise Unauthorized("this API key is not valid")
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
