"""A forgotten password: who gets a token by mail, or from an administrator, sets another one with it, once."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import BigInteger, Integer, bindparam, delete, func, select, update

from server.core.identity.access_tokens import digest_of
from server.core.identity.attempts import Attempts
from server.core.identity.logins import Granted, Logins, normal_email
from server.core.identity.organizations import BY_EMAIL, LOCK_USER, ORGANIZATION, USER
from server.core.identity.passwords import Passwords
from server.core.people.users import USERS, check_may_give
from server.core.shared.call_context import Call
from server.core.shared.letter import Letter
from server.errors import Conflict, InvalidRequest, NotFound, Unavailable
from server.model import Login, PasswordReset, User, new_id
from server.store.among import any_of
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Reader, Transaction

HOUR = 3600 * 1_000_000
# How long a token is good that was mailed, and one that somebody hands over.
MAILED, HANDED = HOUR, 24 * HOUR
# How many an address may have waiting, and how many are mailed over one connection, or removed together.
WAITING, TOGETHER, REMOVED = 3, 20, 1000
# After how long one is mailed again that the mail server has not taken.
AGAIN = 60 * 1_000_000
# Before the id of a token, as that of its letter.
_LETTER = "reset-"
_PURPOSE = b"orchestrator password resets, version 1"
_table = PasswordReset.table()
_resets = _table.c
_now = bindparam("now", type_=BigInteger)
_WAITING = Statement[tuple[int]](
    select(func.count()).where(_resets.subject == bindparam("subject"), _resets.expires_at > _now)
)
_BY_DIGEST = Statement[PasswordReset](
    select(_table).where(_resets.digest == bindparam("digest"), _resets.expires_at > _now), PasswordReset
)
_USE = Statement[Any](delete(_table).where(_resets.digest == bindparam("digest"), _resets.expires_at > _now))
_DROP = Statement[Any](delete(_table).where(_resets.user_id == bindparam("user")))
_old = select(_resets.id).where(_resets.expires_at < bindparam("before", type_=BigInteger)).limit(REMOVED)
_FORGET = Statement[Any](delete(_table).where(_resets.id.in_(_old)))
_chosen = (
    select(_resets.id)
    .where(_resets.mail_at.is_not(None), _resets.mail_at <= _now, _resets.expires_at > _now)
    .order_by(_resets.mail_at)
    .limit(bindparam("limit", type_=Integer))
    .with_for_update(skip_locked=True)
    .cte("chosen")
)
_CLAIM = Statement[PasswordReset](
    update(_table).where(_resets.id.in_(select(_chosen.c.id))).values(mail_at=None).returning(_table), PasswordReset
)
_AGAIN = Statement[Any](
    update(_table).where(any_of(_resets.id, "ids")).values(mail_at=bindparam("at", type_=BigInteger))
)


class ResetTokens:
    """Makes tokens. What is kept of one is its digest, and it is made anew of its id where it is to be mailed."""

    def __init__(self, database: Database, secret: str) -> None:
        self._database = database
        self._key = hmac.digest(secret.encode(), _PURPOSE, "sha256")

    async def offer_to_address(self, email: str) -> tuple[PasswordReset, str]:
        """A token for the user with this address, for who keeps this server. Raises NotFound, Conflict."""
        user = await self._database.one(BY_EMAIL, email=normal_email(email))
        if user is None:
            raise NotFound("user", email)
        return await self.offer(user)

    async def offer(self, user: User) -> tuple[PasswordReset, str]:
        """A token that is handed to this user; those before it are good no more. Raises Conflict."""
        if not _may_log_in(user):
            raise Conflict("this user is disabled, or has never had a password", reason="CANNOT_LOG_IN")

        async def body(transaction: Transaction) -> PasswordReset:
            await transaction.one(LOCK_USER, id=user.id)
            await drop_resets(transaction, user.id)
            transaction.emit("user.password_reset_offered", user)
            return await self.make(transaction, user.email, user.id, HANDED)

        made = await self._database.write(body)
        return made, self.of(made.id)

    async def make(
        self, transaction: Transaction, address: str, user: str | None, good: int, mail_at: int | None = None
    ) -> PasswordReset:
        """A new one for this address and its user, which is good for so many microseconds."""
        identifier = new_id()
        reset = PasswordReset.new(
            id=identifier,
            subject=digest_of(address),
            user_id=user,
            digest=digest_of(self.of(identifier)),
            created_at=transaction.now,
            expires_at=transaction.now + good,
            mail_at=mail_at,
        )
        await transaction.insert(reset)
        return reset

    def of(self, identifier: str) -> str:
        """The token with this id."""
        made = hmac.digest(self._key, identifier.encode(), "sha256")
        return f"pwr_{base64.urlsafe_b64encode(made).decode().rstrip('=')}"


class PasswordResets:
    """Offers tokens, and sets passwords for them; `mails` where they can be mailed, with a link to `page`, if any."""

    def __init__(
        self,
        database: Database,
        secret: str,
        logins: Logins,
        passwords: Passwords,
        attempts: Attempts,
        *,
        mails: bool,
        page: str = "",
    ) -> None:
        self._database = database
        self._tokens = ResetTokens(database, secret)
        self._logins = logins
        self._passwords = passwords
        self._attempts = attempts
        self._mails = mails
        self._page = page

    async def request(self, call: Call, email: str) -> None:
        """Has a token mailed to this address, if it is somebody's; what is done otherwise is the same.

        Raises Unavailable where no mail is sent, TooMany.
        """
        if not self._mails:
            raise Unavailable("this server sends no mail; an administrator can give you a token for another password")
        await self._attempts.count(call.address)
        address = normal_email(email)
        user = await self._database.one(BY_EMAIL, email=address)
        known = user.id if user is not None and _may_log_in(user) else None

        async def body(transaction: Transaction) -> None:
            # Whoever asks for others does not fill their boxes.
            waiting = await transaction.one(_WAITING, subject=digest_of(address), now=transaction.now)
            if waiting is None or waiting[0] < WAITING:
                await self._tokens.make(transaction, address, known, MAILED, mail_at=transaction.now)

        await self._database.write(body)

    async def offer(self, call: Call, identifier: str) -> tuple[PasswordReset, str]:
        """A token for a user whom the caller hands it to; those before it are good no more.

        Raises NotFound, Forbidden where the user may do more than the caller, Conflict where he cannot log in.
        """
        user = await USERS.get(self._database, call, identifier)
        check_may_give(call.caller, user.role)
        return await self._tokens.offer(user)

    async def reset(self, call: Call, token: str, new: str) -> Granted:
        """Sets another password, ends every login of the user and begins a new one; no token of his is good any more.

        Raises InvalidRequest for a token that is not good, or not any more, and for a bad password; TooMany.
        """
        await self._attempts.count(call.address)
        digest = digest_of(token)
        found = await self._database.one(_BY_DIGEST, digest=digest, now=self._database.clock())
        user = await _user(self._database, found)
        if user is None or not _may_log_in(user):
            raise _not_good()
        organization = await self._database.one(ORGANIZATION, id=user.organization_id)
        if organization is None or organization.disabled_at is not None:
            raise _not_good()
        await self._passwords.check_strength("new_password", new, [user.email, *user.email.split("@"), user.name])
        kept = await self._passwords.hash(new)

        async def body(transaction: Transaction) -> tuple[Login, User, str]:
            locked = await transaction.one(LOCK_USER, id=user.id)
            used = await transaction.run(_USE, digest=digest, now=transaction.now)
            if locked is None or not used or not _may_log_in(locked):
                raise _not_good()
            await drop_resets(transaction, user.id)
            await self._logins.end_all(transaction, user.id)
            locked = await transaction.update(locked, password=kept, updated_at=transaction.now)
            transaction.actor = transaction.actor.as_user(user.organization_id, user.id, "")
            transaction.emit("user.password_changed", locked)
            return await self._logins.begin(transaction, call, locked)

        begun = await self._database.write(body)
        self._logins.tell(user.id)
        return await self._logins.granted(*begun)

    async def letters(self) -> Sequence[Letter]:
        """What is to be mailed now. Where the process dies before `record`, it is lost: who gets none asks again."""

        async def body(transaction: Transaction) -> list[Letter]:
            letters = []
            for each in await transaction.all(_CLAIM, now=transaction.now, limit=TOGETHER):
                user = await _user(transaction, each)
                if user is not None:
                    letters.append(self._letter(each, user))
            return letters

        return await self._database.write(body)

    async def record(self, letters: Sequence[Letter], taken: Collection[str]) -> None:
        """What came of letters: the ids of those that were taken. Others go again while their token is good."""
        ids = [each.id.removeprefix(_LETTER) for each in letters if each.id not in taken]

        async def body(transaction: Transaction) -> None:
            await transaction.run(_AGAIN, ids=ids, at=transaction.now + AGAIN)

        if ids:
            await self._database.write(body)

    async def forget(self, before: int) -> None:
        """Removes those that have expired before then."""

        async def body(transaction: Transaction) -> int:
            return await transaction.run(_FORGET, before=before)

        while await self._database.write(body) == REMOVED:
            pass

    def _letter(self, reset: PasswordReset, user: User) -> Letter:
        token = self._tokens.of(reset.id)
        separator = "&" if "?" in self._page else "?"
        way = (
            f"To set it, open\n\n{self._page}{separator}token={token}"
            if self._page
            else f"To set it, send this token and the new password to /api/v1/auth/password/reset:\n\n{token}"
        )
        asked = f"Somebody, perhaps you, has asked for another password for {user.email}."
        text = f"{asked} {way}\n\nThat works once, within an hour. If it was not you, there is nothing to do."
        return Letter(f"{_LETTER}{reset.id}", user.name, user.email, "Another password", text, reset.created_at)


async def drop_resets(transaction: Transaction, user_id: str) -> None:
    """No token of this user's is good any more."""
    await transaction.run(_DROP, user=user_id)


async def _user(reader: Reader, reset: PasswordReset | None) -> User | None:
    if reset is None or reset.user_id is None:
        return None
    return await reader.one(USER, id=reset.user_id)


def _may_log_in(user: User) -> bool:
    return user.disabled_at is None and bool(user.password)


def _not_good() -> InvalidRequest:
    return InvalidRequest("token", "is not good, or not any more: ask for another one")
