"""Checks a request against the rules written in its proto, before anything else sees it."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message
from protovalidate import Validator

from server.errors import InvalidRequest

_RULE_ISSUES = {"required": "required field missing", "string.min_len": "must not be empty"}


class Validation:
    """The validator, which compiles each message's rules once."""

    def __init__(self) -> None:
        self._validator = Validator()

    def check(self, request: Message, *, has_nul: bool) -> None:
        """Raises InvalidRequest for the first rule broken, with the others in `details.violations`.

        `has_nul` says that there is a NUL in the bytes of the request, so that few requests are searched for one.
        """
        violations = self._validator.collect_violations(request)
        if violations:
            raise _invalid([(_path(each.proto), _issue(each.proto)) for each in violations])
        if has_nul:
            field = _field_with_nul(request)
            if field:
                raise InvalidRequest(field, "must not contain a NUL character")


def _invalid(problems: list[tuple[str, str]]) -> InvalidRequest:
    field, issue = problems[0]
    others = [{"field": other, "issue": what} for other, what in problems[:20]]
    return InvalidRequest(field, issue, details={"violations": others} if len(problems) > 1 else None)


def _path(violation: Any) -> str:
    path = ""
    for element in violation.field.elements:
        path += f".{element.field_name}" if path else element.field_name
        if element.subscript is not None and element.subscript.field == "index":
            path += f"[{element.subscript.value}]"
    return path


def _issue(violation: Any) -> str:
    return _RULE_ISSUES.get(violation.rule_id) or violation.message or violation.rule_id


def _field_with_nul(message: Message, prefix: str = "") -> str:
    """The path of a string that holds a NUL, which PostgreSQL cannot store; empty where none does."""
    for descriptor, value in message.ListFields():
        name = f"{prefix}{descriptor.name}"
        if descriptor.message_type is not None and descriptor.message_type.full_name.startswith("google.protobuf."):
            # Free-form values are kept as JSON texts, in which a NUL is an escape.
            continue
        for each in value if descriptor.is_repeated else (value,):
            if isinstance(each, Message):
                found = _field_with_nul(each, f"{name}.")
                if found:
                    return found
            elif isinstance(each, str) and "\0" in each:
                return name
    return ""
