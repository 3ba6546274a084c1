"""Who calls: organizations, their users, their API keys and their OAuth clients."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Text, text
from sqlmodel import Field

from server.model.record import Record, finish


class Tier(StrEnum):
    """How much an organization may ask for at the CoordinAItor API."""

    FREE = "free"
    PRO = "pro"
    ENTERPRISE = "enterprise"


class Role(StrEnum):
    """What a person may do: everything; projects and whoever works in them; tasks; or only look."""

    ADMIN = "admin"
    PROJECT_MANAGER = "project-manager"
    DEVELOPER = "developer"
    VIEWER = "viewer"


class Organization(Record):
    """A tenant; every other row belongs to one."""

    __tablename__ = "organizations"

    id: str = Field(primary_key=True)
    name: str
    # What its members may ask for in an hour; a `Tier`.
    tier: str = Tier.FREE.value
    # Nobody of it is let in any more.
    disabled_at: int | None = Field(default=None, sa_type=BigInteger)
    created_at: int = Field(sa_type=BigInteger)


class User(Record):
    """A person, or a program that acts as one."""

    __tablename__ = "users"
    __table_args__ = (
        Index("users_by_organization", "organization_id", "id"),
        # Those who can log in.
        Index(
            "users_with_password",
            "organization_id",
            "id",
            postgresql_where=text("password <> ''"),
            sqlite_where=text("password <> ''"),
        ),
    )

    unrecorded: ClassVar[frozenset[str]] = frozenset({"password"})

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    # In lower case.
    email: str = Field(unique=True)
    name: str
    # A `Role`. The first user of an organization, in whose name programs act, may do everything.
    role: str = Role.ADMIN.value
    # As argon2 writes it; empty where nobody can log in as this user.
    password: str = Field(default="", sa_column=Column(Text, nullable=False))
    # The random word in the public address of the picture, which names its `Avatar`; empty where there is none.
    avatar_token: str = ""
    # A JSON object: theme, language, timezone, notifications.
    preferences: str = Field(default="{}", sa_column=Column(Text, nullable=False))
    last_login_at: int | None = Field(default=None, sa_type=BigInteger)
    disabled_at: int | None = Field(default=None, sa_type=BigInteger)
    version: int = 1
    created_at: int = Field(sa_type=BigInteger)
    updated_at: int | None = Field(default=None, sa_type=BigInteger)


class Avatar(Record):
    """The picture of a person, small enough for a row."""

    __tablename__ = "avatars"

    # A random word. Whoever knows it may see the picture.
    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    user_id: str = Field(foreign_key="users.id", unique=True)
    content: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    created_at: int = Field(sa_type=BigInteger)


class ApiKey(Record):
    """A credential. The key itself is shown once and never stored."""

    __tablename__ = "api_keys"

    __table_args__ = (
        Index("api_keys_by_user", "user_id", "id"),
        Index("api_keys_by_organization", "organization_id", "id"),
    )

    unrecorded: ClassVar[frozenset[str]] = frozenset({"digest"})

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
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
    # Requests an hour, and a minute; the setting's value, or the organization's, where it is null.
    hourly_limit: int | None = None
    minute_limit: int | None = None
    # The projects that it is good for alone, a JSON array of ids; all where it is empty.
    projects: str = Field(default="[]", sa_column=Column(Text, nullable=False))
    # Whether a person made it for programs of his, over an API.
    personal: bool = False
    created_at: int = Field(sa_type=BigInteger)
    expires_at: int | None = Field(default=None, sa_type=BigInteger)
    revoked_at: int | None = Field(default=None, sa_type=BigInteger)


class OAuthClient(Record):
    """A program that gets access tokens with a secret. The secret is shown once and never stored."""

    __tablename__ = "oauth_clients"

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id", index=True)
    user_id: str = Field(foreign_key="users.id")
    name: str
    # SHA-256 of the secret, in hexadecimal; for 256 random bits, as with keys. Empty for a public client.
    digest: str
    # Where people are sent back to, a JSON array; empty where it acts for itself alone.
    redirect_uris: str = Field(default="[]", sa_column=Column(Text, nullable=False))
    # Whether codes are given to it with a challenge (PKCE) alone: it is public, was set so, or has once sent one.
    needs_challenge: bool = False
    # What its tokens may hold at most, written as in keys.
    scopes: str = Field(default="*", sa_column=Column(Text, nullable=False))
    # How long a token lives.
    token_seconds: int = 3600
    created_at: int = Field(sa_type=BigInteger)
    revoked_at: int | None = Field(default=None, sa_type=BigInteger)


finish(Organization, User, Avatar, ApiKey, OAuthClient)
