"""Plain data and protobuf's values, for workers."""

from __future__ import annotations

from typing import Any

from google.protobuf.struct_pb2 import NULL_VALUE, Value


def to_value(plain: Any) -> Value:
    """The Value of plain JSON data. Raises TypeError for anything else, and ValueError for what JSON would lose."""
    value = Value()
    _fill(value, plain)
    return value


def _fill(value: Value, plain: Any) -> None:
    if plain is None:
        value.null_value = NULL_VALUE
    elif isinstance(plain, bool):
        value.bool_value = plain
    elif isinstance(plain, int) and abs(plain) > 2**53:
        raise ValueError("an integer beyond 2^53, which readers of JSON round; use a string")
    elif isinstance(plain, int | float):
        value.number_value = plain
    elif isinstance(plain, str):
        value.string_value = plain
    elif isinstance(plain, list | tuple):
        value.list_value.SetInParent()
        for each in plain:
            _fill(value.list_value.values.add(), each)
    elif isinstance(plain, dict):
        value.struct_value.SetInParent()
        fields = value.struct_value.fields
        for key, each in plain.items():
            _fill(fields[str(key)], each)
        if len(fields) < len(plain):
            raise ValueError("an object with two keys that are the same as text, such as 1 and '1'")
    else:
        advice = ": give its `.item()`, or its `.tolist()`" if hasattr(plain, "tolist") else ""
        raise TypeError(f"a result must be what JSON can say, and this is a {type(plain).__name__}{advice}")


def from_value(value: Value) -> Any:
    """Plain JSON data; numbers without a fraction become integers."""
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return {key: from_value(each) for key, each in value.struct_value.fields.items()}
    if kind == "list_value":
        return [from_value(each) for each in value.list_value.values]
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() and abs(number) < 2**53 else number
    return None if kind in (None, "null_value") else getattr(value, kind)
