"""OAuth: access tokens, by the client credentials grant of OAuth 2.0 (RFC 6749, section 4.4)."""

from __future__ import annotations

import base64
import json
from dataclasses import asdict
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from google.api.httpbody_pb2 import HttpBody

from server.apis.oauth.errors import NOT_STORED, ClientRefused, NotNow, OAuthError, TooManyAttempts
from server.core.identity.oauth_clients import OAuthClients
from server.core.shared.call_context import Call
from server.errors import Forbidden, TooMany, Unauthorized, Unavailable

MAX_BODY = 16 << 10
MAX_FIELDS = 50
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
CHALLENGE = ("www-authenticate", 'Basic realm="orchestrator"')


class OAuthServicer:
    """Reads what clients send in any of the usual ways, and answers as they expect."""

    def __init__(self, clients: OAuthClients) -> None:
        self._clients = clients

    async def IssueToken(self, request: HttpBody, call: Call) -> HttpBody:
        basic = _is_basic(call)
        try:
            fields = _fields(request)
            _check_grant_type(fields)
            identifier, secret = _basic(call, fields) if basic else _given(fields)
            grant = await self._clients.grant(identifier, secret, fields.get("scope"))
        except (ClientRefused, Unauthorized) as error:
            if basic:
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
        answer = {"token_type": "Bearer", **asdict(grant)}
        return HttpBody(content_type=JSON, data=json.dumps(answer, separators=(",", ":")).encode())


class _Object(list[tuple[str, Any]]):
    """A JSON object as its pairs, so that a name that comes twice is seen."""


def _fields(request: HttpBody) -> dict[str, str]:
    """The request's fields; those without a value count as left out. Raises OAuthError."""
    if len(request.data) > MAX_BODY:
        raise OAuthError("invalid_request", f"the body is larger than {MAX_BODY} bytes")
    fields: dict[str, Any] = {}
    for name, value in _pairs(request.content_type.partition(";")[0].strip().lower(), request.data):
        if name in fields:
            raise OAuthError("invalid_request", "a field comes more than once")
        fields[name] = value
    known = {name: fields.get(name) or "" for name in ("grant_type", "client_id", "client_secret", "scope")}
    for name, value in known.items():
        if not isinstance(value, str):
            raise OAuthError("invalid_request", f"{name} must be a string")
    return {name: value for name, value in known.items() if value}


def _pairs(content_type: str, data: bytes) -> list[tuple[str, Any]]:
    try:
        if content_type == JSON:
            pairs: list[tuple[str, Any]] = json.loads(data, object_pairs_hook=_Object)
            if not isinstance(pairs, _Object):
                raise OAuthError("invalid_request", "the body must be a JSON object")
            return pairs
        if content_type == FORM:
            return parse_qsl(data.decode(), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except (ValueError, RecursionError):
        raise OAuthError("invalid_request", f"the body is not what its content type says: {content_type}") from None
    raise OAuthError("invalid_request", f"the content type must be {FORM} or {JSON}")


def _check_grant_type(fields: dict[str, str]) -> None:
    if "grant_type" not in fields:
        raise OAuthError("invalid_request", "grant_type is missing")
    if fields["grant_type"] != "client_credentials":
        raise OAuthError("unsupported_grant_type", "grant_type must be client_credentials")


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
