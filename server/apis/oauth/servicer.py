"""OAuth: the methods of its service."""

from __future__ import annotations

import json

from google.api.httpbody_pb2 import HttpBody
from orchestrator.wire.oauth.v1 import oauth_service_pb2 as pb

from server.apis.oauth.authorize import AuthorizationPages
from server.apis.oauth.forms import JSON
from server.apis.oauth.issuer import Issuer
from server.apis.oauth.password import PasswordPage
from server.apis.oauth.tokens import GRANT_TYPES, Tokens
from server.core.identity.scopes import SCOPES
from server.core.identity.signing_keys import SigningKeys
from server.core.shared.call_context import Call

_METHODS = ["client_secret_basic", "client_secret_post"]
# What others may keep, and for how long.
_CACHED = ("cache-control", "public, max-age=300")


class OAuthServicer:
    """Decodes, calls, encodes."""

    def __init__(
        self,
        tokens: Tokens,
        authorization: AuthorizationPages,
        password: PasswordPage,
        keys: SigningKeys,
        issuer: Issuer,
    ) -> None:
        self._tokens = tokens
        self._authorization = authorization
        self._password = password
        self._keys = keys
        self._issuer = issuer

    async def IssueToken(self, request: HttpBody, call: Call) -> HttpBody:
        return await self._tokens.issue(request, call)

    async def RevokeToken(self, request: HttpBody, call: Call) -> HttpBody:
        return await self._tokens.revoke(request, call)

    async def IntrospectToken(self, request: HttpBody, call: Call) -> HttpBody:
        return await self._tokens.introspect(request, call)

    async def ShowAuthorization(self, request: pb.ShowAuthorizationRequest, call: Call) -> HttpBody:
        return await self._authorization.show(call)

    async def DecideAuthorization(self, request: HttpBody, call: Call) -> HttpBody:
        return await self._authorization.decide(request, call)

    async def ShowPasswordReset(self, request: pb.ShowPasswordResetRequest, call: Call) -> HttpBody:
        return await self._password.show(call)

    async def SetPassword(self, request: HttpBody, call: Call) -> HttpBody:
        return await self._password.set(request, call)

    async def GetMetadata(self, request: pb.GetMetadataRequest, call: Call) -> HttpBody:
        here = self._issuer.of(call)
        return _public(
            call,
            {
                "issuer": here,
                "authorization_endpoint": f"{here}/oauth/authorize",
                "token_endpoint": f"{here}/oauth/token",
                "revocation_endpoint": f"{here}/oauth/revoke",
                "introspection_endpoint": f"{here}/oauth/introspect",
                "jwks_uri": f"{here}/.well-known/jwks.json",
                "scopes_supported": sorted(SCOPES),
                "response_types_supported": ["code"],
                "response_modes_supported": ["query"],
                "grant_types_supported": list(GRANT_TYPES),
                "token_endpoint_auth_methods_supported": [*_METHODS, "none"],
                "revocation_endpoint_auth_methods_supported": [*_METHODS, "none"],
                "introspection_endpoint_auth_methods_supported": _METHODS,
                "code_challenge_methods_supported": ["S256"],
                "authorization_response_iss_parameter_supported": True,
            },
        )

    async def GetKeys(self, request: pb.GetKeysRequest, call: Call) -> HttpBody:
        return _public(call, {"keys": list(await self._keys.jwks())})


def _public(call: Call, answer: object) -> HttpBody:
    call.response_headers = (*call.response_headers, _CACHED)
    return HttpBody(content_type=JSON, data=json.dumps(answer, separators=(",", ":")).encode())
