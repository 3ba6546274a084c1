"""Values inside a sandbox: plain data, and the bytes of a google.protobuf.Value, in which inputs and outputs travel.

Like harness.py, which is sent after it, it is sent to the sandbox compiled and never imported. The bytes follow few
rules, and importing a library that knows them would take longer than a start.
"""

from __future__ import annotations

import marshal

# Stands for typing's, whose import a start cannot afford; annotations of this program are never evaluated.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# What every reader of a google.protobuf.Value can still parse.
_DEPTH_LIMIT = 30
_INTEGER_LIMIT = 2**53
# What a value begins with, by its kind; an element of an object or a list; and the value of an object's entry.
_NULL, _NUMBER, _TEXT, _BOOLEAN, _OBJECT, _LIST = 0x08, 0x11, 0x1A, 0x20, 0x2A, 0x32
_ELEMENT, _ENTRY_VALUE = b"\x0a", b"\x12"


class NotJSON(Exception):
    """Some part of the output has no JSON form."""


def decode(data: bytes, at: int, end: int) -> Any:
    """The value between two places. Numbers without a fraction are integers, as their writer meant."""
    if at >= end or data[at] == _NULL:
        return None
    kind = data[at]
    if kind == _NUMBER:
        number = marshal.loads(b"g" + data[at + 1 : at + 9])  # noqa: S302 - a float and nothing else
        return int(number) if number.is_integer() and -_INTEGER_LIMIT < number < _INTEGER_LIMIT else number
    length, at = _varint_at(data, at + 1)
    if kind == _BOOLEAN:
        return bool(length)
    if kind == _TEXT:
        return data[at : at + length].decode()
    if kind == _OBJECT:
        return dict(_decode_entry(data, start, stop) for start, stop in _pieces(data, at, at + length))
    if kind == _LIST:
        return [decode(data, start, stop) for start, stop in _pieces(data, at, at + length)]
    raise ValueError("the input is not what it should be")


def _decode_entry(data: bytes, at: int, end: int) -> tuple[str, Any]:
    length, at = _varint_at(data, at + 1)
    key = data[at : at + length].decode()
    at += length
    start = _varint_at(data, at + 1)[1] if at < end else end
    return key, decode(data, start, end)


def _pieces(data: bytes, at: int, end: int) -> Any:
    """Where each element of an object or a list begins and ends."""
    while at < end:
        length, at = _varint_at(data, at + 1)
        yield at, at + length
        at += length


def _varint_at(data: bytes, at: int) -> tuple[int, int]:
    byte = data[at]
    number, shift, at = byte & 0x7F, 7, at + 1
    while byte > 0x7F:
        byte = data[at]
        number |= (byte & 0x7F) << shift
        shift, at = shift + 7, at + 1
    return number, at


def encode(value: Any) -> bytes:
    """The bytes of an output. Raises NotJSON, with the place of the first part that JSON cannot say."""
    try:
        return _encoded(value, "output", _DEPTH_LIMIT)
    except (ValueError, RecursionError) as error:
        # Values that change while they are looked at, and classes that lie about what they are.
        raise NotJSON(f"output: {error}") from None


def _encoded(value: Any, path: str, depth: int) -> bytes:
    """The value, or the place of the first one that JSON cannot say."""
    if value is None:
        return bytes((_NULL, 0))
    if value is True or value is False:
        return bytes((_BOOLEAN, value))
    if isinstance(value, str):
        text = _utf8(value, path)
        return bytes((_TEXT,)) + _varint(len(text)) + text
    if isinstance(value, int):
        if not -_INTEGER_LIMIT <= value <= _INTEGER_LIMIT:
            raise NotJSON(f"{path}: an integer beyond 2^53, which JSON readers round; use a string")
        return _number(int(value))
    if isinstance(value, float):
        if value - value != 0:
            raise NotJSON(f"{path}: {float.__repr__(value)} is not a JSON number")
        return _number(float(value))
    if not isinstance(value, (list, tuple, dict)):
        raise NotJSON(f"{path}: {type(value).__name__}")
    if not depth:
        raise NotJSON(f"{path[:200]}…: nested deeper than {_DEPTH_LIMIT} levels")
    if isinstance(value, dict):
        kind, pieces = _OBJECT, [_entry(key, item, path, depth) for key, item in value.items()]
    else:
        kind = _LIST
        pieces = [_encoded(item, f"{path}[{index}]", depth - 1) for index, item in enumerate(value)]
    body = b"".join([_ELEMENT + _varint(len(piece)) + piece for piece in pieces])
    return bytes((kind,)) + _varint(len(body)) + body


def _entry(key: Any, item: Any, path: str, depth: int) -> bytes:
    if not isinstance(key, str):
        raise NotJSON(f"{path}: the key {key!r:.100} is of type {type(key).__name__}, not str")
    name = _utf8(key, path)
    value = _encoded(item, f"{path}.{key}" if key.isidentifier() else f"{path}[{key!r:.100}]", depth - 1)
    return _ELEMENT + _varint(len(name)) + name + _ENTRY_VALUE + _varint(len(value)) + value


def _number(value: float) -> bytes:
    return bytes((_NUMBER,)) + marshal.dumps(float(value), 2)[1:9]


def _varint(number: int) -> bytes:
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)


def _utf8(value: str, path: str) -> bytes:
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise NotJSON(f"{path}: text with a lone surrogate, which UTF-8 cannot say") from None
