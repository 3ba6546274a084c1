"""Templates: values in which `${…}` stands for something that is known only when a run gets there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from server import values
from server.errors import ServiceError
from server.values import Value

_REFERENCE = re.compile(r"\$?\$\{([^{}]{1,200})\}")
_BEGINNING = b"${"
# What the references of one template may come to, in bytes. Without a bound, a short template that names a long value
# many times would fill the memory.
MAX_FILLED = values.MAX_BYTES
# A template is looked at value by value, and so is what is written into a text. Ten thousand take ten milliseconds.
MAX_LOOKED_AT = 10_000


class ReferenceMissing(ServiceError):
    """A template names something that is not there."""

    kind = "invalid"
    reason = "REFERENCE_MISSING"


class FilledTooLarge(ServiceError):
    """What a template names is more than an input may be."""

    kind = "invalid"
    reason = "INPUT_TOO_LARGE"


def filled(template: bytes, context: Mapping[str, Any]) -> bytes:
    """A template with each `${…}` replaced: by the value itself where it stands alone, else by its text.

    `$${…}` stands for `${…}` itself. `context` leads by names to parsed values. Raises ReferenceMissing,
    FilledTooLarge.
    """
    if _BEGINNING not in template:
        return template
    given = Value()
    _Filling(context).fill(given, Value.FromString(template))
    return given.SerializeToString()


def looked_up(path: str, context: Mapping[str, Any]) -> Value:
    """What a path such as `steps.extract.output.rows.0` names. Raises ReferenceMissing."""
    found: Any = context
    for part in parts_of(path):
        found = found.get(part) if isinstance(found, Mapping) else _inside(found, part)
        if found is None:
            raise ReferenceMissing(f"${{{path}}} names nothing: there is no {part!r}")
    if isinstance(found, Mapping):
        raise ReferenceMissing(f"${{{path}}} names no value, only where some are")
    value: Value = found
    return value


def references(template: bytes | None) -> list[str]:
    """Every path that a template names, in the order in which they stand.

    Raises ValueError where it has expressions and more values than are looked at.
    """
    if template is None or _BEGINNING not in template:
        return []
    texts = [
        each.string_value
        for each in values.elements(Value.FromString(template), MAX_LOOKED_AT)
        if each.HasField("string_value")
    ]
    return [match[1] for text in texts for match in _REFERENCE.finditer(text) if not _is_escaped(match)]


def parts_of(path: str) -> list[str]:
    """The names that a path is made of."""
    return path.strip().split(".")


def _inside(value: Value, part: str) -> Value | None:
    if value.HasField("struct_value"):
        return next((entry.value for entry in value.struct_value.fields if entry.key == part), None)
    if value.HasField("list_value") and part.isascii() and part.isdigit():
        found = value.list_value.values
        return found[int(part)] if int(part) < len(found) else None
    return None


class _Filling:
    """One template being filled."""

    def __init__(self, context: Mapping[str, Any]) -> None:
        self._context = context
        self._left = MAX_FILLED
        self._written = 0

    def fill(self, given: Value, template: Value) -> None:
        if template.HasField("struct_value"):
            given.struct_value.SetInParent()
            for entry in template.struct_value.fields:
                self.fill(given.struct_value.fields.add(key=entry.key).value, entry.value)
        elif template.HasField("list_value"):
            given.list_value.SetInParent()
            for each in template.list_value.values:
                self.fill(given.list_value.values.add(), each)
        elif template.HasField("string_value"):
            alone = _REFERENCE.fullmatch(template.string_value)
            if alone is not None and not _is_escaped(alone):
                value = looked_up(alone[1], self._context)
                self._spend(value.ByteSize())
                given.CopyFrom(value)
            else:
                given.string_value = _REFERENCE.sub(self._text, template.string_value)
        else:
            given.CopyFrom(template)

    def _text(self, match: re.Match[str]) -> str:
        if _is_escaped(match):
            return match[0][1:]
        value = looked_up(match[1], self._context)
        if value.HasField("string_value"):
            text = value.string_value
        else:
            self._look_at(value, match[1])
            text = values.json_text(value)
        self._spend(len(text))
        return text

    def _look_at(self, value: Value, path: str) -> None:
        try:
            self._written += sum(1 for _ in values.elements(value, MAX_LOOKED_AT - self._written))
        except ValueError:
            raise FilledTooLarge(
                f"${{{path}}} stands in a text and has many values in it: a text takes {MAX_LOOKED_AT} in all, and a "
                "reference that stands alone takes any number"
            ) from None

    def _spend(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise FilledTooLarge(f"what the input names is larger than {MAX_FILLED} bytes")


def _is_escaped(match: re.Match[str]) -> bool:
    return match[0].startswith("$$")
