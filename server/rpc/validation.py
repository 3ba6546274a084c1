"""Checks a request against the rules written in its proto, before anything else sees it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any, cast

from buf.validate.validate_pb2 import field as rules_of
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from protovalidate import Validator

from server.errors import InvalidRequest

# Of what is in a list whose rule does not say: core takes no more of any of those.
MAX_ITEMS = 100
# Compiles each message's rules once in a process.
_VALIDATOR = Validator()
_RULE_ISSUES = {"required": "required field missing", "string.min_len": "must not be empty"}


def check(request: Message, *, has_nul: bool) -> None:
    """Raises InvalidRequest for the first rule broken, with the others in `details.violations`.

    `has_nul` says that there is a NUL in the bytes of the request, so that few requests are searched for one.
    """
    _check_lists(request, "")
    violations = _VALIDATOR.collect_violations(request)
    if violations:
        raise _invalid([(_path(each.proto), _issue(each.proto)) for each in violations])
    if has_nul:
        field = _field_with_nul(request)
        if field:
            raise InvalidRequest(field, "must not contain a NUL character")


def _check_lists(message: Message, prefix: str) -> None:
    """Raises InvalidRequest for a list that is too long, before anybody looks at what is in it.

    The validator looks at every item of such a list too, for up to 20 microseconds each.
    """
    for descriptor, most in _lists(message.DESCRIPTOR):
        name, items = f"{prefix}{descriptor.name}", _items(message, descriptor)
        if len(items) > most:
            raise InvalidRequest(name, f"must contain no more than {most} item(s)")
        if descriptor.message_type is not None:
            for index, item in enumerate(items):
                _check_lists(item, f"{name}[{index}]." if descriptor.is_repeated else f"{name}.")


def _items(message: Message, descriptor: FieldDescriptor) -> Any:
    if descriptor.is_repeated:
        return getattr(message, descriptor.name)
    return (getattr(message, descriptor.name),) if message.HasField(descriptor.name) else ()


@cache
def _lists(descriptor: Descriptor) -> Iterable[tuple[FieldDescriptor, int]]:
    """The fields of a message that are lists, or that may have some in them, and how many items they may have."""
    found = []
    for each in descriptor.fields:
        ours = each.message_type is not None and each.message_type.file.package.startswith("orchestrator")
        if each.is_repeated and not (each.message_type and each.message_type.GetOptions().map_entry):
            rules = each.GetOptions().Extensions[cast("Any", rules_of)].repeated
            found.append((each, rules.max_items if rules.HasField("max_items") else MAX_ITEMS))
        elif ours and _lists(each.message_type):
            found.append((each, 1))
    return found


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
