"""OAuth: the bodies of requests, which are forms or JSON objects."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

from google.api.httpbody_pb2 import HttpBody

from server.apis.oauth.errors import OAuthError

MAX_BODY = 16 << 10
MAX_FIELDS = 50
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
KNOWN = frozenset(
    {
        *("grant_type", "client_id", "client_secret", "scope", "code", "redirect_uri", "code_verifier"),
        *("refresh_token", "token", "token_type_hint"),
        *("response_type", "state", "code_challenge", "code_challenge_method", "form", "do", "email", "password"),
    }
)


class _Object(list[tuple[str, Any]]):
    """A JSON object as its pairs, so that a name that comes twice is seen."""


def form_pairs(request: HttpBody) -> list[tuple[str, str]]:
    """The fields of a request that are known here and have a value: others count as left out. Raises OAuthError."""
    if len(request.data) > MAX_BODY:
        raise OAuthError("invalid_request", f"the body is larger than {MAX_BODY} bytes")
    seen: set[str] = set()
    found: list[tuple[str, str]] = []
    for name, value in _pairs(request.content_type.partition(";")[0].strip().lower(), request.data):
        if name in seen:
            raise OAuthError("invalid_request", "a field comes more than once")
        seen.add(name)
        if value is None or value == "" or name not in KNOWN:
            continue
        if not isinstance(value, str):
            raise OAuthError("invalid_request", f"{name} must be a string")
        found.append((name, value))
    return found


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
