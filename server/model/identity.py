"""Who calls: organizations, their users, their API keys and their OAuth clients."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Text
from sqlmodel import Field

from server.model.record import Record, finish


class Organization(Record, table=True):
    """A tenant; every other row belongs to one."""

    __tablename__ = "organizations"

    id: str = Field(primary_key=True)
    name: str
    created_at: int = Field(sa_type=BigInteger)


class User(Record, table=True):
    """A person, or a program that acts as one."""

    __tablename__ = "users"

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id", index=True)
    email: str = Field(unique=True)
    name: str
    created_at: int = Field(sa_type=BigInteger)


class ApiKey(Record, table=True):
    """A credential. The key itself is shown once and never stored."""

    __tablename__ = "api_keys"

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id", index=True)
    user_id: str = Field(foreign_key="users.id")
    name: str
    # The first characters, by which people recognise it.
    prefix: str
    # SHA-256 of the key, in hexadecimal. Keys are 256 random bits, so a slow hash would add nothing.
    digest: str = Field(unique=True)
    # Space-separated, as in `sessions:read tasks:write`; `*` stands for all.
    scopes: str = Field(default="*", sa_column=Column(Text, nullable=False))
    # The agent that it is the token of, where it is one's; good for that agent alone.
    agent_id: str | None = Field(default=None, index=True)
    # Requests an hour; the setting's value where it is null.
    hourly_limit: int | None = None
    created_at: int = Field(sa_type=BigInteger)
    expires_at: int | None = Field(default=None, sa_type=BigInteger)
    revoked_at: int | None = Field(default=None, sa_type=BigInteger)


class OAuthClient(Record, table=True):
    """A program that gets access tokens with a secret. The secret is shown once and never stored."""

    __tablename__ = "oauth_clients"

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id", index=True)
    user_id: str = Field(foreign_key="users.id")
    name: str
    # SHA-256 of the secret, in hexadecimal; for 256 random bits, as with keys.
    digest: str
    # What its tokens may hold at most, written as in keys.
    scopes: str = Field(default="*", sa_column=Column(Text, nullable=False))
    # How long a token lives.
    token_seconds: int = 3600
    created_at: int = Field(sa_type=BigInteger)
    revoked_at: int | None = Field(default=None, sa_type=BigInteger)


finish(Organization, User, ApiKey, OAuthClient)
