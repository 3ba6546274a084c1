"""Logins: people prove who they are, go on without a password, and end it."""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from server.core.identity.access_tokens import digest_of
from server.core.identity.attempts import Attempt, Attempts
from server.core.identity.organizations import BY_EMAIL, LOCK_USER, ORGANIZATION, USER
from server.core.identity.passwords import DEVELOPMENT_ADMIN, Passwords
from server.core.identity.signing_keys import TOKEN_SECONDS, SigningKeys
from server.core.shared.call_context import Call
from server.core.shared.ids import parse_id
from server.errors import NotFound, Unauthorized
from server.model import Login, Organization, RefreshToken, User, new_id
from server.store.acting import acting
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

SECOND = 1_000_000
# How long a refresh token is good, and how long a login may go on in all.
REFRESH = 30 * 24 * 3600 * SECOND
LONGEST = 90 * 24 * 3600 * SECOND
# For how long after its use an old refresh token gives the same successor again.
AGAIN = 60 * SECOND
# How many logins a person has listed.
LISTED = 100
WRONG = "the e-mail address or the password is wrong"
_EXPIRED = "this refresh token is not valid, or its login has ended"
_PURPOSE = b"orchestrator refresh tokens, version 1"

_logins = Login.table().c
LOCK_LOGIN = Statement[Login](
    select(Login.table()).where(_logins.id == bindparam("id")).with_for_update(key_share=True), Login
)
_LIST = Statement[Login](
    select(Login.table())
    .where(_logins.user_id == bindparam("user"), _logins.ended_at.is_(None), _logins.expires_at > bindparam("now"))
    .order_by(_logins.id.desc())
    .limit(LISTED),
    Login,
)
_END_ALL = Statement[Any](
    update(Login.table())
    .where(_logins.user_id == bindparam("user"), _logins.ended_at.is_(None))
    .values(ended_at=bindparam("now"))
)
_tokens = RefreshToken.table().c
_TOKEN = Statement[RefreshToken](
    select(RefreshToken.table()).where(_tokens.digest == bindparam("digest")), RefreshToken
)
_USE = Statement[Any](
    update(RefreshToken.table()).where(_tokens.digest == bindparam("digest")).values(used_at=bindparam("now"))
)
_KEEP = Statement[Any](
    upsert(RefreshToken.table())
    .values({name: bindparam(name) for name in RefreshToken.columns})
    .on_conflict_do_nothing()
)


@dataclass(frozen=True, slots=True)
class Granted:
    """What a login gives: whose it is, and what to go on with. The tokens are shown once."""

    login: Login
    user: User
    organization: Organization
    access_token: str
    refresh_token: str
    expires_in: int = TOKEN_SECONDS


class Logins:
    """Begins logins, goes on with them and ends them."""

    def __init__(
        self,
        database: Database,
        secret: str,
        keys: SigningKeys,
        passwords: Passwords,
        attempts: Attempts,
        *,
        development: bool,
    ) -> None:
        self._database = database
        self._keys = keys
        self._passwords = passwords
        self._attempts = attempts
        self._development = development
        self._key = hmac.digest(secret.encode(), _PURPOSE, "sha256")
        # Told whose credentials have just ended here, so that nobody waits until the store is asked again.
        self.ended: list[Callable[[str], None]] = []

    async def log_in(self, call: Call, email: str, password: str) -> Granted:
        """A login of who proves to be this user.

        Raises Unauthorized in the same words and after the same time whether there is such a user or not, and TooMany.
        """
        user, attempt = await self.prove(call, email, password)

        async def body(transaction: Transaction) -> tuple[Login, User, str]:
            await self._attempts.forgive(transaction, attempt)
            # The password may have been changed since it was looked at.
            now = await transaction.one(LOCK_USER, id=user.id)
            if now is None or now.password != user.password or now.disabled_at is not None:
                raise Unauthorized(WRONG)
            return await self.begin(transaction, call, now)

        acting.set(acting.get().as_user(user.organization_id, user.id, ""))
        return await self.granted(*await self._database.write(body))

    async def prove(self, call: Call, email: str, password: str) -> tuple[User, Attempt]:
        """The user with this password, and the attempt, which is to be forgiven. Raises Unauthorized, TooMany."""
        email = normal_email(email)
        user = await self._database.one(BY_EMAIL, email=email)
        async with self._attempts.in_turn(call.address, email):
            attempt = await self._attempts.begin(call.address, email, user.id if user is not None else "")
            if not await self._passwords.matches(user.password if user is not None else "", password):
                await self._attempts.failed(attempt)
                raise Unauthorized(WRONG)
        assert user is not None
        if not self._development and (email, password) == DEVELOPMENT_ADMIN:
            # It came with a database that was made in development, and everybody knows it.
            raise Unauthorized(WRONG)
        await self._check_open(user)
        return user, attempt

    async def begin(
        self, transaction: Transaction, call: Call, user: User, scopes: str = "*", client_id: str | None = None
    ) -> tuple[Login, User, str]:
        """Begins a login of this user; returns it, the user as he is now, and its first refresh token."""
        now = transaction.now
        login = Login.new(
            id=new_id(),
            organization_id=user.organization_id,
            user_id=user.id,
            client_id=client_id,
            scopes=scopes,
            user_agent=call.program[:200],
            address=call.address,
            created_at=now,
            last_used_at=now,
            expires_at=now + LONGEST,
        )
        await transaction.insert(login)
        token = f"rt_{secrets.token_urlsafe(32)}"
        await self._keep(transaction, login, token)
        user = await transaction.update(user, last_login_at=now)
        transaction.actor = transaction.actor.as_user(user.organization_id, user.id, login.id)
        transaction.emit("user.logged_in", user)
        return login, user, token

    async def granted(self, login: Login, user: User, refresh_token: str) -> Granted:
        """What is told of a login that has begun, or goes on."""
        organization = await self._database.one(ORGANIZATION, id=user.organization_id)
        assert organization is not None
        access = await self._keys.sign(login, self._database.clock())
        return Granted(login, user, organization, access, refresh_token)

    async def refresh(self, token: str, client_id: str | None = None) -> Granted:
        """Goes on with a login, whose refresh token is used up by that. Raises Unauthorized.

        Who has lost the answer gets the same one again for a minute. Whoever uses it later has not got it from us, or
        has lost it to somebody: then the login ends.
        """
        digest = digest_of(token)

        async def body(transaction: Transaction) -> tuple[Login, User, str] | None:
            known = await transaction.one(_TOKEN, digest=digest)
            if known is None:
                return None
            login = await transaction.one(LOCK_LOGIN, id=known.login_id)
            # Others may have used it while we waited for the login.
            known = await transaction.one(_TOKEN, digest=digest)
            now = transaction.now
            if known is None or login is None or login.client_id != client_id:
                return None
            if login.ended_at is not None or min(login.expires_at, known.expires_at) <= now:
                return None
            user = await transaction.one(USER, id=login.user_id)
            if user is None or user.disabled_at is not None:
                return None
            if known.used_at is not None and now - known.used_at > AGAIN:
                await self.finish(transaction, login)
                return None
            if known.used_at is None:
                await transaction.run(_USE, digest=digest, now=now)
            successor = self._successor(token)
            await self._keep(transaction, login, successor)
            return await transaction.update(login, last_used_at=now), user, successor

        found = await self._database.write(body)
        if found is None:
            raise Unauthorized(_EXPIRED)
        await self._check_open(found[1], _EXPIRED)
        return await self.granted(*found)

    async def log_out(self, call: Call, token: str) -> None:
        """Ends the login that a refresh token is of, and that of the caller. Raises Unauthorized for neither."""
        digest = digest_of(token)

        async def body(transaction: Transaction) -> list[Login]:
            known = await transaction.one(_TOKEN, digest=digest)
            ids = {known.login_id if known is not None else "", call.caller.login_id}
            logins = []
            for each in sorted(ids - {""}):
                login = await transaction.one(LOCK_LOGIN, id=each)
                if login is not None:
                    await self.finish(transaction, login)
                    logins.append(login)
            return logins

        ended = await self._database.write(body)
        if not ended:
            raise Unauthorized(_EXPIRED)
        self.tell(*(each.user_id for each in ended))

    async def list(self, call: Call) -> list[Login]:
        """The logins of the caller that have not ended, newest first, at most `LISTED`."""
        return await self._database.all(_LIST, user=call.caller.user_id, now=self._database.clock())

    async def end(self, call: Call, identifier: str) -> None:
        """Ends one of the caller's logins. Raises NotFound."""
        digits = parse_id("login", identifier)

        async def body(transaction: Transaction) -> None:
            login = await transaction.one(LOCK_LOGIN, id=digits)
            if login is None or login.user_id != call.caller.user_id or login.ended_at is not None:
                raise NotFound("login", identifier)
            await self.finish(transaction, login)

        await self._database.write(body)
        self.tell(call.caller.user_id)

    async def end_all(self, transaction: Transaction, user_id: str) -> None:
        """Ends every login of a user; `tell` is to be called once that is committed."""
        await transaction.run(_END_ALL, user=user_id, now=transaction.now)

    async def finish(self, transaction: Transaction, login: Login) -> None:
        """Ends a login that is locked."""
        if login.ended_at is not None:
            return
        await transaction.update(login, ended_at=transaction.now)
        user = await transaction.one(USER, id=login.user_id)
        if user is not None:
            if not transaction.actor.organization_id:
                # Who has a refresh token alone is that user as well.
                transaction.actor = transaction.actor.as_user(user.organization_id, user.id, login.id)
            transaction.emit("user.logged_out", user)

    async def _keep(self, transaction: Transaction, login: Login, token: str) -> None:
        kept = RefreshToken.new(
            digest=digest_of(token),
            login_id=login.id,
            created_at=transaction.now,
            expires_at=min(transaction.now + REFRESH, login.expires_at),
        )
        await transaction.run(_KEEP, **kept.values())

    async def _check_open(self, user: User, words: str = "") -> None:
        organization = await self._database.one(ORGANIZATION, id=user.organization_id)
        if user.disabled_at is not None:
            raise Unauthorized(words or "this user has been disabled")
        if organization is None or organization.disabled_at is not None:
            raise Unauthorized(words or "the organization of this user has been disabled")

    def _successor(self, token: str) -> str:
        made = hmac.digest(self._key, token.encode("utf-8", "surrogatepass"), "sha256")
        return f"rt_{base64.urlsafe_b64encode(made).decode().rstrip('=')}"

    def tell(self, *users: str) -> None:
        """Lets this process forget what it knows of the credentials of these users."""
        for user in users:
            for forget in self.ended:
                forget(user)


def normal_email(email: str) -> str:
    """An e-mail address as it is kept."""
    return email.strip().lower()
