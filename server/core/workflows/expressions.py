"""Templates: JSON values in which `${…}` stands for something that is known only when a run gets there."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from server.errors import ServiceError

_REFERENCE = re.compile(r"\$?\$\{([^{}]{1,200})\}")
# What the references of one template may come to, in characters. Without a bound, a short template that names a long
# value many times would fill the memory.
MAX_FILLED = 1 << 20


class ReferenceMissing(ServiceError):
    """A template names something that is not there."""

    kind = "invalid"
    reason = "REFERENCE_MISSING"


class FilledTooLarge(ServiceError):
    """What a template names is more than an input may be."""

    kind = "invalid"
    reason = "INPUT_TOO_LARGE"


def filled(template: Any, context: Mapping[str, Any]) -> Any:
    """A template with each `${…}` replaced: by the value itself where it stands alone, else by its text.

    `$${…}` stands for `${…}` itself. Raises ReferenceMissing, FilledTooLarge.
    """
    return _Filling(context).of(template)


def looked_up(path: str, context: Mapping[str, Any]) -> Any:
    """What a path such as `steps.extract.output.rows.0` names. Raises ReferenceMissing."""
    value: Any = context
    for part in parts_of(path):
        if isinstance(value, Mapping) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isascii() and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            raise ReferenceMissing(f"${{{path}}} names nothing: there is no {part!r}")
    return value


def references(template: Any) -> list[str]:
    """Every path that a template names, in the order in which they stand."""
    if isinstance(template, Mapping):
        return [path for value in template.values() for path in references(value)]
    if isinstance(template, list):
        return [path for value in template for path in references(value)]
    if not isinstance(template, str):
        return []
    return [match[1] for match in _REFERENCE.finditer(template) if not _is_escaped(match)]


def parts_of(path: str) -> list[str]:
    """The names that a path is made of."""
    return path.strip().split(".")


class _Filling:
    """One template being filled."""

    def __init__(self, context: Mapping[str, Any]) -> None:
        self._context = context
        self._left = MAX_FILLED

    def of(self, template: Any) -> Any:
        if isinstance(template, Mapping):
            return {key: self.of(value) for key, value in template.items()}
        if isinstance(template, list):
            return [self.of(value) for value in template]
        if not isinstance(template, str):
            return template
        alone = _REFERENCE.fullmatch(template)
        if alone is not None and not _is_escaped(alone):
            return self._value(alone[1])[0]
        return _REFERENCE.sub(self._text, template)

    def _text(self, match: re.Match[str]) -> str:
        return match[0][1:] if _is_escaped(match) else self._value(match[1])[1]

    def _value(self, path: str) -> tuple[Any, str]:
        value = looked_up(path, self._context)
        text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
        self._left -= len(text)
        if self._left < 0:
            raise FilledTooLarge(f"what the input names is larger than {MAX_FILLED} characters")
        return value, text


def _is_escaped(match: re.Match[str]) -> bool:
    return match[0].startswith("$$")
