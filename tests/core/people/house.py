"""People of a database, and the clock that they live by."""

from __future__ import annotations

import uuid

from server.core.identity.access_tokens import AccessTokens
from server.core.identity.attempts import Attempts
from server.core.identity.authentication import Authenticator
from server.core.identity.logins import Granted, Logins
from server.core.identity.passwords import Passwords
from server.core.identity.signing_keys import SigningKeys
from server.core.people.avatars import Avatars
from server.core.people.invitations import Invitations
from server.core.people.password_change import PasswordChange
from server.core.people.password_reset import PasswordResets
from server.core.people.personal_keys import PersonalKeys
from server.core.people.registration import Registration
from server.core.people.users import Users
from server.core.shared.call_context import Call
from server.core.shared.count_cache import CountCache
from server.core.shared.sealing import Sealer
from server.rpc.access import NOBODY
from server.store.database import Database
from tests.support.clock import Clock

SECRET = "s" * 32
PASSWORD = "kX9-lamp-river"


class House:
    """The use cases that people need, and what a caller without a credential says."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = database.clock = Clock()
        self.slept: list[float] = []
        self.keys = SigningKeys(database, Sealer(SECRET))
        # Those of many tests are no secrets, and are to be looked at quickly.
        self.passwords = Passwords(64)
        self.attempts = Attempts(database, None, self._sleep)
        self.logins = Logins(database, SECRET, self.keys, self.passwords, self.attempts, development=True)
        counts = CountCache(database)
        self.users = Users(database, counts, self.logins)
        self.avatars = Avatars(database)
        self.invitations = Invitations(database, counts, SECRET)
        self.password_change = PasswordChange(database, self.logins, self.passwords)
        self.password_resets = PasswordResets(
            database, SECRET, self.logins, self.passwords, self.attempts, mails=True, page="https://x.test/reset?a=b"
        )
        self.personal_keys = PersonalKeys(database)
        self.registration = Registration(database, self.logins, self.passwords, self.attempts, is_open=True)
        self.identity = self.new_identity()

    def new_identity(self) -> Authenticator:
        """As another process has it."""
        return Authenticator(self.database, AccessTokens(SECRET), self.keys)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def call(self, address: str = "10.0.0.1") -> Call:
        return Call(NOBODY, "request", address=address, program="a test")

    async def register(self, **more: str) -> Granted:
        email = f"{uuid.uuid4().hex}@example.com"
        given = {"email": email, "password": PASSWORD, "name": "Ada", **more}
        return await self.registration.register(self.call(), **given)

    async def as_(self, granted: Granted) -> Call:
        """A call of who is logged in."""
        call = self.call()
        call.caller = await self.new_identity().caller(granted.access_token)
        return call

    async def log_in(self, email: str, password: str = PASSWORD, address: str = "10.0.0.1") -> Granted:
        return await self.logins.log_in(self.call(address), email, password)
