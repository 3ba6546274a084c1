"""How people get in: their logins, what goes on with those, invitations, and what is signed with."""

from __future__ import annotations

from typing import ClassVar

from sqlalchemy import BigInteger, Column, Index, Text, text
from sqlmodel import Field

from server.model.record import Record, finish


class Login(Record):
    """One login of a person, with a password or by an OAuth client. Access tokens name it, and end with it."""

    __tablename__ = "logins"
    __table_args__ = (
        Index("logins_by_user", "user_id", "id"),
        Index("logins_by_address", "user_id", "address"),
        Index(
            "logins_ended",
            "ended_at",
            postgresql_where=text("ended_at IS NOT NULL"),
            sqlite_where=text("ended_at IS NOT NULL"),
        ),
    )

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    user_id: str = Field(foreign_key="users.id")
    # The client that it was given to; null where the person came himself.
    client_id: str | None = Field(default=None, foreign_key="oauth_clients.id")
    # Space-separated; what the person may do bounds them as well.
    scopes: str = Field(default="*", sa_column=Column(Text, nullable=False))
    # The program and the address that it came from, as far as known.
    user_agent: str = ""
    address: str = ""
    created_at: int = Field(sa_type=BigInteger)
    last_used_at: int = Field(sa_type=BigInteger)
    expires_at: int = Field(sa_type=BigInteger, index=True)
    ended_at: int | None = Field(default=None, sa_type=BigInteger)


class RefreshToken(Record):
    """What a login goes on with, once. Its successor is made of it, so that who lost the answer gets the same again."""

    __tablename__ = "refresh_tokens"

    # SHA-256 of the token, in hexadecimal.
    digest: str = Field(primary_key=True)
    login_id: str = Field(foreign_key="logins.id", index=True)
    created_at: int = Field(sa_type=BigInteger)
    expires_at: int = Field(sa_type=BigInteger, index=True)
    used_at: int | None = Field(default=None, sa_type=BigInteger)


class FailedLogins(Record):
    """How often passwords were wrong within a while: for an account, from an address, or for the one from the other."""

    __tablename__ = "failed_logins"

    # SHA-256 of whom or what it counts, in hexadecimal.
    subject: str = Field(primary_key=True)
    failures: int
    # When the while began.
    since: int = Field(sa_type=BigInteger, index=True)


class AuthorizationCode(Record):
    """What an OAuth client exchanges for tokens, once."""

    __tablename__ = "authorization_codes"

    # SHA-256 of the code, in hexadecimal.
    digest: str = Field(primary_key=True)
    client_id: str = Field(foreign_key="oauth_clients.id")
    user_id: str = Field(foreign_key="users.id")
    organization_id: str = Field(foreign_key="organizations.id")
    redirect_uri: str = Field(sa_column=Column(Text, nullable=False))
    # Whether the request for it named where to go back to; then its exchange must, too.
    redirect_named: bool = True
    scopes: str = Field(sa_column=Column(Text, nullable=False))
    # The S256 challenge; empty where there was none.
    challenge: str = ""
    # The login in which the person allowed it, and the one that was made with it.
    granted_by: str = ""
    login_id: str | None = None
    created_at: int = Field(sa_type=BigInteger)
    expires_at: int = Field(sa_type=BigInteger, index=True)
    used_at: int | None = Field(default=None, sa_type=BigInteger)


class Invitation(Record):
    """An offer to join an organization, for one e-mail address."""

    __tablename__ = "invitations"
    __table_args__ = (Index("invitations_by_organization", "organization_id", "id"),)

    unrecorded: ClassVar[frozenset[str]] = frozenset({"digest"})

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    email: str
    role: str
    # SHA-256 of its token, in hexadecimal.
    digest: str = Field(unique=True)
    invited_by: str = Field(foreign_key="users.id")
    created_at: int = Field(sa_type=BigInteger)
    expires_at: int = Field(sa_type=BigInteger, index=True)
    accepted_at: int | None = Field(default=None, sa_type=BigInteger)
    revoked_at: int | None = Field(default=None, sa_type=BigInteger)


class PasswordReset(Record):
    """Leave to set another password, once, for who does not know the present one."""

    __tablename__ = "password_resets"
    __table_args__ = (
        Index("password_resets_by_subject", "subject", "expires_at"),
        Index("password_resets_by_user", "user_id"),
        Index(
            "password_resets_to_mail",
            "mail_at",
            postgresql_where=text("mail_at IS NOT NULL"),
            sqlite_where=text("mail_at IS NOT NULL"),
        ),
    )

    id: str = Field(primary_key=True)
    # SHA-256 of the address that was asked for, in hexadecimal; and whose it is, null where nobody's.
    subject: str
    user_id: str | None = Field(default=None, foreign_key="users.id")
    # SHA-256 of its token, in hexadecimal.
    digest: str = Field(unique=True)
    created_at: int = Field(sa_type=BigInteger)
    expires_at: int = Field(sa_type=BigInteger, index=True)
    # Since when it is to be mailed; null where it is not, or not any more.
    mail_at: int | None = Field(default=None, sa_type=BigInteger)


class SigningKey(Record):
    """A key pair that people's access tokens are signed with: the newest signs, and older ones are read for a while."""

    __tablename__ = "signing_keys"

    # What tokens name it by, their `kid`.
    id: str = Field(primary_key=True)
    # The private key in PEM, sealed.
    sealed: str = Field(sa_column=Column(Text, nullable=False))
    # The public key as a JSON Web Key.
    public: str = Field(sa_column=Column(Text, nullable=False))
    created_at: int = Field(sa_type=BigInteger)
    retired_at: int | None = Field(default=None, sa_type=BigInteger)


finish(Login, RefreshToken, FailedLogins, AuthorizationCode, Invitation, PasswordReset, SigningKey)
