"""Registration: how somebody becomes a user, of an organization of his own or of one that has invited him."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, update
from sqlalchemy.dialects.postgresql import insert as upsert

from server.core.identity.attempts import Attempts
from server.core.identity.logins import Granted, Logins
from server.core.identity.organizations import BY_EMAIL, ORGANIZATION, first_user, new_organization
from server.core.identity.passwords import Passwords
from server.core.people.invitations import accepted, check_email
from server.core.people.users import check_name
from server.core.shared.call_context import Call
from server.errors import Conflict, Forbidden, InvalidRequest
from server.model import Login, Organization, Role, Tier, User, new_id
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

ADMIN_EMAIL, ADMIN_PASSWORD = "admin@orchestrator.com", "admin123"
_INSERT = Statement[Any](
    upsert(User.table())
    .values({name: bindparam(name) for name in User.columns})
    .on_conflict_do_nothing(index_elements=["email"])
)
_SET_TIER = Statement[Any](
    update(Organization.table())
    .where(Organization.table().c.id == bindparam("organization"))
    .values(tier=bindparam("new_tier"))
)
_TAKEN = "there is a user with this e-mail address already"


class Registration:
    """Makes users of strangers; without an invitation only where it is `open`."""

    def __init__(
        self, database: Database, logins: Logins, passwords: Passwords, attempts: Attempts, *, is_open: bool
    ) -> None:
        self._database = database
        self._logins = logins
        self._passwords = passwords
        self._attempts = attempts
        self._open = is_open

    async def register(
        self, call: Call, *, email: str, password: str, name: str, organization: str = "", invitation: str = ""
    ) -> Granted:
        """A new user, logged in. Raises InvalidRequest, Conflict, Forbidden, TooMany."""
        address = check_email(email)
        check_name(name)
        if not invitation and not self._open:
            raise Forbidden("this server takes new users by invitation alone")
        await self._attempts.count(call.address)
        await self._passwords.check_strength("password", password, [address, *address.split("@"), name, organization])
        if await self._database.one(BY_EMAIL, email=address) is not None:
            raise Conflict(_TAKEN, reason="EMAIL_TAKEN")
        kept = await self._passwords.hash(password)

        async def body(transaction: Transaction) -> tuple[Login, User, str]:
            if await transaction.one(BY_EMAIL, email=address) is not None:
                raise Conflict(_TAKEN, reason="EMAIL_TAKEN")
            role = Role.ADMIN.value
            offer = await accepted(transaction, invitation, address) if invitation else None
            if offer is not None:
                role, owner = offer.role, offer.organization_id
                found = await transaction.one(ORGANIZATION, id=owner)
                if found is None or found.disabled_at is not None:
                    raise InvalidRequest("invitation_token", "is of an organization that has been disabled")
            else:
                owner = await new_organization(transaction, organization.strip() or f"{name.strip()}'s organization")
            user = _user(transaction, owner, address, name.strip(), role, kept)
            if not await transaction.run(_INSERT, **user.values()):
                # Somebody has taken the address since we looked.
                raise Conflict(_TAKEN, reason="EMAIL_TAKEN")
            transaction.actor = transaction.actor.as_user(owner, user.id, "")
            if offer is not None:
                transaction.emit("invitation.accepted", offer)
            transaction.emit("user.registered", user)
            return await self._logins.begin(transaction, call, user)

        return await self._logins.granted(*await self._database.write(body))


async def ensure_admin(database: Database, passwords: Passwords, organization: str) -> bool:
    """Makes the development administrator of an organization where he is missing; returns whether he was made."""
    if await database.one(BY_EMAIL, email=ADMIN_EMAIL) is not None:
        return False
    kept = await passwords.hash(ADMIN_PASSWORD)

    async def body(transaction: Transaction) -> bool:
        if await transaction.one(BY_EMAIL, email=ADMIN_EMAIL) is not None:
            return False
        owner = (await first_user(transaction, organization)).organization_id
        # Nobody has registered, so no event says it: the first one is the first caller's.
        await transaction.insert(_user(transaction, owner, ADMIN_EMAIL, "Administrator", Role.ADMIN.value, kept))
        # Who tries things out is not held up.
        await transaction.run(_SET_TIER, organization=owner, new_tier=Tier.ENTERPRISE.value)
        return True

    return await database.write(body)


def _user(transaction: Transaction, organization: str, email: str, name: str, role: str, password: str) -> User:
    return User.new(
        id=new_id(),
        organization_id=organization,
        email=email,
        name=name,
        role=role,
        password=password,
        created_at=transaction.now,
        updated_at=transaction.now,
    )
