"""Which path is which method's socket, and what a path and a query say to it; all of it read from the protos."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, unquote

from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from server.apikit.api import Api
from server.errors import InvalidRequest
from server.rpc.handlers import BidiHandler

HTTP = "google.api.http"
HTTP_BODY = "google.api.HttpBody"
# The field through which a method asks to be told of frames that are no requests.
INVALID_FRAME = "invalid_frame"
MAX_PARAMETERS = 100
_VARIABLE = re.compile(r"\{(\w+)(?:=(\*\*?))?\}|(\*\*?)")
_NO_TEXT = "must be UTF-8"
_BOOLEANS = {"true": True, "false": False, "1": True, "0": False}


class Route:
    """A method as a socket."""

    def __init__(self, handler: BidiHandler, template: str) -> None:
        self.handler = handler
        self.template = template
        descriptor = handler.descriptor
        self.package: str = descriptor.containing_service.file.package
        self.request: type[Message] = GetMessageClass(descriptor.input_type)
        self.fields: Mapping[str, FieldDescriptor] = descriptor.input_type.fields_by_name
        self.plain = descriptor.output_type.full_name == HTTP_BODY
        told = self.fields.get(INVALID_FRAME)
        self.told_of_invalid_frames = told is not None and told.type == FieldDescriptor.TYPE_STRING
        self._pattern = _pattern(template, self.fields)

    def variables(self, path: str) -> Mapping[str, str] | None:
        """What a path says, as it says it, or None where it is another's."""
        found = self._pattern.fullmatch(path)
        return None if found is None else found.groupdict()

    def opening(self, variables: Mapping[str, str], query: str) -> tuple[Message, str | None]:
        """The first message, filled from path and query, and the token in the query. Raises InvalidRequest."""
        said: dict[str, Any] = {}
        token = None
        try:
            parameters = parse_qsl(query, keep_blank_values=True, max_num_fields=MAX_PARAMETERS, errors="strict")
        except UnicodeDecodeError:
            raise InvalidRequest("query", _NO_TEXT) from None
        except ValueError:
            raise InvalidRequest("query", f"has more than {MAX_PARAMETERS} parameters") from None
        for name, value in parameters:
            if name == "token":
                token = value
            elif name not in self.fields or name in variables or name == INVALID_FRAME:
                raise InvalidRequest(name[:100], "unknown query parameter")
            elif self.fields[name].is_repeated:
                said.setdefault(name, []).append(_plain(self.fields[name], value))
            else:
                said[name] = _plain(self.fields[name], value)
        for name, value in variables.items():
            try:
                said[name] = _plain(self.fields[name], unquote(value, errors="strict"))
            except UnicodeDecodeError:
                raise InvalidRequest(name, _NO_TEXT) from None
        message = self.request()
        for name, each in said.items():
            try:
                ParseDict({name: each}, message)
            except (ParseError, ValueError, TypeError):
                raise InvalidRequest(name, "has a value of another type") from None
        return message, token


class Routes:
    """Every socket of the handlers that have a GET path. Raises TypeError where two would have the same one."""

    def __init__(self, handlers: Sequence[BidiHandler]) -> None:
        self._routes = [Route(each, template) for each in handlers for template in _templates(each.descriptor)]
        seen: dict[tuple[str, str], str] = {}
        for route in self._routes:
            shape = re.sub(r"\{\w+", "{", route.template)
            other = seen.setdefault((route.package, shape), route.handler.descriptor.full_name)
            if other != route.handler.descriptor.full_name:
                raise TypeError(f"{other} and {route.handler.descriptor.full_name} are both at {route.template}")

    def find(self, path: str, packages: Sequence[str]) -> tuple[Route, Mapping[str, str]] | None:
        """The socket at a path, among those of `packages`, or of all where there are none."""
        for route in self._routes:
            if not packages or route.package in packages:
                variables = route.variables(path)
                if variables is not None:
                    return route, variables
        return None

    def near(self, path: str, packages: Sequence[str]) -> Api | None:
        """The API that has sockets beside a path where there is none: below the same first part."""
        first = path.split("/", 2)[:2]
        for route in self._routes:
            if (not packages or route.package in packages) and route.template.split("/", 2)[:2] == first:
                return route.handler.api
        return None


def _templates(descriptor: MethodDescriptor) -> Iterator[str]:
    for option, rule in descriptor.GetOptions().ListFields():
        if option.full_name == HTTP:
            for each in (rule, *rule.additional_bindings):
                if each.WhichOneof("pattern") == "get":
                    yield each.get


def _pattern(template: str, fields: Mapping[str, FieldDescriptor]) -> re.Pattern[str]:
    """The expression for paths of a template. Raises TypeError for what it names and the request lacks."""
    pattern, position = "", 0
    for found in _VARIABLE.finditer(template):
        name, kind = found[1], found[2] or found[3] or "*"
        if name is not None and (name not in fields or _nested(fields[name]) or fields[name].is_repeated):
            raise TypeError(f"{template} names {name}, which the request does not have as a single value")
        some = "[^/]+" if kind == "*" else ".+"
        pattern += re.escape(template[position : found.start()]) + (f"(?P<{name}>{some})" if name else some)
        position = found.end()
    rest = template[position:]
    if "{" in rest or "}" in rest:
        raise TypeError(f"{template} is more than this gateway reads")
    return re.compile(pattern + re.escape(rest))


def _nested(field: FieldDescriptor) -> bool:
    """Whether the field is a message that has no text of its own."""
    return field.message_type is not None and not field.message_type.full_name.startswith("google.protobuf.")


def _plain(field: FieldDescriptor, value: str) -> Any:
    """A text as JSON would have it for this field. Raises InvalidRequest."""
    if _nested(field):
        raise InvalidRequest(field.name, "unknown query parameter")
    if field.type == FieldDescriptor.TYPE_BOOL:
        if value not in _BOOLEANS:
            raise InvalidRequest(field.name, "must be true or false")
        return _BOOLEANS[value]
    return value
