"""OAuth: access tokens, by a client's own credentials, a code or a refresh token (RFC 6749, 7009, 7662)."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import unquote_plus

from google.api.httpbody_pb2 import HttpBody

from server.apis.oauth.errors import NOT_STORED, ClientRefused, NotNow, OAuthError, TooManyAttempts
from server.apis.oauth.forms import JSON, form_pairs
from server.apis.oauth.protocol import Client, OAuth2Error, Protocol
from server.core.identity.authorization_codes import AuthorizationCodes
from server.core.identity.client_tokens import ClientTokens
from server.core.identity.logins import Granted, Logins
from server.core.identity.oauth_clients import OAuthClients
from server.core.shared.call_context import Call
from server.errors import Forbidden, TooMany, Unauthorized, Unavailable

CHALLENGE = ("www-authenticate", 'Basic realm="orchestrator"')
GRANT_TYPES = ("client_credentials", "authorization_code", "refresh_token")


class Tokens:
    """Reads what clients send in any of the usual ways, and answers as they expect."""

    def __init__(self, clients: OAuthClients, codes: AuthorizationCodes, logins: Logins, held: ClientTokens) -> None:
        self._clients = clients
        self._codes = codes
        self._logins = logins
        self._held = held

    async def issue(self, request: HttpBody, call: Call) -> HttpBody:
        """An access token."""
        return await self._answered(request, call, self._issued)

    async def revoke(self, request: HttpBody, call: Call) -> HttpBody:
        """Ends the login that a token is of."""
        return await self._answered(request, call, self._revoked)

    async def introspect(self, request: HttpBody, call: Call) -> HttpBody:
        """What a token is good for."""
        return await self._answered(request, call, self._introspected)

    async def _answered(
        self, request: HttpBody, call: Call, act: Callable[[Call, dict[str, str]], Awaitable[Mapping[str, Any]]]
    ) -> HttpBody:
        try:
            answer = await act(call, dict(form_pairs(request)))
        except (ClientRefused, Unauthorized) as error:
            if _is_basic(call):
                call.response_headers = (*call.response_headers, CHALLENGE)
            raise ClientRefused(error.message) from None
        except Forbidden as error:
            raise OAuthError("invalid_scope", error.message) from None
        except TooMany as error:
            call.response_headers = (*call.response_headers, ("retry-after", str(error.retry_after)))
            raise TooManyAttempts(error.message) from None
        except Unavailable as error:
            raise NotNow(error.message) from None
        call.response_headers = (*call.response_headers, *NOT_STORED.items())
        return HttpBody(content_type=JSON, data=json.dumps(answer, separators=(",", ":")).encode())

    async def _issued(self, call: Call, fields: dict[str, str]) -> Mapping[str, Any]:
        _check_grant_type(fields)
        if fields["grant_type"] == "client_credentials":
            identifier, secret = _basic(call, fields) if _is_basic(call) else _given(fields)
            grant = await self._clients.grant(identifier, secret, fields.get("scope"))
            return {
                "token_type": "Bearer",
                "access_token": grant.access_token,
                "expires_in": grant.expires_in,
                "scope": grant.scope,
            }
        if fields["grant_type"] == "authorization_code":
            return await self._exchanged(call, fields)
        client = await self._authenticated(call, fields)
        if "refresh_token" not in fields:
            raise OAuthError("invalid_request", "refresh_token is missing")
        try:
            return _shown(await self._logins.refresh(fields["refresh_token"], client.stored.id))
        except Unauthorized as error:
            raise OAuthError("invalid_grant", error.message) from None

    async def _exchanged(self, call: Call, fields: dict[str, str]) -> Mapping[str, Any]:
        client = await self._authenticated(call, fields)
        fields = _with_client(call, fields)
        code = await self._codes.find(fields.get("code", ""))
        try:
            Protocol(client.stored, code).check_exchange(list(fields.items()))
        except OAuth2Error as error:
            raise _told(error) from None
        assert code is not None
        try:
            return _shown(await self._codes.exchange(call, code))
        except Unauthorized as error:
            raise OAuthError("invalid_grant", error.message) from None

    async def _revoked(self, call: Call, fields: dict[str, str]) -> Mapping[str, Any]:
        client = await self._authenticated(call, fields)
        if "token" not in fields:
            raise OAuthError("invalid_request", "token is missing")
        login = await self._held.login_of(fields["token"])
        if login is not None and login.client_id == client.stored.id:
            await self._held.end(login)
        return {}

    async def _introspected(self, call: Call, fields: dict[str, str]) -> Mapping[str, Any]:
        client = await self._authenticated(call, fields)
        if client.is_public:
            raise ClientRefused("only a client with a secret may ask")
        if "token" not in fields:
            raise OAuthError("invalid_request", "token is missing")
        held = await self._held.held(fields["token"])
        # Of another organization nothing is told.
        if held is None or held.login.organization_id != client.stored.organization_id:
            return {"active": False}
        login = held.login
        return {
            "active": True,
            "scope": " ".join(sorted(held.scopes)),
            "sub": f"user_{login.user_id}",
            "exp": held.expires_at // 1_000_000,
            **({"token_type": "Bearer"} if held.is_access else {}),
            **({"client_id": f"client_{login.client_id}"} if login.client_id else {}),
        }

    async def _authenticated(self, call: Call, fields: dict[str, str]) -> Client:
        """The client that sends this. Raises ClientRefused, TooMany."""
        fields = _with_client(call, fields)
        identifier = fields.get("client_id", "")
        if not identifier:
            raise ClientRefused("client_id is missing: send it in the body or by HTTP Basic")
        found = await self._clients.find(identifier)
        try:
            return Protocol(found).authenticated(list(fields.items()))
        except OAuth2Error:
            await self._clients.count_failure(identifier)
            raise ClientRefused("there is no such client, or its secret is another one") from None


def _with_client(call: Call, fields: dict[str, str]) -> dict[str, str]:
    """The fields, with the client's id and secret where it has said them by HTTP Basic. Raises ClientRefused."""
    if not _is_basic(call):
        return fields
    identifier, secret = _basic(call, fields)
    return {**fields, "client_id": identifier, **({"client_secret": secret} if secret else {})}


def _shown(granted: Granted) -> Mapping[str, Any]:
    return {
        "token_type": "Bearer",
        "access_token": granted.access_token,
        "expires_in": granted.expires_in,
        "refresh_token": granted.refresh_token,
        "scope": granted.login.scopes,
    }


def _told(error: OAuth2Error) -> OAuthError:
    """What authlib refuses, in this API's shape; the words of the RFC have neither quotes nor backslashes."""
    description = (error.get_error_description() or error.error).replace('"', "'").replace("\\", "/")
    text = description.encode("ascii", "replace").decode()
    return ClientRefused(text) if error.error == "invalid_client" else OAuthError(error.error, text)


def _check_grant_type(fields: dict[str, str]) -> None:
    if "grant_type" not in fields:
        raise OAuthError("invalid_request", "grant_type is missing")
    if fields["grant_type"] not in GRANT_TYPES:
        raise OAuthError("unsupported_grant_type", f"grant_type must be one of {', '.join(GRANT_TYPES)}")


def _given(fields: dict[str, str]) -> tuple[str, str]:
    """The client's id and secret in the body. Raises ClientRefused, as the RFC says for a request without."""
    for name in ("client_id", "client_secret"):
        if name not in fields:
            raise ClientRefused(f"{name} is missing: send it in the body or by HTTP Basic")
    return fields["client_id"], fields["client_secret"]


def _is_basic(call: Call) -> bool:
    return call.headers.get("authorization", "").partition(" ")[0].lower() == "basic"


def _basic(call: Call, fields: dict[str, str]) -> tuple[str, str]:
    """The same from the header, where each of the two is encoded as in a form. Raises ClientRefused, OAuthError."""
    encoded = call.headers["authorization"].partition(" ")[2].strip()
    try:
        identifier, colon, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        colon = ""
    if not colon:
        raise ClientRefused("the Authorization header must read: Basic BASE64(client_id:client_secret)")
    identifier, secret = unquote_plus(identifier), unquote_plus(secret)
    if "client_secret" in fields or fields.get("client_id", identifier) != identifier:
        raise OAuthError("invalid_request", "the client must say who it is in one way: in the body or by HTTP Basic")
    return identifier, secret
