"""How an API spells the fields that an error is about: core has names of its own for some."""

from __future__ import annotations

import re
from typing import Any

from google.protobuf.message import Message

from server.apikit.declaration import Declaration
from server.errors import InvalidRequest, ServiceError

_SNAKE = re.compile("_([a-z0-9])")


def spelled(error: ServiceError, declaration: Declaration, request: type[Message]) -> ServiceError:
    """The error, with fields named as clients of the API know them."""
    if not isinstance(error, InvalidRequest):
        return error

    def spell(field: str) -> str:
        # Core's name may be the API's own name of another field, but not in the same request.
        word = field if field in request.DESCRIPTOR.fields_by_name else declaration.field_words.get(field, field)
        return camel(word) if declaration.camel_case else word

    field = str(error.details["field"])
    several: Any = error.details.get("violations", [])
    spelt = [{**each, "field": spell(str(each["field"]))} for each in several]
    if spell(field) == field and spelt == several:
        return error
    more = {name: value for name, value in error.details.items() if name not in ("field", "issue")}
    if spelt:
        more["violations"] = spelt
    return type(error)(spell(field), str(error.details["issue"]), details=more)


def camel(path: str) -> str:
    """A path of fields in camelCase, as JSON has it."""
    return _SNAKE.sub(lambda found: found[1].upper(), path)
