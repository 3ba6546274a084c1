"""What is in free-form values, for those who must look: each part once, and with turns for others meanwhile.

Of keys that stand twice in an object the last one counts, as in protobuf's own maps.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

from orchestrator.wire.struct_pb2 import Members, Parts, Struct
from orchestrator.wire.struct_pb2 import Outline as Level

from server import values
from server.pace import Pace
from server.values import Value

# So many keys take a few milliseconds to find again.
_AT_ONCE = 4096


class Outline(Mapping[str, object]):
    """The keys of an object, each with an empty object where it leads to one, and with None elsewhere.

    They are in a map of protobuf, which takes a fifth of what a walk over them in Python takes, and stand in the order
    in which they were written, unless they are very many.
    """

    def __init__(self, value: bytes, entries: int, members: Members) -> None:
        self._value = value
        self._entries = entries
        self._fields = members.fields

    def __getitem__(self, key: str) -> object:
        if key not in self._fields:
            raise KeyError(key)
        return {} if values.is_object(self._fields[key]) else None

    def __contains__(self, key: object) -> bool:
        return key in self._fields

    def __len__(self) -> int:
        return len(self._fields)

    def __iter__(self) -> Iterator[str]:
        if self._entries > _AT_ONCE:
            return iter(self._fields)
        return iter(dict.fromkeys(entry.key for entry in Value.FromString(self._value).struct_value.fields))


async def outline(value: bytes, pace: Pace) -> Outline | None:
    """The keys of an object; None for what is no object."""
    if not values.is_object(value):
        return None
    parts, members = Level.FromString(value).struct_value.parts, Members()
    await pace.turn()
    for start in range(0, len(parts), _AT_ONCE):
        members.MergeFromString(Parts(parts=parts[start : start + _AT_ONCE]).SerializeToString())
        await pace.turn()
    return Outline(value, len(parts), members)


class Contents:
    """A value and what is in it, looked for when somebody first asks for it, and known from then on.

    It is parsed once, and what is in it shares the memory of that: a copy of each level would take many times as much.
    """

    __slots__ = ("_known", "_places", "_value")

    def __init__(self, value: bytes | Value) -> None:
        self._value = value
        # Where an object has each of its keys.
        self._places: dict[str, int] | None = None
        self._known: dict[int, Contents] = {}

    async def value(self, pace: Pace) -> Value:
        """The value, parsed."""
        if isinstance(self._value, bytes):
            await pace.turn()
            self._value = Value.FromString(self._value)
            await pace.turn()
        return self._value

    async def part(self, name: str, pace: Pace) -> Contents | None:
        """What an object has by this name, or a list at this place; None where there is nothing."""
        value = await self.value(pace)
        if value.HasField("struct_value"):
            if self._places is None:
                self._places = await _places(value, pace)
            place = self._places.get(name)
        else:
            place = int(name) if value.HasField("list_value") and name.isascii() and name.isdigit() else None
            if place is not None and place >= len(value.list_value.values):
                place = None
        if place is None:
            return None
        if place not in self._known:
            fields, elements = value.struct_value.fields, value.list_value.values
            self._known[place] = Contents(elements[place] if self._places is None else fields[place].value)
        return self._known[place]


async def _places(value: Value, pace: Pace) -> dict[str, int]:
    places = {}
    for place, entry in enumerate(value.struct_value.fields):
        places[entry.key] = place
        await pace.turn()
    return places


async def elements(value: Value, pace: Pace, most: int | None = None) -> AsyncIterator[Value]:
    """A parsed value and everything in it. Raises ValueError where that is more than `most`."""
    pending, seen = [iter((value,))], 0
    while pending:
        each = next(pending[-1], None)
        if each is None:
            pending.pop()
            continue
        seen += 1
        if most is not None and seen > most:
            raise ValueError(f"has more than {most} values in it")
        yield each
        if each.HasField("struct_value"):
            pending.append(entry.value for entry in each.struct_value.fields)
        elif each.HasField("list_value"):
            pending.append(iter(each.list_value.values))
        await pace.turn()


async def json_text(value: Value, pace: Pace, most: int) -> tuple[str, int]:
    """A parsed value as compact JSON, and how many are in it. Raises ValueError where that is more than `most`."""
    seen = 0
    async for _ in elements(value, pace, most):
        seen += 1
    plain = await _plain(value, pace)
    return json.dumps(plain, separators=(",", ":"), ensure_ascii=False), seen


async def _plain(value: Value, pace: Pace) -> Any:
    await pace.turn()
    if value.HasField("struct_value"):
        return {entry.key: await _plain(entry.value, pace) for entry in value.struct_value.fields}
    if value.HasField("list_value"):
        return [await _plain(each, pace) for each in value.list_value.values]
    return values.plain(value)


async def merged(value: bytes, given: Mapping[str, bytes], pace: Pace) -> bytes:
    """As `values.merged`, for an object of any length."""
    level = Level.FromString(value).struct_value
    await pace.turn()
    if values.names_none_of(value, given):
        return values.of_struct(level.SerializeToString() + values.entries(given))
    kept = []
    for part in level.parts:
        if Struct.FieldsEntry.FromString(part).key not in given:
            kept.append(values.element(part))
        await pace.turn()
    return values.of_struct(b"".join(kept) + values.entries(given))
