"""Free-form JSON: kept as the bytes of a google.protobuf.Value, passed on unparsed, and read only where somebody must.

A value goes from a client into the store and out again as the bytes that it came in, order of keys included: what is in
it costs nothing. Bytes of a google.protobuf.Struct are the same without what says that they are an object. Whoever must
see what is in a long one finds it in `contents`, with turns for others.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf.message import DecodeError
from orchestrator.wire.struct_pb2 import Struct
from orchestrator.wire.struct_pb2 import Value as Value  # noqa: PLC0414 — core knows the class from here

# So much takes two to nine milliseconds to parse, whatever it is made of, in which nobody else has a turn. It is a
# mebibyte, with room for what says of it that it is a text, or the only one of an object.
MAX_BYTES = (1 << 20) + 64
MAX_DEPTH = 30
# Beyond this, a double — and so protobuf's JSON and JavaScript — cannot tell neighbouring integers apart.
MAX_INTEGER = 2**53
NULL = b"\x08\x00"
EMPTY_OBJECT = b"\x2a\x00"

_OBJECT, _LIST, _TAG, _ENTRY_VALUE = b"\x2a", b"\x32", b"\x0a", b"\x12"
_SHORT = [bytes((number,)) for number in range(0x80)]
# A number behind its length. That the pattern begins with what it looks for makes it ten times as fast.
_NOT_FINITE = re.compile(rb"\t\x11.{6}[\xf0-\xff][\x7f\xff]", re.DOTALL)
# protobuf parses messages 100 deep. An object within an object takes three, so these leave MAX_DEPTH of them.
_LISTS_AROUND = (100 - 3 * MAX_DEPTH) // 2


async def problem_in(value: bytes, path: str, most: int = MAX_BYTES) -> str | None:
    """Why a value cannot be kept, in words that go behind its field's name; None where it can.

    `path` begins the place that is named where a number is at fault. A value has at most `most` bytes as protobuf.
    """
    if len(value) > most:
        return f"is larger than {most} bytes as protobuf, in which a number takes 11 bytes and a text its length"
    within = _within_lists(value)
    try:
        around = Value.FromString(within)
    except DecodeError as error:
        return f"is nested more than {MAX_DEPTH} deep" if "MaxDepth" in str(error) else "is no google.protobuf.Value"
    if _NOT_FINITE.search(within) is not None:
        # Very likely there is one; which, only a walk can tell, and that may take a tenth of a second.
        return await asyncio.to_thread(_not_finite, around, path)
    return None


def encode(plain: object) -> bytes:
    """The bytes of plain JSON data. Raises ValueError for what JSON readers could not read back."""
    value = Value()
    _fill(value, plain)
    return value.SerializeToString()


def decode(value: bytes) -> Any:
    """Plain JSON data; numbers without a fraction become integers, as their writer meant. Walks all of it."""
    return plain(Value.FromString(value))


def plain(value: Value) -> Any:
    """Plain JSON data of a parsed value."""
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return {entry.key: plain(entry.value) for entry in value.struct_value.fields}
    if kind == "list_value":
        return [plain(each) for each in value.list_value.values]
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() and abs(number) < MAX_INTEGER else number
    return None if kind in (None, "null_value") else getattr(value, kind)


def parts(value: bytes) -> dict[str, bytes]:
    """The values of an object by their keys. It must be a short one: a thousand of them take a millisecond."""
    return {entry.key: entry.value.SerializeToString() for entry in Value.FromString(value).struct_value.fields}


def number_in(value: bytes) -> int | float | None:
    """A number, as `decode` gives it; None for what is none."""
    parsed = Value.FromString(value)
    return plain(parsed) if parsed.HasField("number_value") else None


def texts_in(value: bytes, most: int) -> list[str] | None:
    """The texts in a list, or the first `most` of them; None for what is none, or has something else among those."""
    parsed = Value.FromString(value)
    each = parsed.list_value.values[:most]
    if not parsed.HasField("list_value") or not all(one.HasField("string_value") for one in each):
        return None
    return [one.string_value for one in each]


def is_null(value: bytes) -> bool:
    """Whether it is null, or says nothing."""
    return value[:1] in (b"", NULL[:1])


def is_object(value: bytes) -> bool:
    """Whether it is a JSON object."""
    return value.startswith(_OBJECT)


def of_struct(struct: bytes) -> bytes:
    """The value of the bytes of a google.protobuf.Struct."""
    return _OBJECT + _varint(len(struct)) + struct


def struct_of(value: bytes) -> bytes:
    """The bytes of an object as a google.protobuf.Struct."""
    # The tag, and the varint behind it, whose last byte is the first without its highest bit.
    start = next(index for index in range(1, len(value)) if value[index] < 0x80) + 1
    return value[start:]


def object_of(values: Mapping[str, bytes]) -> bytes:
    """An object of values, none of which is parsed."""
    return of_struct(entries(values))


def entries(values: Mapping[str, bytes]) -> bytes:
    """What an object with these values has in it; none of them is parsed."""
    return b"".join(entry(key, value) for key, value in values.items())


def entry(key: str, value: bytes) -> bytes:
    """One of the entries that an object is made of."""
    name = key.encode()
    return element(element(name) + _ENTRY_VALUE + _varint(len(value)) + value)


def list_of(elements: bytes) -> bytes:
    """A list of what `element` has made."""
    return _LIST + _varint(len(elements)) + elements


def element(value: bytes) -> bytes:
    """A value as one of a list."""
    return _TAG + _varint(len(value)) + value


def merged(value: bytes, given: Mapping[str, bytes]) -> bytes:
    """An object with these values in it, instead of what it had by their names. It must be a short one."""
    struct = Value.FromString(value).struct_value
    if not names_none_of(value, given):
        struct = Struct(fields=[entry for entry in struct.fields if entry.key not in given])
    return of_struct(struct.SerializeToString() + entries(given))


def names_none_of(value: bytes, names: Iterable[str]) -> bool:
    """Whether none of these names is anywhere in a value: surely not where their bytes are not."""
    return not any(name.encode() in value for name in names)


def _fill(value: Value, given: Any) -> None:
    if given is None:
        value.null_value = 0  # type: ignore[assignment]
    elif isinstance(given, bool):
        value.bool_value = given
    elif isinstance(given, int | float):
        if not math.isfinite(given) or (isinstance(given, int) and abs(given) > MAX_INTEGER):
            raise ValueError(f"{given} is not a number that every JSON reader reads back")
        value.number_value = given
    elif isinstance(given, str):
        value.string_value = given
    elif isinstance(given, list | tuple):
        value.list_value.SetInParent()
        add = value.list_value.values.add
        for each in given:
            _fill(add(), each)
    elif isinstance(given, Mapping):
        value.struct_value.SetInParent()
        enter = value.struct_value.fields.add
        for key, each in given.items():
            _fill(enter(key=key).value, each)
    else:
        raise ValueError(f"{type(given).__name__} is nothing that JSON can say")


def _varint(number: int) -> bytes:
    if number <= 0x7F:
        return _SHORT[number]
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)


def _within_lists(value: bytes) -> bytes:
    """The value as the only element of lists around it, which take up the depth that it may not have."""
    pieces, length = [value], len(value)
    for _ in range(_LISTS_AROUND):
        element = _TAG + _varint(length)
        head = _LIST + _varint(length + len(element)) + element
        pieces.append(head)
        length += len(head)
    return b"".join(reversed(pieces))


def _not_finite(around: Value, path: str) -> str | None:
    """The place of the first number that is not finite."""
    for _ in range(_LISTS_AROUND):
        around = around.list_value.values[0]
    pending = [(around, path)]
    while pending:
        each, place = pending.pop()
        kind = each.WhichOneof("kind")
        if kind == "number_value" and not math.isfinite(each.number_value):
            return f"{place[:200]}: not a finite number"
        if kind == "struct_value":
            pending.extend((entry.value, f"{place}.{entry.key}") for entry in each.struct_value.fields)
        elif kind == "list_value":
            pending.extend((inner, f"{place}[{index}]") for index, inner in enumerate(each.list_value.values))
    return None
