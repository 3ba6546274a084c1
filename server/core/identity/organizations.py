"""Organizations: the tenants, each with a first user in whose name programs act."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, select

from server.core.shared.ids import parse_id
from server.errors import InvalidRequest, NotFound
from server.model import Feed, Organization, Tier, User, new_id
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Reader, Transaction

_organizations = Organization.table().c
# Whoever registers may call an organization as another one is called: the one that was first is meant.
_ORGANIZATION = Statement[Organization](
    select(Organization.table()).where(_organizations.name == bindparam("name")).order_by(_organizations.id).limit(1),
    Organization,
)
ORGANIZATION = Statement[Organization](
    select(Organization.table()).where(_organizations.id == bindparam("id")), Organization
)
_ALL = Statement[Organization](select(Organization.table()).order_by(_organizations.id).limit(1000), Organization)
LOCK_ORGANIZATION = Statement[Any](
    select(_organizations.id).where(_organizations.id == bindparam("organization")).with_for_update(key_share=True)
)
_users = User.table().c
USER = Statement[User](select(User.table()).where(_users.id == bindparam("id")), User)
LOCK_USER = Statement[User](
    select(User.table()).where(_users.id == bindparam("id")).with_for_update(key_share=True), User
)
BY_EMAIL = Statement[User](select(User.table()).where(_users.email == bindparam("email")), User)
_FIRST_USER = Statement[User](
    select(User.table()).where(_users.organization_id == bindparam("organization")).order_by(_users.id).limit(1), User
)


async def first_user(transaction: Transaction, organization: str) -> User:
    """The first user of an organization, in whose name programs act; both are created where they are new."""
    owner = await _organization(transaction, organization)
    user = await transaction.one(_FIRST_USER, organization=owner)
    assert user is not None
    return user


async def _organization(transaction: Transaction, name: str) -> Any:
    found = await transaction.one(_ORGANIZATION, name=name)
    if found is not None:
        return found.id
    organization = await new_organization(transaction, name)
    email = f"owner@{organization}.invalid"
    user = User.new(id=new_id(), organization_id=organization, email=email, name="Owner", created_at=transaction.now)
    await transaction.insert(user)
    return organization


async def new_organization(transaction: Transaction, name: str) -> str:
    """The id of a new organization, without a user."""
    organization = Organization.new(id=new_id(), name=name, created_at=transaction.now)
    await transaction.insert(organization)
    await transaction.insert(Feed.new(organization_id=organization.id))
    return organization.id


async def list_organizations(database: Database) -> list[Organization]:
    """Every organization, oldest first, at most a thousand."""
    return await database.all(_ALL)


async def set_tier(database: Database, organization: str, tier: str) -> Organization:
    """Says how much an organization, by its id or its name, may ask for. Raises NotFound, InvalidRequest."""
    if tier not in list(Tier):
        raise InvalidRequest("tier", f"must be one of: {', '.join(Tier)}")
    return await _change(database, organization, tier=tier)


async def switch(database: Database, organization: str, *, on: bool) -> Organization:
    """Lets an organization in, or ends whatever its people and programs come with. Raises NotFound."""
    return await _change(database, organization, disabled_at=None if on else database.clock())


async def find(reader: Reader, organization: str) -> Organization:
    """An organization by its id or its name. Raises NotFound."""
    try:
        found = await reader.one(ORGANIZATION, id=parse_id("organization", organization))
    except NotFound:
        found = await reader.one(_ORGANIZATION, name=organization)
    if found is None:
        raise NotFound("organization", organization)
    return found


async def _change(database: Database, organization: str, **values: Any) -> Organization:
    async def body(transaction: Transaction) -> Organization:
        return await transaction.update(await find(transaction, organization), **values)

    return await database.write(body)
