"""Frames: JSON texts into requests, answers into JSON texts, and errors into words for closing."""

from __future__ import annotations

import json
import math
from collections import OrderedDict
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NoReturn

from google.protobuf.json_format import MessageToJson, ParseDict, ParseError
from google.protobuf.message import Message
from websockets.frames import CloseCode

from server.errors import InvalidRequest, ServiceError
from server.websocket.routes import INVALID_FRAME, Route

MAX_DEPTH = 64
# Requests have a few fields. What has more than this takes a tenth of a second to read, however short each of it is.
MAX_PARTS = 1000
MAX_REASON_BYTES = 123
ENCODED = 64
# Where a method has fields of these names, the first comes back with what is said to the frame; the second says whether
# it is JSON, because the frame had a number or a boolean there.
ID, ID_IS_JSON = "id", "id_is_json"
# What the parser raises; its words are about Python, and may be as long as the frame.
UNFIT = (ParseError, ValueError, TypeError, AttributeError, RecursionError)
_CODES = {
    "exhausted": CloseCode.TRY_AGAIN_LATER,
    "unavailable": CloseCode.SERVICE_RESTART,
    "timeout": CloseCode.TRY_AGAIN_LATER,
    "internal": CloseCode.INTERNAL_ERROR,
}


class BadFrame(InvalidRequest):
    """A frame that is no request, where the method does not want to hear of it."""

    def __init__(self, issue: str, code: CloseCode, named: Mapping[str, Any] = MappingProxyType({})) -> None:
        super().__init__("frame", issue)
        self.code = code
        # What the client calls the frame, as the fields have it, where that can be read.
        self.named = named


def closing(error: ServiceError) -> tuple[CloseCode, str]:
    """The code and the reason that a socket closes with after an error."""
    code = error.code if isinstance(error, BadFrame) else _CODES.get(error.kind, CloseCode.POLICY_VIOLATION)
    reason = f"{error.reason}: {error.message}".encode("utf-8", "replace")[:MAX_REASON_BYTES]
    return code, reason.decode("utf-8", "ignore")


def request_of(route: Route, frame: str | bytes) -> Message:
    """The request in a frame, or a message that says why there is none. Raises BadFrame where nobody is told that."""
    try:
        return _parsed(route, frame)
    except BadFrame as bad:
        if not route.told_of_invalid_frames:
            raise
        return route.request(**{INVALID_FRAME: str(bad.details["issue"])}, **bad.named)


def _parsed(route: Route, frame: str | bytes) -> Message:
    if isinstance(frame, bytes):
        raise BadFrame("must be a text frame with a JSON object", CloseCode.UNSUPPORTED_DATA)
    if frame.count(",") >= MAX_PARTS:
        raise BadFrame(f"has more than {MAX_PARTS} parts", CloseCode.INVALID_DATA)
    try:
        said = json.loads(frame, parse_constant=_no_constant)
    except RecursionError:
        raise BadFrame("is nested too deeply", CloseCode.INVALID_DATA) from None
    except ValueError:
        raise BadFrame("is not valid JSON", CloseCode.INVALID_DATA) from None
    if not isinstance(said, dict):
        raise BadFrame("must be a JSON object", CloseCode.INVALID_DATA)
    # Nobody says this of himself.
    for name in (INVALID_FRAME, "invalidFrame", ID_IS_JSON, "idIsJson"):
        said.pop(name, None)
    if ID in said and ID_IS_JSON in route.fields:
        said |= _named(said[ID])
    try:
        return ParseDict(said, route.request(), ignore_unknown_fields=True, max_recursion_depth=MAX_DEPTH)
    except UNFIT:
        named = {name: said[name] for name in (ID, ID_IS_JSON) if isinstance(said.get(ID), str) and name in said}
        name = next((name for name, value in said.items() if not _fits(route, name, value)), "a field")
        issue = f"does not fit: {name[:100]} is not of the type that it must be, or nested too deeply"
        raise BadFrame(issue, CloseCode.INVALID_DATA, named) from None


def _fits(route: Route, name: str, value: Any) -> bool:
    try:
        ParseDict({name: value}, route.request(), ignore_unknown_fields=True, max_recursion_depth=MAX_DEPTH)
    except UNFIT:
        return False
    return True


def _named(id: Any) -> dict[str, Any]:
    """A frame's id as the fields have it: clients count their frames, too."""
    if isinstance(id, str):
        # What is no text comes back as well as it can.
        return {ID: id.encode("utf-8", "replace").decode()}
    if isinstance(id, int) or (isinstance(id, float) and math.isfinite(id)):
        return {ID: json.dumps(id), ID_IS_JSON: True}
    return {ID: id}


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


class Encoder:
    """Answers as texts. A message that goes to many sockets is encoded once, so nobody may change it afterwards."""

    def __init__(self) -> None:
        self._recent: OrderedDict[int, tuple[Message, bytes]] = OrderedDict()

    def text(self, route: Route, answer: Any) -> bytes:
        """What is sent; an HttpBody has it ready."""
        if route.plain:
            return answer.data  # type: ignore[no-any-return]
        recent = self._recent.get(id(answer))
        if recent is None:
            # The same words as the transcoder's.
            text = MessageToJson(
                answer,
                preserving_proto_field_name=not route.handler.api.declaration.camel_case,
                always_print_fields_with_no_presence=True,
                indent=None,
            )
            recent = self._recent[id(answer)] = (answer, text.encode())
            if len(self._recent) > ENCODED:
                self._recent.popitem(last=False)
        return recent[1]
