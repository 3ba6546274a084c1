"""OAuth clients: create, list and revoke them, and give them access tokens for their secrets."""

from __future__ import annotations

import hmac
import json
import math
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter
from sqlalchemy import bindparam, select

from server.core.identity.access_tokens import AccessTokens, digest_of
from server.core.identity.organizations import first_user
from server.core.identity.scopes import SCOPES, check_scopes
from server.core.shared.ids import parse_id
from server.errors import Forbidden, InvalidRequest, NotFound, TooMany, Unauthorized
from server.model import OAuthClient, new_id
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

MAX_TOKEN_SECONDS = 24 * 3600
MAX_REDIRECTS, MAX_REDIRECT = 20, 2000
LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")
FAILURES_PER_MINUTE = 10
# Of how many clients failures are counted, so that guesses at ids do not fill the memory.
COUNTED = 10_000
# Compared with where there is no client, so that a guess takes as long as it does where there is one.
_NOBODYS_DIGEST = digest_of(secrets.token_urlsafe(32))
_REFUSED = "there is no such client, or its secret is another one"

_clients = OAuthClient.table().c
_CLIENT = Statement[OAuthClient](select(OAuthClient.table()).where(_clients.id == bindparam("id")), OAuthClient)
LOCK_CLIENT = Statement[OAuthClient](
    select(OAuthClient.table()).where(_clients.id == bindparam("id")).with_for_update(key_share=True), OAuthClient
)
_ALL = Statement[OAuthClient](select(OAuthClient.table()).order_by(_clients.id).limit(1000), OAuthClient)


@dataclass(frozen=True, slots=True)
class Grant:
    """An access token, how long it lives and what it holds."""

    access_token: str
    expires_in: int
    scope: str


class OAuthClients:
    """Gives tokens to clients that prove who they are."""

    def __init__(self, database: Database, tokens: AccessTokens) -> None:
        self._database = database
        self._tokens = tokens
        self._failures = _Failures()

    async def grant(self, identifier: str, secret: str, scope: str | None) -> Grant:
        """A token with `scope`, or with all that the client may have.

        Raises Unauthorized, in the same words and about the same time for an unknown or revoked client as for a wrong
        secret; TooMany after too many of those, for unknown clients too; Forbidden where the scope is more than the
        client's. The right secret is never refused: whoever knows a client's id alone locks nobody out.
        """
        try:
            digits = parse_id("client", identifier)
        except NotFound:
            raise Unauthorized(_REFUSED) from None
        client = await find_client(self._database, digits)
        digest = client.digest if client is not None and client.digest else _NOBODYS_DIGEST
        right = hmac.compare_digest(digest_of(secret), digest)
        # A public client has no secret, so it has nothing to prove that it is itself with.
        if not right or client is None or client.revoked_at is not None or not client.digest:
            await self._failures.count(digits)
            raise Unauthorized(_REFUSED)
        held = client.scopes if scope is None else _within(client, scope)
        return Grant(self._tokens.sign(client, held, self._database.clock()), client.token_seconds, held)

    async def find(self, identifier: str) -> OAuthClient | None:
        """The client with this id, in whichever state; None for what can be none."""
        try:
            return await find_client(self._database, parse_id("client", identifier))
        except NotFound:
            return None

    async def count_failure(self, identifier: str) -> None:
        """Notes that somebody was not this client. Raises TooMany where that was so too often in this minute."""
        await self._failures.count(identifier[:100])


class _Failures:
    """Counts failed attempts, in this process alone: each has 256 bits to guess, so a few times ten change nothing."""

    def __init__(self) -> None:
        self._limit = RateLimitItemPerMinute(FAILURES_PER_MINUTE, namespace="failures")
        self._storage = MemoryStorage()
        self._limiter = FixedWindowRateLimiter(self._storage)

    async def count(self, client: str) -> None:
        """Counts a failure. Raises TooMany where the client has failed too often in this minute."""
        if len(self._storage.storage) >= COUNTED:
            await self._storage.reset()
        if await self._limiter.hit(self._limit, client):
            return
        reset, _ = await self._limiter.get_window_stats(self._limit, client)
        wait = max(1, math.ceil(reset - time.time()))
        raise TooMany(f"this client has failed too often; it may try again in {wait} seconds", retry_after=wait)


def _within(client: OAuthClient, scope: str) -> str:
    """`scope` in one spelling, where the client may have all of it. Raises Forbidden."""
    wanted, owned = sorted(set(scope.split())), set(client.scopes.split())
    for each in wanted:
        if each not in SCOPES or not ("*" in owned or each in owned or f"{each.partition(':')[0]}:*" in owned):
            raise Forbidden("the scope must be one or several of those that the client has")
    if not wanted:
        raise Forbidden("the scope must name at least one of those that the client has")
    return " ".join(wanted)


async def create_client(
    database: Database,
    *,
    organization: str,
    name: str,
    scopes: str = "*",
    token_seconds: int = 3600,
    redirect_uris: Sequence[str] = (),
    public: bool = False,
    needs_challenge: bool = False,
) -> tuple[OAuthClient, str]:
    """A new client of an organization, which is created where it is new; and the secret, shown once.

    One with `redirect_uris` may act for people who allow it. A `public` one has no secret, and must send challenges.
    """
    check_scopes(scopes)
    check_redirects(redirect_uris)
    if public and not redirect_uris:
        raise InvalidRequest("redirect_uris", "must name where people are sent back to, where there is no secret")
    if not 1 <= token_seconds <= MAX_TOKEN_SECONDS:
        raise InvalidRequest("token_seconds", f"must be from 1 to {MAX_TOKEN_SECONDS}")
    secret = "" if public else f"cs_{secrets.token_urlsafe(32)}"

    async def body(transaction: Transaction) -> OAuthClient:
        user = await first_user(transaction, organization)
        client = OAuthClient.new(
            id=new_id(),
            organization_id=user.organization_id,
            user_id=user.id,
            name=name,
            digest=digest_of(secret) if secret else "",
            redirect_uris=json.dumps(list(dict.fromkeys(redirect_uris))),
            needs_challenge=public or needs_challenge,
            scopes=" ".join(scopes.split()),
            token_seconds=token_seconds,
            created_at=transaction.now,
        )
        await transaction.insert(client)
        return client

    return await database.write(body), secret


def check_redirects(addresses: Sequence[str]) -> None:
    """Raises InvalidRequest for an address that nobody should be sent to with a code."""
    for each in addresses:
        try:
            parts = urlsplit(each)
            host = parts.hostname or ""
        except ValueError:
            raise InvalidRequest("redirect_uris", "must be URLs") from None
        if not parts.scheme or parts.fragment or len(each) > MAX_REDIRECT or not each.isprintable() or " " in each:
            raise InvalidRequest("redirect_uris", "must be whole URLs without a fragment")
        if parts.scheme == "http" and host not in LOCAL_HOSTS:
            raise InvalidRequest("redirect_uris", "must be https, but for programs of the person's own machine")
        if parts.scheme in ("javascript", "data", "file", "vbscript", "blob", "about"):
            raise InvalidRequest("redirect_uris", f"must not be {parts.scheme}: addresses")
        if parts.scheme in ("http", "https") and (not host or parts.username or parts.password):
            raise InvalidRequest("redirect_uris", "must name a host, and no credentials")
        if parts.scheme not in ("http", "https") and "." not in parts.scheme:
            raise InvalidRequest("redirect_uris", "must be https, or a scheme such as com.example.app")
    if len(addresses) > MAX_REDIRECTS:
        raise InvalidRequest("redirect_uris", f"must be at most {MAX_REDIRECTS}")


async def list_clients(database: Database) -> list[OAuthClient]:
    """Every client, oldest first, at most a thousand."""
    return await database.all(_ALL)


async def revoke_client(database: Database, identifier: str) -> OAuthClient:
    """Ends a client and its tokens for good. Raises NotFound."""
    client_id = parse_id("client", identifier)

    async def body(transaction: Transaction) -> OAuthClient:
        client = await transaction.one(LOCK_CLIENT, id=client_id)
        if client is None:
            raise NotFound("client", identifier)
        return client if client.revoked_at is not None else await transaction.update(client, revoked_at=transaction.now)

    return await database.write(body)


async def find_client(database: Database, digits: str) -> OAuthClient | None:
    """The OAuth client with this id, in whichever state."""
    return await database.one(_CLIENT, id=digits)
