"""Authorization codes: a person allows an OAuth client to act for him, and the client fetches its tokens, once."""

from __future__ import annotations

import secrets
from typing import Any

from sqlalchemy import bindparam, delete, select

from server.core.identity.access_tokens import digest_of
from server.core.identity.client_tokens import LOGIN, end_login
from server.core.identity.logins import Granted, Logins
from server.core.identity.oauth_clients import LOCK_CLIENT
from server.core.identity.organizations import LOCK_USER
from server.core.shared.call_context import Call, Caller
from server.errors import Unauthorized
from server.model import AuthorizationCode, Login, OAuthClient, User
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

# How long a code is good, in microseconds. Clients fetch their tokens at once.
GOOD = 60 * 1_000_000
_codes = AuthorizationCode.table().c
_READ = Statement[AuthorizationCode](
    select(AuthorizationCode.table()).where(_codes.digest == bindparam("digest")), AuthorizationCode
)
_LOCK = Statement[AuthorizationCode](
    select(AuthorizationCode.table()).where(_codes.digest == bindparam("digest")).with_for_update(key_share=True),
    AuthorizationCode,
)
_USE = Statement[Any](
    AuthorizationCode.table()
    .update()
    .where(_codes.digest == bindparam("code"))
    .values(used_at=bindparam("now"), login_id=bindparam("login"))
)
_FORGET = Statement[Any](delete(AuthorizationCode.table()).where(_codes.expires_at < bindparam("before")))


class CodeRefused(Unauthorized):
    """The code is not good, or not any more."""


class AuthorizationCodes:
    """Gives codes and takes them back."""

    def __init__(self, database: Database, logins: Logins) -> None:
        self._database = database
        self._logins = logins

    async def give(
        self,
        client: OAuthClient,
        caller: Caller,
        *,
        scopes: str,
        redirect_uri: str,
        redirect_named: bool,
        challenge: str,
    ) -> str:
        """A code for this client, in the name of whoever has logged in; it is good no longer than that login.

        A client that has once sent a challenge gets no code without one from then on.
        """
        code = secrets.token_urlsafe(32)

        async def body(transaction: Transaction) -> None:
            given = AuthorizationCode.new(
                digest=digest_of(code),
                client_id=client.id,
                user_id=caller.user_id,
                granted_by=caller.login_id,
                organization_id=client.organization_id,
                redirect_uri=redirect_uri,
                redirect_named=redirect_named,
                scopes=scopes,
                challenge=challenge,
                created_at=transaction.now,
                expires_at=transaction.now + GOOD,
            )
            await transaction.insert(given)
            if challenge and not client.needs_challenge:
                locked = await transaction.one(LOCK_CLIENT, id=client.id)
                if locked is not None:
                    await transaction.update(locked, needs_challenge=True)

        await self._database.write(body)
        return code

    async def find(self, code: str) -> AuthorizationCode | None:
        """The code, in whichever state."""
        return await self._database.one(_READ, digest=digest_of(code))

    async def exchange(self, call: Call, code: AuthorizationCode) -> Granted:
        """The tokens of a login that this code begins. Raises CodeRefused.

        A code that comes twice has been stolen, perhaps by who came first: the login that it began ends.
        """

        async def body(transaction: Transaction) -> tuple[Login, User, str] | None:
            found = await transaction.one(_LOCK, digest=code.digest)
            if found is None or found.expires_at <= transaction.now:
                return None
            if found.used_at is not None:
                if found.login_id is not None:
                    await end_login(self._logins, transaction, found.login_id)
                return None
            user = await transaction.one(LOCK_USER, id=found.user_id)
            granted = await transaction.one(LOGIN, id=found.granted_by)
            if user is None or user.disabled_at is not None or granted is None or granted.ended_at is not None:
                return None
            begun = await self._logins.begin(transaction, call, user, found.scopes, found.client_id)
            await transaction.run(_USE, code=found.digest, now=transaction.now, login=begun[0].id)
            return begun

        begun = await self._database.write(body)
        if begun is None:
            self._logins.tell(code.user_id)
            raise CodeRefused("this code is not valid, has expired, or has been used")
        return await self._logins.granted(*begun)

    async def forget(self, before: int) -> None:
        """Removes codes that have expired before then."""

        async def body(transaction: Transaction) -> None:
            await transaction.run(_FORGET, before=before)

        await self._database.write(body)
