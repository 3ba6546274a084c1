"""Another password: it ends whatever the one before has begun."""

from __future__ import annotations

from server.core.identity.attempts import Attempts
from server.core.identity.logins import WRONG, Granted, Logins
from server.core.identity.organizations import LOCK_USER, USER
from server.core.identity.passwords import Passwords
from server.core.people.password_reset import drop_resets
from server.core.shared.call_context import Call
from server.errors import Forbidden, Unauthorized
from server.model import Login, User
from server.store.database import Database
from server.store.transaction import Transaction


class PasswordChange:
    """Lets people change their passwords."""

    def __init__(self, database: Database, logins: Logins, passwords: Passwords) -> None:
        self._database = database
        self._logins = logins
        self._passwords = passwords

    async def change(self, call: Call, current: str, new: str) -> Granted:
        """Sets another password, ends every login of the caller, and begins a new one.

        Raises Unauthorized where the current one is another, Forbidden for who has none, InvalidRequest, TooMany.
        """
        user = await self._database.one(USER, id=call.caller.user_id)
        if user is None or not user.password:
            raise Forbidden("this user has no password")
        proven, attempt = await self._logins.prove(call, user.email, current)
        await self._passwords.check_strength("new_password", new, [user.email, *user.email.split("@"), user.name])
        kept = await self._passwords.hash(new)

        async def body(transaction: Transaction) -> tuple[Login, User, str]:
            await Attempts.forgive(transaction, attempt)
            locked = await transaction.one(LOCK_USER, id=proven.id)
            if locked is None or locked.password != proven.password:
                raise Unauthorized(WRONG)
            await self._logins.end_all(transaction, user.id)
            await drop_resets(transaction, user.id)
            locked = await transaction.update(locked, password=kept, updated_at=transaction.now)
            transaction.emit("user.password_changed", locked)
            return await self._logins.begin(transaction, call, locked)

        found = await self._database.write(body)
        self._logins.tell(user.id)
        return await self._logins.granted(*found)
