"""Tokens that clients hold for people: which login one is of, and how a client ends that."""

from __future__ import annotations

from sqlalchemy import bindparam, select

from server.core.identity.access_tokens import digest_of, looks_like_token
from server.core.identity.logins import LOCK_LOGIN, Logins
from server.core.identity.signing_keys import SigningKeys, key_id_of
from server.errors import Unauthorized
from server.model import Login, RefreshToken
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

_tokens = RefreshToken.table().c
_logins = Login.table().c
_LOGIN = Statement[Login](select(Login.table()).where(_logins.id == bindparam("id")), Login)
_OF_TOKEN = Statement[Login](
    select(Login.table())
    .join(RefreshToken.table(), _tokens.login_id == _logins.id)
    .where(_tokens.digest == bindparam("digest")),
    Login,
)


class ClientTokens:
    """Looks tokens up, and ends their logins."""

    def __init__(self, database: Database, logins: Logins, keys: SigningKeys) -> None:
        self._database = database
        self._logins = logins
        self._keys = keys

    async def login_of(self, token: str) -> Login | None:
        """The login that an access token or a refresh token is of, while it goes on; None where there is none."""
        now = self._database.clock()
        if looks_like_token(token):
            try:
                said = await self._keys.read(token, key_id_of(token), now)
            except Unauthorized:
                return None
            login = await self._database.one(_LOGIN, id=said.login_id)
        else:
            login = await self._database.one(_OF_TOKEN, digest=digest_of(token))
        good = login is not None and login.ended_at is None and login.expires_at > now
        return login if good else None

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
