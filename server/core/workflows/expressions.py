"""Templates: values in which `${…}` stands for something that is known only when a run gets there."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

from server import contents, values
from server.contents import Contents
from server.errors import ServiceError
from server.pace import Pace
from server.values import Value

# That it begins with what it looks for makes it many times as fast; a dollar before it is looked for afterwards.
_REFERENCE = re.compile(r"\$\{([^{}]{1,200})\}")
_LONGEST = 203
# So much of a text takes a millisecond to search, whatever is in it.
_AT_ONCE = 32 << 10
_BEGINNING = b"${"
# What the references of one template may come to, in bytes. Without a bound, a short template that names a long value
# many times would fill the memory.
MAX_FILLED = values.MAX_BYTES
# A template is looked at value by value, and so is what is written into a text. Ten thousand take tens of milliseconds
# in all, with turns for others.
MAX_LOOKED_AT = 10_000


class ReferenceMissing(ServiceError):
    """A template names something that is not there."""

    kind = "invalid"
    reason = "REFERENCE_MISSING"


class FilledTooLarge(ServiceError):
    """What a template names is more than an input may be."""

    kind = "invalid"
    reason = "INPUT_TOO_LARGE"


async def filled(template: bytes, context: Mapping[str, Any], pace: Pace) -> bytes:
    """A template with each `${…}` replaced: by the value itself where it stands alone, else by its text.

    `$${…}` stands for `${…}` itself. `context` leads by names to contents. Raises ReferenceMissing, FilledTooLarge.
    """
    if _BEGINNING not in template:
        return template
    return await _Filling(context, pace).fill(Value.FromString(template))


async def looked_up(path: str, context: Mapping[str, Any], pace: Pace) -> Contents:
    """What a path such as `steps.extract.output.rows.0` names. Raises ReferenceMissing."""
    found: Any = context
    for part in parts_of(path):
        found = found.get(part) if isinstance(found, Mapping) else await found.part(part, pace)
        if found is None:
            raise ReferenceMissing(f"${{{path}}} names nothing: there is no {part!r}")
    if isinstance(found, Mapping):
        raise ReferenceMissing(f"${{{path}}} names no value, only where some are")
    known: Contents = found
    return known


async def references(template: bytes | None, pace: Pace, most: int | None = None) -> AsyncIterator[str | None]:
    """Every path that a template names, in the order in which they stand, and None for each `$${…}`.

    Raises ValueError where it has expressions and more than `most` values.
    """
    if template is None or _BEGINNING not in template:
        return
    async for each in contents.elements(Value.FromString(template), pace, most):
        if each.HasField("string_value"):
            text = each.string_value
            async for match in _matches(text, pace):
                yield None if _is_escaped(text, match) else match[1]


def parts_of(path: str) -> list[str]:
    """The names that a path is made of."""
    return path.strip().split(".")


async def _matches(text: str, pace: Pace) -> AsyncIterator[re.Match[str]]:
    """Each `${…}` of a text, which is searched a piece at a time."""
    start = 0
    while start < len(text):
        match = _REFERENCE.search(text, start, start + _AT_ONCE)
        if match is not None:
            yield match
        # One that begins near the end of a piece is found in the next one.
        start = match.end() if match is not None else start + _AT_ONCE - _LONGEST
        await pace.turn()


class _Filling:
    """One template being filled."""

    def __init__(self, context: Mapping[str, Any], pace: Pace) -> None:
        self._context = context
        self._pace = pace
        self._left = MAX_FILLED
        self._written = 0

    async def fill(self, template: Value) -> bytes:
        await self._pace.turn()
        if template.HasField("struct_value"):
            inner = [values.entry(each.key, await self.fill(each.value)) for each in template.struct_value.fields]
            return values.of_struct(b"".join(inner))
        if template.HasField("list_value"):
            inner = [values.element(await self.fill(each)) for each in template.list_value.values]
            return values.list_of(b"".join(inner))
        if not template.HasField("string_value") or "${" not in template.string_value:
            return template.SerializeToString()
        alone = _REFERENCE.fullmatch(template.string_value)
        if alone is None:
            return Value(string_value=await self._texts(template.string_value)).SerializeToString()
        value = await (await looked_up(alone[1], self._context, self._pace)).value(self._pace)
        self._spend(value.ByteSize())
        await self._pace.turn()
        return value.SerializeToString()

    async def _texts(self, text: str) -> str:
        """A text with the texts of what it names."""
        pieces, end = [], 0
        async for match in _matches(text, self._pace):
            escaped = _is_escaped(text, match)
            pieces.append(text[end : match.start() - escaped])
            pieces.append(match[0] if escaped else await self._text_of(match[1]))
            end = match.end()
        return "".join([*pieces, text[end:]])

    async def _text_of(self, path: str) -> str:
        value = await (await looked_up(path, self._context, self._pace)).value(self._pace)
        text = value.string_value if value.HasField("string_value") else await self._json_of(value, path)
        self._spend(len(text))
        return text

    async def _json_of(self, value: Value, path: str) -> str:
        try:
            text, seen = await contents.json_text(value, self._pace, MAX_LOOKED_AT - self._written)
        except ValueError:
            raise FilledTooLarge(
                f"${{{path}}} stands in a text and has many values in it: a text takes {MAX_LOOKED_AT} in all, and a "
                "reference that stands alone takes any number"
            ) from None
        self._written += seen
        return text

    def _spend(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise FilledTooLarge(f"what the input names is larger than {MAX_FILLED} bytes")


def _is_escaped(text: str, match: re.Match[str]) -> bool:
    return match.start() > 0 and text[match.start() - 1] == "$"
