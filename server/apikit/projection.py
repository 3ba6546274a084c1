"""Turning rows into messages: same-named fields fill themselves, and nothing is left out by accident."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from cachetools import FIFOCache
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from server import values
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


def shown_message(message: Message, *, camel: bool = False) -> dict[str, Any]:
    """A message as the REST API shows it, with its free-form values; in camelCase for APIs that speak so."""
    words = MessageToDict(message, preserving_proto_field_name=not camel, always_print_fields_with_no_presence=True)
    _show_values(message, words, camel=camel)
    return words


def _show_values(message: Message, words: dict[str, Any], *, camel: bool) -> None:
    for field, value in message.ListFields():
        name = field.json_name if camel else field.name
        if field.type == FieldDescriptor.TYPE_BYTES:
            # A Struct begins with an entry, and a Value never does.
            words[name] = values.decode(values.of_struct(value) if value[:1] in (b"", b"\n") else value)
        elif field.message_type is None or field.message_type.GetOptions().map_entry:
            continue
        elif field.is_repeated:
            for each, inner in zip(value, words[name], strict=True):
                _show_values_of(each, inner, camel=camel)
        else:
            _show_values_of(value, words[name], camel=camel)


def _show_values_of(message: Message, words: Any, *, camel: bool) -> None:
    if isinstance(words, dict):
        _show_values(message, words, camel=camel)
