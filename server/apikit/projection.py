"""Turning rows into messages: same-named fields fill themselves, and nothing is left out by accident."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from cachetools import FIFOCache
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct, Value
from google.protobuf.timestamp_pb2 import Timestamp

from server.model import Record

M = TypeVar("M", bound=Message)
R = TypeVar("R", bound=Record)
REMEMBERED = 16_384


def project(record: Record, message: type[M], **given: Any) -> M:
    """A `message` whose fields come from the row's columns of the same names, or from `given`.

    Columns that hold times (microseconds) become Timestamps; `given` values of None leave their field unset. Raises
    TypeError, the first time, where a name is unknown to the message or a field of it is filled by neither.
    """
    return _projector(type(record), message, tuple(given))(record, given)  # type: ignore[no-any-return, arg-type]


@cache
def _projector(record: type[Record], message: type[Message], given: tuple[str, ...]) -> Callable[[Record, Any], Any]:
    fields = message.DESCRIPTOR.fields_by_name
    unknown = [name for name in given if name not in fields]
    missing = [name for name in fields if name not in given and name not in record.columns]
    if unknown or missing:
        raise TypeError(f"{message.DESCRIPTOR.full_name}: unknown {unknown}, unfilled {missing}")
    own = [name for name in fields if name not in given]
    times = [name for name in own if _is_time(fields[name])]
    plain = [name for name in own if name not in times]

    def fill(row: Record, values: dict[str, Any]) -> Message:
        columns = row.values()
        arguments = {name: columns[name] for name in plain}
        arguments.update(values)
        for name in times:
            microseconds = columns[name]
            if microseconds is not None:
                arguments[name] = timestamp(microseconds)
        return message(**arguments)

    return fill


def _is_time(field: Any) -> bool:
    return field.message_type is not None and field.message_type.full_name == "google.protobuf.Timestamp"


def remembered(encode: Callable[[R], M]) -> Callable[[R], M]:
    """Remembers the messages of the last rows: dashboards read the same rows again and again.

    A message is found by every value of its row, so a row that has changed in any way is encoded anew. For rows
    without long texts. Nobody may change the messages.
    """
    known: FIFOCache[tuple[Any, ...], M] = FIFOCache(REMEMBERED)

    def find(record: R) -> M:
        key = tuple(record.values().values())
        try:
            # Half of what `get` costs, for each row of every list.
            return known[key]
        except KeyError:
            message = known[key] = encode(record)
            return message

    return find


def timestamp(microseconds: int) -> Timestamp:
    """The Timestamp of a time in the store."""
    seconds, rest = divmod(microseconds, 1_000_000)
    return Timestamp(seconds=seconds, nanos=rest * 1000)


def value_of(text: str | None) -> Value | None:
    """The Value of a JSON text; None where there is none, or a list has left it out."""
    return to_value(json.loads(text)) if text else None


def to_value(plain: Any) -> Value:
    """The Value of plain JSON data."""
    value = Value()
    _fill(value, plain)
    return value


def _fill(value: Value, plain: Any) -> None:
    if plain is None:
        value.null_value = 0  # type: ignore[assignment]
    elif isinstance(plain, bool):
        value.bool_value = plain
    elif isinstance(plain, int | float):
        value.number_value = plain
    elif isinstance(plain, str):
        value.string_value = plain
    elif isinstance(plain, list):
        value.list_value.SetInParent()
        for each in plain:
            _fill(value.list_value.values.add(), each)
    else:
        value.struct_value.SetInParent()
        for key, each in plain.items():
            _fill(value.struct_value.fields[key], each)


def from_value(value: Value) -> Any:
    """Plain JSON data; numbers without a fraction become integers, as their writer meant."""
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return {key: from_value(each) for key, each in value.struct_value.fields.items()}
    if kind == "list_value":
        return [from_value(each) for each in value.list_value.values]
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() and abs(number) < 2**53 else number
    return None if kind in (None, "null_value") else getattr(value, kind)


def from_struct(struct: Struct) -> dict[str, Any]:
    """Plain JSON data, as `from_value` gives it."""
    return {key: from_value(each) for key, each in struct.fields.items()}
