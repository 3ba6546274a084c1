"""The keys that people's access tokens are signed with, and those tokens."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jwt
from sqlalchemy import bindparam, select, update

from server.core.identity.access_tokens import ISSUER, MICROSECONDS
from server.core.shared.sealing import Sealer, Unsealable
from server.errors import Unauthorized
from server.model import Login, SigningKey, new_id
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

ALGORITHM = "ES256"
TOKEN_SECONDS = 3600
# How long a token of a key that signs no more is still read: as long as it lives, and a while for clocks that differ.
READ_SECONDS = TOKEN_SECONDS + 600
# How long a key is known without asking the store whether it signs still.
KNOWN_SECONDS = 30
_CLAIMS = ("iss", "sub", "org", "sid", "scope", "iat", "exp", "jti")
_NOT_VALID = "this access token is not valid"

_keys = SigningKey.table().c
_NEWEST = Statement[SigningKey](
    select(SigningKey.table()).where(_keys.retired_at.is_(None)).order_by(_keys.id.desc()).limit(1), SigningKey
)
_BY_ID = Statement[SigningKey](select(SigningKey.table()).where(_keys.id == bindparam("id")), SigningKey)
_READABLE = Statement[SigningKey](
    select(SigningKey.table())
    .where(_keys.retired_at.is_(None) | (_keys.retired_at > bindparam("after")))
    .order_by(_keys.id.desc())
    .limit(20),
    SigningKey,
)
_RETIRE = Statement[Any](
    update(SigningKey.table())
    .where(_keys.retired_at.is_(None), _keys.id != bindparam("but"))
    .values(retired_at=bindparam("now"))
)


@dataclass(frozen=True, slots=True)
class LoginToken:
    """What a good access token of a person says; `expires_at` is in microseconds."""

    login_id: str
    user_id: str
    organization_id: str
    scopes: str
    expires_at: int


class SigningKeys:
    """Signs with the newest key, and reads what that or one of the keys before has signed."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database = database
        self._sealer = sealer
        self._private: dict[str, Any] = {}
        self._public: dict[str, tuple[int, SigningKey, Any]] = {}

    async def sign(self, login: Login, now: int) -> str:
        """An access token of a login, good for `TOKEN_SECONDS`; it holds what the login was given."""
        key_id, key = await self._signer()
        issued = now // MICROSECONDS
        claims = {
            "iss": ISSUER,
            "sub": f"user_{login.user_id}",
            "org": f"org_{login.organization_id}",
            "sid": f"login_{login.id}",
            "scope": login.scopes,
            "iat": issued,
            "exp": issued + TOKEN_SECONDS,
            "jti": new_id(),
            **({"client_id": f"client_{login.client_id}"} if login.client_id else {}),
        }
        return jwt.encode(claims, key, algorithm=ALGORITHM, headers={"kid": key_id})

    async def read(self, token: str, key_id: object, now: int) -> LoginToken:
        """What `token` says, which names this key. Raises Unauthorized where it is not ours or has expired."""
        public = await self._reader(key_id, now) if isinstance(key_id, str) and len(key_id) <= 64 else None
        if public is None:
            raise Unauthorized(_NOT_VALID)
        options = {"require": list(_CLAIMS), "verify_exp": False, "verify_iat": False}
        try:
            claims = jwt.decode(token, public, algorithms=[ALGORITHM], issuer=ISSUER, options=options)  # type: ignore[arg-type]
            said = LoginToken(
                login_id=claims["sid"].removeprefix("login_"),
                user_id=claims["sub"].removeprefix("user_"),
                organization_id=claims["org"].removeprefix("org_"),
                scopes=claims["scope"],
                expires_at=int(claims["exp"]) * MICROSECONDS,
            )
        except (jwt.PyJWTError, ValueError, TypeError, AttributeError, RecursionError):
            raise Unauthorized(_NOT_VALID) from None
        if said.expires_at <= now:
            raise Unauthorized("this access token has expired")
        return said

    async def rotate(self) -> str:
        """A new key signs from now on; returns its id. Servers notice at once, and read the others for a while."""

        async def body(transaction: Transaction) -> str:
            key = _new_key(self._sealer, transaction.now)
            await transaction.insert(key)
            await transaction.run(_RETIRE, but=key.id, now=transaction.now)
            return key.id

        return await self._database.write(body)

    async def jwks(self) -> Sequence[Mapping[str, Any]]:
        """The public keys of tokens that may be good, as JSON Web Keys, the one that signs first."""
        await self._signer()
        after = self._database.clock() - READ_SECONDS * MICROSECONDS
        return [json.loads(each.public) for each in await self._database.all(_READABLE, after=after)]

    async def _signer(self) -> tuple[str, Any]:
        stored = await self._database.one(_NEWEST)
        if stored is None:
            stored = await self._first()
        try:
            return stored.id, self._opened(stored)
        except Unsealable:
            # The server's secret is another one, so nobody signs with this key again; what it has signed is still read.
            made = await self._database.one(_BY_ID, id=await self.rotate())
            assert made is not None
            return made.id, self._opened(made)

    def _opened(self, stored: SigningKey) -> Any:
        known = self._private.get(stored.id)
        if known is None:
            from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

            text = self._sealer.open(stored.sealed, _owner(stored.id))
            known = self._private[stored.id] = load_pem_private_key(text.encode(), None)
        return known

    async def _first(self) -> SigningKey:
        async def body(transaction: Transaction) -> SigningKey:
            found = await transaction.one(_NEWEST)
            if found is None:
                found = _new_key(self._sealer, transaction.now)
                await transaction.insert(found)
            return found

        return await self._database.write(body)

    async def _reader(self, key_id: str, now: int) -> Any:
        """The public key with this id, None where its tokens are good no more."""
        known = self._public.get(key_id)
        if known is None or known[0] <= now:
            stored = await self._database.one(_BY_ID, id=key_id)
            if stored is None:
                return None
            key = known[2] if known is not None else jwt.PyJWK(json.loads(stored.public)).key
            known = self._public[key_id] = (now + KNOWN_SECONDS * MICROSECONDS, stored, key)
        retired = known[1].retired_at
        return known[2] if retired is None or now < retired + READ_SECONDS * MICROSECONDS else None


def key_id_of(token: str) -> object:
    """What a token says it was signed with; None where it says nothing. Raises Unauthorized for what is no token."""
    try:
        return jwt.get_unverified_header(token).get("kid")
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError, RecursionError):
        raise Unauthorized(_NOT_VALID) from None


def _owner(key_id: str) -> str:
    return f"signing key {key_id}"


def _new_key(sealer: Sealer, now: int) -> SigningKey:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    private, key_id = ec.generate_private_key(ec.SECP256R1()), new_id()
    text = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = jwt.algorithms.ECAlgorithm.to_jwk(private.public_key(), as_dict=True)
    named = {**public, "kid": key_id, "use": "sig", "alg": ALGORITHM}
    return SigningKey.new(
        id=key_id, sealed=sealer.seal(text.decode(), _owner(key_id)), public=json.dumps(named), created_at=now
    )
