"""OAuth: its protocol as authlib checks it.

Authlib asks its questions of plain methods, so whatever it may ask for has been read from the store before; what it
decides is carried out afterwards. One server is made for each request: it knows that request's client and code alone.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any

from authlib.oauth2.rfc6749 import AuthorizationServer, ClientMixin, OAuth2Error, OAuth2Request
from authlib.oauth2.rfc6749.errors import InvalidRequestError, InvalidScopeError
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc7636 import CodeChallenge

from server.apis.oauth.redirects import is_same_redirect
from server.core.identity.access_tokens import digest_of
from server.core.identity.roles import covers
from server.core.identity.scopes import SCOPES
from server.model import AuthorizationCode, OAuthClient

Pairs = Sequence[tuple[str, str]]
# Authlib refuses what does not come over TLS; whether it does is the gateway's affair.
_HERE = "https://here"
S256 = "S256"


class Client(ClientMixin):  # type: ignore[misc]
    """A client as authlib asks about it."""

    def __init__(self, stored: OAuthClient) -> None:
        self.stored = stored
        self.redirect_uris: list[str] = json.loads(stored.redirect_uris)
        # What has no secret is public.
        self.is_public = not stored.digest

    def get_client_id(self) -> str:
        return f"client_{self.stored.id}"

    def get_default_redirect_uri(self) -> str | None:
        return self.redirect_uris[0] if len(self.redirect_uris) == 1 else None

    def get_allowed_scope(self, scope: str | None) -> str:
        """What is asked for, or all that the client may have. Raises InvalidScopeError for more than that."""
        owned = self.stored.scopes.split()
        wanted = sorted(set((scope or self.stored.scopes).split()))
        if not wanted or not all(each in SCOPES and covers(owned, each) for each in wanted):
            raise InvalidScopeError("The scope must be one or several of those that the client has.")
        return " ".join(wanted)

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return any(is_same_redirect(each, redirect_uri) for each in self.redirect_uris)

    def check_client_secret(self, client_secret: str) -> bool:
        return hmac.compare_digest(digest_of(client_secret), self.stored.digest)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return (method == "none") == self.is_public

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code" and bool(self.redirect_uris)

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in ("authorization_code", "refresh_token") and bool(self.redirect_uris)


class _Code:
    """A code as authlib asks about it."""

    code_challenge_method = S256

    def __init__(self, stored: AuthorizationCode) -> None:
        self.stored = stored
        self.code_challenge = stored.challenge

    def get_redirect_uri(self) -> str:
        return self.stored.redirect_uri if self.stored.redirect_named else ""

    def get_scope(self) -> str:
        return self.stored.scopes


class _Request(OAuth2Request):  # type: ignore[misc]
    def __init__(self, method: str, pairs: Pairs) -> None:
        super().__init__(method, _HERE)
        fields = dict(pairs)
        payload = BasicOAuth2Payload(fields)
        for name in fields:
            payload.datalist[name] = [value for each, value in pairs if each == name]
        self.payload = payload
        self._fields = fields

    @property
    def args(self) -> Mapping[str, str]:
        return self._fields

    @property
    def form(self) -> Mapping[str, str]:
        return self._fields


class _Grant(AuthorizationCodeGrant):  # type: ignore[misc]
    # What comes by HTTP Basic is read before, and stands among the fields then.
    TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_post", "none")

    def query_authorization_code(self, code: str, client: Client) -> _Code | None:
        found: AuthorizationCode | None = self.server.code
        return _Code(found) if found is not None and found.client_id == client.stored.id else None


class _Challenge(CodeChallenge):  # type: ignore[misc]
    """PKCE by S256 alone, demanded of those who must send a challenge."""

    SUPPORTED_CODE_CHALLENGE_METHOD = (S256,)

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        data, client = grant.request.payload.data, grant.request.client
        if not data.get("code_challenge") and (client.is_public or client.stored.needs_challenge):
            raise InvalidRequestError("This client must send a 'code_challenge'.")
        if data.get("code_challenge") and data.get("code_challenge_method") != S256:
            raise InvalidRequestError("The 'code_challenge_method' must be S256.")
        super().validate_code_challenge(grant, redirect_uri)


class Protocol(AuthorizationServer):  # type: ignore[misc]
    """Authlib's server for one request."""

    def __init__(self, client: OAuthClient | None, code: AuthorizationCode | None = None) -> None:
        super().__init__()
        self._client = Client(client) if client is not None and client.revoked_at is None else None
        self.code = code
        self.register_grant(_Grant, [_Challenge()])

    def query_client(self, client_id: str) -> Client | None:
        """The one that was read for this request."""
        return self._client

    def create_oauth2_request(self, request: _Request) -> _Request:
        """It is one already."""
        return request

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """Nobody listens."""

    def asked(self, pairs: Pairs) -> tuple[str, str]:
        """Where an authorization request wants its person to be sent back to, and for which scopes.

        Raises OAuth2Error, whose `redirect_uri` is empty where the client must not be told.
        """
        request = _Request("GET", pairs)
        grant = self.get_consent_grant(request)
        return grant.redirect_uri, request.scope or ""

    def authenticated(self, pairs: Pairs) -> Client:
        """The client, which has said who it is. Raises OAuth2Error."""
        client: Client = self.authenticate_client(_Request("POST", pairs), _Grant.TOKEN_ENDPOINT_AUTH_METHODS)
        return client

    def check_exchange(self, pairs: Pairs) -> None:
        """Checks the exchange of the code that was read for this request. Raises OAuth2Error."""
        self.get_token_grant(_Request("POST", pairs)).validate_token_request()


__all__ = ["Client", "OAuth2Error", "Pairs", "Protocol"]
