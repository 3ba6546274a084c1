"""How Envoy's own refusals read: in the shape of the API whose host or path it was, as the API itself renders it.

A refusal's body goes to gateway/reply.lua as lines: its status; its shape, with words such as @field for what is known
only then; the shape of what it may turn out to be; the request's method, path and id; and the rest is what Envoy says.
Lua fills the words in, and knows no API. Where no server answers, Envoy makes the whole body itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from gateway.hosts import Host
from server.apikit.declaration import Declaration
from server.apikit.errors import ErrorContext, Rendered, render_code_message_details
from server.apikit.refusals import (
    AnswerTimeout,
    BadRequest,
    HeadersTooLarge,
    MethodNotAllowed,
    NoSuchPath,
    NotTaken,
    PayloadTooLarge,
    Refusal,
    RequestTimeout,
    ServerFailed,
    Unreachable,
    UnsupportedMediaType,
    UpgradeRequired,
)
from server.errors import ServiceError, Unauthorized
from server.rpc.callers.credentials import NEEDED

JSON = dict[str, Any]
REQUEST_ID = "@request_id"
_RETRY = {"retry-after": "1"}
NO_JSON = "this port takes JSON as it is: gRPC has a port of its own, and no body may be compressed"
# What says to Lua that an answer is a refusal; it goes no further.
MARK = {"header": {"key": "x-refusal", "value": "%RESPONSE_CODE%"}}
# A path of nobody is refused in the shape that most documents have.
NOBODY = Declaration("nobody", "", [], render_code_message_details)


def refusals(api: Declaration) -> Iterator[tuple[str, int, ServiceError, Refusal | None]]:
    """By status of Envoy, that one (EQ) or all from it on (GE): how an API refuses, and what it may turn out to be."""
    wrong_method = MethodNotAllowed("this path does not take @method")
    yield "EQ", 400, BadRequest("@field", "@issue"), UpgradeRequired()
    yield "EQ", 401, Unauthorized(NEEDED), None
    yield "EQ", 404, NoSuchPath("no such path: @path"), wrong_method
    yield "EQ", 405, wrong_method, None
    yield "EQ", 408, RequestTimeout("the request did not arrive in time"), None
    yield "EQ", 413, PayloadTooLarge(api.max_body_bytes, api.max_upload_bytes), None
    yield "EQ", 415, UnsupportedMediaType(NO_JSON), None
    yield "EQ", 431, HeadersTooLarge("the headers are larger than 32 KiB"), None
    yield "EQ", 504, AnswerTimeout("the server did not answer in time"), None
    yield "GE", 500, Unreachable("the server cannot be reached; try again"), None
    yield "GE", 401, NotTaken("the gateway does not take this request: @said"), None


def failures(api: Declaration) -> JSON:
    """How an API says what became of a call that gRPC ended, and not the server: by gRPC's code, and for all others."""
    gone = Unreachable("the server cannot be reached; try again")
    found = {
        "1": gone,
        "4": AnswerTimeout("the server did not answer in time"),
        "8": gone,
        "14": gone,
        "large": PayloadTooLarge(api.max_body_bytes, api.max_upload_bytes),
        "other": ServerFailed("the server failed to answer"),
    }
    return {code: _failure(api, each) for code, each in found.items()}


def _failure(api: Declaration, error: Refusal) -> JSON:
    rendered = _rendered(api, error)
    headers = {**rendered.headers, **_RETRY} if isinstance(error, Unreachable) else dict(rendered.headers)
    return {"status": str(error.http_status), "headers": headers, "body": _text(rendered)}


def names_request(api: Declaration) -> bool:
    """Whether errors of the API name the request, so that it must have an id that can be printed."""
    return REQUEST_ID in _text(_rendered(api, NoSuchPath("")))


class Mappers:
    """Makes the mappers of local_reply_config; the first one that fits a refusal counts."""

    def __init__(self) -> None:
        self._known: dict[str, list[tuple[JSON, JSON]]] = {}

    def of(self, host: Host) -> list[JSON]:
        """Those of a virtual host: its APIs by path, and then its owner."""
        here = [_at_domains(host.domains)] if host.owner is not None else []
        found: list[JSON] = []
        for api in {each.name: each for each, _ in host.routes() if each is not host.owner}.values():
            found.extend(self._of_api(api, [*here, _at_paths(api)]))
        if host.owner is not None:
            found.extend(self._of_api(host.owner, here))
        return found

    def of_nobody(self) -> list[JSON]:
        """For what is at no host and no path of an API."""
        return self._of_api(NOBODY, [])

    def _of_api(self, api: Declaration, filters: Sequence[JSON]) -> list[JSON]:
        known = self._known.get(api.name)
        if known is None:
            known = self._known[api.name] = [_answer(api, *each) for each in refusals(api)]
        return [{"filter": _all([*filters, at_status]), **answer} for at_status, answer in known]


def _answer(
    api: Declaration, comparison: str, status: int, refusal: ServiceError, other: Refusal | None
) -> tuple[JSON, JSON]:
    """The filter of a status, and what the answer is made of."""
    rendered = _rendered(api, refusal)
    headers = [MARK, *(_sent(name, value) for name, value in rendered.headers.items())]
    if status >= 500:
        body = _whole(api, refusal)
    else:
        body = _format(rendered, None if other is None else _rendered(api, other))
    answer: JSON = {"body_format_override": body}
    if isinstance(refusal, Unreachable):
        answer["status_code"] = refusal.http_status
        headers.extend(_sent(name, value) for name, value in _RETRY.items())
    at_status = {"comparison": {"op": comparison, "value": {"default_value": status, "runtime_key": "unused"}}}
    return {"status_code_filter": at_status}, {**answer, "headers_to_add": headers}


def _all(filters: Sequence[JSON]) -> JSON:
    return {"and_filter": {"filters": list(filters)}} if len(filters) > 1 else filters[0]


def _sent(name: str, value: str) -> JSON:
    return {"header": {"key": name, "value": value}}


def _rendered(api: Declaration, refusal: ServiceError) -> Rendered:
    return api.render_error(refusal, ErrorContext(REQUEST_ID, "@timestamp"))


def _whole(api: Declaration, refusal: ServiceError) -> JSON:
    """The body without Lua, which does not see what Envoy says when a server fails in the middle of its answer."""
    rendered = api.render_error(refusal, ErrorContext("%REQ(X-REQUEST-ID)%", "%START_TIME(%Y-%m-%dT%H:%M:%SZ)%"))
    return {"json_format": rendered.body}


def _format(rendered: Rendered, other: Rendered | None) -> JSON:
    shapes = [_text(rendered), "" if other is None else _text(other)]
    request = ["%REQ(:METHOD)%", "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH):200%", "%REQ(X-REQUEST-ID)%"]
    lines = ["%RESPONSE_CODE%", *(shape.replace("%", "%%") for shape in shapes), *request, "%LOCAL_REPLY_BODY%"]
    return {"content_type": "application/json", "text_format_source": {"inline_string": "\n".join(lines)}}


def _text(rendered: Rendered) -> str:
    return json.dumps(rendered.body, separators=(",", ":"))


def _at_domains(domains: Sequence[str]) -> JSON:
    return _header(":authority", f"(?i)({'|'.join(map(re.escape, domains))})(:[0-9]+)?")


def _at_paths(api: Declaration) -> JSON:
    """Requests to the API's paths; the transcoder may have given one its gRPC path."""
    # What all of them may end with is said once: Envoy takes no expression that is too large.
    paths = f"({'|'.join(re.escape(route.prefix) for route in api.routes)})([/?].*)?"
    methods = "|".join(f"/{re.escape(package)}\\..*" for package in api.packages)
    return _header(":path", f"{paths}|{methods}")


def _header(name: str, expression: str) -> JSON:
    return {"header_filter": {"header": {"name": name, "string_match": {"safe_regex": {"regex": expression}}}}}
