"""Authentication: whom an API key or an access token stands for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from cachetools import FIFOCache
from sqlalchemy import Table, bindparam, select

from server.core.identity.access_tokens import AccessTokens, digest_of, looks_like_token
from server.core.identity.oauth_clients import find_client
from server.core.identity.organizations import ORGANIZATION
from server.core.identity.roles import scopes_within
from server.core.identity.signing_keys import SigningKeys, key_id_of
from server.core.shared.call_context import Caller
from server.errors import Unauthorized
from server.model import ApiKey, Login, Organization, User
from server.store.among import any_of
from server.store.database import Database
from server.store.statement import Statement

# How long a revoked key or client may go on working in a process that has just seen it.
CACHE_MICROSECONDS = 1_000_000
CACHED = 10_000

_keys, _logins = ApiKey.table().c, Login.table().c
# Whose a credential is, beside its own row: the organization's state and tier, and the person's state and role.
_organizations, _users = Organization.table().c, User.table().c
_WHOSE = (_organizations.disabled_at, _organizations.tier, _users.disabled_at, _users.role)


def _with_owner(table: Table) -> Any:
    organization, user = Organization.table(), User.table()
    return (
        select(*table.c, *_WHOSE)
        .join(organization, organization.c.id == table.c.organization_id)
        .join(user, user.c.id == table.c.user_id)
    )


_KEY = Statement[Any](_with_owner(ApiKey.table()).where(_keys.digest == bindparam("digest")))
_KEYS = Statement[Any](_with_owner(ApiKey.table()).where(any_of(_keys.digest, "digests")))
_LOGIN = Statement[Any](_with_owner(Login.table()).where(_logins.id == bindparam("login")))


class Authenticator:
    """Finds out who calls."""

    def __init__(
        self, database: Database, tokens: AccessTokens | None = None, signing_keys: SigningKeys | None = None
    ) -> None:
        self._database = database
        self._tokens = tokens
        self._signing_keys = signing_keys
        self._known: FIFOCache[str, tuple[int, Caller, int]] = FIFOCache(CACHED)
        # When other processes last changed something of an organization.
        self._heard: FIFOCache[str, int] = FIFOCache(CACHED)

    def known(self, key: str) -> Caller | None:
        """Whoever a key or token stands for, where that was found out within the last second."""
        known = self._known.get(key)
        if known is None:
            return None
        until, caller, asked = known
        if caller.login_id and self._heard.get(caller.organization_id, 0) >= asked:
            # It may have been a logout.
            return None
        return caller if self._database.clock() < until else None

    async def caller(self, key: str) -> Caller:
        """Whoever a key or token stands for.

        Raises Unauthorized, in the same words for a wrong key as for no key of ours.
        """
        now = self._database.clock()
        if self._tokens is not None and looks_like_token(key):
            return self._remember(key, now, *await self._bearer(self._tokens, key, now))
        # The digest is looked up, so how long that takes says nothing about the key.
        stored = await self._database.one(_KEY, digest=digest_of(key))
        return self._remember(key, now, *_holder(stored, now))

    async def ended(self, keys: Sequence[str]) -> dict[str, Unauthorized]:
        """Those of some keys and tokens that are good no more, and why; the store is asked about all keys at once."""
        now = self._database.clock()
        tokens = self._tokens
        bearers = {key for key in keys if tokens is not None and looks_like_token(key)}
        digests = {key: digest_of(key) for key in keys if key not in bearers}
        found = await self._database.all(_KEYS, digests=list(digests.values())) if digests else []
        stored = {each[_DIGEST]: each for each in found}
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

    def forget(self, user_id: str) -> None:
        """Asks the store again for each credential of a user, of which one may just have ended."""
        for key in [key for key, (_, caller, _) in self._known.items() if caller.user_id == user_id]:
            del self._known[key]

    def hear(self, organization: str) -> None:
        """Another process has changed something of an organization: its people's logins are asked for again."""
        self._heard[organization] = self._database.clock()

    def _remember(self, key: str, now: int, caller: Caller, until: int | None) -> Caller:
        self._known[key] = (min(now + CACHE_MICROSECONDS, until or now + CACHE_MICROSECONDS), caller, now)
        return caller

    async def _bearer(self, tokens: AccessTokens, text: str, now: int) -> tuple[Caller, int]:
        """Whom an access token stands for, and until when."""
        key_id = key_id_of(text)
        if key_id is not None and self._signing_keys is not None:
            return await self._login(self._signing_keys, text, key_id, now)
        token = tokens.read(text, now)
        client = await find_client(self._database, token.client_id)
        if client is None or client.organization_id != token.organization_id:
            raise Unauthorized("this access token is not valid")
        if client.revoked_at is not None:
            raise Unauthorized("the client of this access token has been revoked")
        organization = await self._database.one(ORGANIZATION, id=client.organization_id)
        if organization is None or organization.disabled_at is not None:
            raise Unauthorized(_DISABLED)
        caller = Caller(client.organization_id, client.user_id, client.id, token.scopes, tier=organization.tier)
        return caller, token.expires_at

    async def _login(self, keys: SigningKeys, text: str, key_id: object, now: int) -> tuple[Caller, int]:
        """Whom the access token of a login stands for, and until when."""
        token = await keys.read(text, key_id, now)
        row = await self._database.one(_LOGIN, login=token.login_id)
        login = Login.load(row[: len(Login.columns)]) if row is not None else None
        if row is None or login is None or login.user_id != token.user_id:
            raise Unauthorized("this access token is not valid")
        disabled, tier, user_disabled, role = row[len(Login.columns) :]
        if login.ended_at is not None or login.expires_at <= now:
            raise Unauthorized("the login of this access token has ended")
        _check_open(disabled, user_disabled)
        if login.client_id is not None:
            client = await find_client(self._database, login.client_id)
            if client is None or client.revoked_at is not None:
                raise Unauthorized("the client of this access token has been revoked")
        caller = Caller(
            organization_id=login.organization_id,
            user_id=login.user_id,
            key_id=login.id,
            scopes=scopes_within(role, login.scopes),
            unbounded=frozenset(login.scopes.split()),
            tier=tier,
            login_id=login.id,
            delegated=login.client_id is not None,
            # However often somebody logs in, he may ask no more often.
            counted_as=login.user_id,
        )
        return caller, token.expires_at


_DIGEST = ApiKey.columns.index("digest")
_DISABLED = "the organization of this credential has been disabled"


def _check_open(organization: int | None, user: int | None) -> None:
    if organization is not None:
        raise Unauthorized(_DISABLED)
    if user is not None:
        raise Unauthorized("the user of this credential has been disabled")


def _holder(row: Any, now: int) -> tuple[Caller, int | None]:
    """Whom an API key stands for, and until when."""
    if row is None:
        raise Unauthorized("this API key is not valid")
    stored = ApiKey.load(row[: len(ApiKey.columns)])
    disabled, tier, user_disabled, role = row[len(ApiKey.columns) :]
    if stored.revoked_at is not None:
        raise Unauthorized("this API key has been revoked")
    if stored.expires_at is not None and stored.expires_at <= now:
        raise Unauthorized("this API key has expired")
    # Agents and programs go on when the person has gone who set them up.
    _check_open(disabled, user_disabled if stored.personal else None)
    projects = frozenset(json.loads(stored.projects))
    caller = Caller(
        organization_id=stored.organization_id,
        user_id=stored.user_id,
        key_id=stored.id,
        # What a person has made may do no more than he may now.
        scopes=scopes_within(role, stored.scopes) if stored.personal else frozenset(stored.scopes.split()),
        unbounded=frozenset(stored.scopes.split()),
        delegated=stored.personal,
        hourly_limit=stored.hourly_limit,
        agent_id=stored.agent_id,
        minute_limit=stored.minute_limit,
        tier=tier,
        projects=projects or None,
        # However many keys a person makes, they have together what he has, but for those with a figure of their own.
        counted_as=stored.user_id if stored.personal and stored.hourly_limit is None else "",
    )
    return caller, stored.expires_at
