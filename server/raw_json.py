"""JSON of callers as Python's own data: no more of it than is parsed in a moment, in which nobody else has a turn."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from server.pace import Pace

# So many take up to nine milliseconds to parse. How long texts are hardly matters: two megabytes take five.
MOST_VALUES = 50_000
MOST_DEPTH = 64
_MOST_DIGITS = 400
# What begins a value, or the next one; texts are passed over whole, because such characters in them are none.
_NEXT = re.compile(rb'"[^"]*+(?:"|\Z)|[\[{,]')
_BEGIN = (b"[", b"{", b",")
_AT_ONCE = 500


async def parsed(data: bytes, most: int = MOST_VALUES) -> Any:
    """The data. Raises ValueError, in words that go behind the name of what it is, where it is no JSON or too much."""
    if sum(data.count(each) for each in _BEGIN) > most:
        # Mostly these are in texts.
        await _count(data, most)
    try:
        return _DECODER.decode(data.decode())
    except UnicodeDecodeError:
        raise ValueError("must be UTF-8") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"is not valid JSON: {error}") from None
    except RecursionError:
        raise ValueError(f"is nested more than {MOST_DEPTH} deep") from None


def is_deep(value: object, most: int = MOST_DEPTH) -> bool:
    """Whether something is nested deeper than so."""
    level = [value]
    for _ in range(most):
        inner: list[object] = []
        for each in level:
            if isinstance(each, dict):
                inner += each.values()
            elif isinstance(each, list):
                inner += each
        if not inner:
            return False
        level = inner
    return True


async def _count(data: bytes, most: int) -> None:
    pace, seen = Pace(), 0
    # Without what is escaped, a quote is the beginning or the end of a text.
    data = data.replace(b"\\\\", b"")
    await pace.turn()
    data = data.replace(b'\\"', b"")
    for number, found in enumerate(_NEXT.finditer(data)):
        seen += found.end() - found.start() == 1
        if seen > most:
            raise ValueError(f"has more than {most} values in it")
        if not number % _AT_ONCE:
            await pace.turn()


def _integer(text: str) -> int:
    if len(text) > _MOST_DIGITS:
        raise ValueError(f"has a number of more than {_MOST_DIGITS} digits")
    return int(text)


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"has a number that JSON does not have: {text}")


_DECODER = json.JSONDecoder(parse_int=_integer, parse_constant=_no_number)
