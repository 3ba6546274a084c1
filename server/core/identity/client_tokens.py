"""Tokens that clients hold for people: which login one is of, and how a client ends that."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import bindparam, select

from server.core.identity.access_tokens import digest_of, looks_like_token
from server.core.identity.logins import LOCK_LOGIN, Logins
from server.core.identity.organizations import USER
from server.core.identity.roles import scopes_within
from server.core.identity.signing_keys import SigningKeys, key_id_of
from server.errors import Unauthorized
from server.model import Login, RefreshToken
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

_tokens = RefreshToken.table().c
_logins = Login.table().c
LOGIN = Statement[Login](select(Login.table()).where(_logins.id == bindparam("id")), Login)
_OF_TOKEN = Statement[Login](
    select(Login.table())
    .join(RefreshToken.table(), _tokens.login_id == _logins.id)
    .where(_tokens.digest == bindparam("digest")),
    Login,
)


_TOKEN = Statement[RefreshToken](
    select(RefreshToken.table()).where(_tokens.digest == bindparam("digest")), RefreshToken
)


@dataclass(frozen=True, slots=True)
class Held:
    """What a token is good for, and until when, in microseconds."""

    login: Login
    expires_at: int
    scopes: frozenset[str]
    is_access: bool


class ClientTokens:
    """Looks tokens up, and ends their logins."""

    def __init__(self, database: Database, logins: Logins, keys: SigningKeys) -> None:
        self._database = database
        self._logins = logins
        self._keys = keys

    async def held(self, token: str) -> Held | None:
        """What an access token or a refresh token is good for; None where that is nothing."""
        now = self._database.clock()
        is_access = looks_like_token(token)
        if is_access:
            try:
                said = await self._keys.read(token, key_id_of(token), now)
            except Unauthorized:
                return None
            login, until = await self._database.one(LOGIN, id=said.login_id), said.expires_at
        else:
            kept = await self._database.one(_TOKEN, digest=digest_of(token))
            if kept is None or kept.used_at is not None:
                return None
            login, until = await self._database.one(LOGIN, id=kept.login_id), kept.expires_at
        if login is None or login.ended_at is not None or min(until, login.expires_at) <= now:
            return None
        user = await self._database.one(USER, id=login.user_id)
        if user is None or user.disabled_at is not None:
            return None
        return Held(login, min(until, login.expires_at), scopes_within(user.role, login.scopes), is_access)

    async def login_of(self, token: str) -> Login | None:
        """The login that a token is of, also where a refresh token has been used; None where there is none."""
        if looks_like_token(token):
            held = await self.held(token)
            return held.login if held is not None else None
        return await self._database.one(_OF_TOKEN, digest=digest_of(token))

    async def end(self, login: Login) -> None:
        """Ends a login, whose tokens are good no more."""

        async def body(transaction: Transaction) -> None:
            await end_login(self._logins, transaction, login.id)

        await self._database.write(body)
        self._logins.tell(login.user_id)


async def end_login(logins: Logins, transaction: Transaction, login_id: str) -> None:
    """Ends a login within a transaction."""
    login = await transaction.one(LOCK_LOGIN, id=login_id)
    if login is not None:
        await logins.finish(transaction, login)
