"""Access tokens: JSON Web Tokens that this server signs, and that only it reads."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass

import jwt

from server.core.identity.secret_file import keep_secret, kept_secret
from server.errors import Unauthorized
from server.model import OAuthClient, new_id
from server.settings import Settings

ISSUER = "orchestrator"
ALGORITHM = "HS256"
MICROSECONDS = 1_000_000
# The secret may come to serve other purposes too: each gets a key of its own.
_PURPOSE = b"orchestrator access tokens, version 1"
_CLAIMS = ("iss", "sub", "org", "scope", "iat", "exp", "jti")


@dataclass(frozen=True, slots=True)
class AccessToken:
    """What a good token says; `expires_at` is in microseconds."""

    client_id: str
    organization_id: str
    scopes: frozenset[str]
    expires_at: int


class AccessTokens:
    """Signs and reads tokens."""

    def __init__(self, secret: str) -> None:
        self._key = hmac.digest(secret.encode(), _PURPOSE, "sha256")

    def sign(self, client: OAuthClient, scope: str, now: int) -> str:
        """A token of `client` that holds `scope` and lives from `now`, in microseconds, as long as its client says."""
        issued = now // MICROSECONDS
        claims = {
            "iss": ISSUER,
            "sub": f"client_{client.id}",
            "org": f"org_{client.organization_id}",
            "scope": scope,
            "iat": issued,
            "exp": issued + client.token_seconds,
            "jti": new_id(),
        }
        return jwt.encode(claims, self._key, algorithm=ALGORITHM)

    def read(self, token: str, now: int) -> AccessToken:
        """What `token` says. Raises Unauthorized where it is not ours or has expired."""
        # Times are compared here, with the store's clock; `iat` is not, so that clocks of machines may differ a little.
        options = {"require": list(_CLAIMS), "verify_exp": False, "verify_iat": False}
        try:
            claims = jwt.decode(token, self._key, algorithms=[ALGORITHM], issuer=ISSUER, options=options)  # type: ignore[arg-type]
            said = AccessToken(
                client_id=claims["sub"].removeprefix("client_"),
                organization_id=claims["org"].removeprefix("org_"),
                scopes=frozenset(claims["scope"].split()),
                expires_at=int(claims["exp"]) * MICROSECONDS,
            )
        # Beside the library's own errors: what strangers write may not be text, or be nested deeper than Python goes.
        except (jwt.PyJWTError, ValueError, TypeError, AttributeError, RecursionError):
            raise Unauthorized("this access token is not valid") from None
        if said.expires_at <= now:
            raise Unauthorized("this access token has expired")
        return said


def looks_like_token(credential: str) -> bool:
    """Whether a credential is to be read as a token: keys have no dots, and tokens have two."""
    return credential.count(".") == 2 and not credential.startswith("ak_")


def digest_of(secret: str) -> str:
    """SHA-256 in hexadecimal, of any text at all that a caller may send as a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def signing_secret(settings: Settings) -> str:
    """What tokens are signed with: the setting, or in development what the data folder keeps, made where it is missing.

    Processes that share a data folder so share it. Machines do not: there API_SECRET_KEY must be set.
    Raises Misconfigured.
    """
    if settings.api_secret_key:
        return settings.api_secret_key
    return kept_secret(settings.secret_key_path) or keep_secret(settings.secret_key_path, secrets.token_urlsafe(32))
