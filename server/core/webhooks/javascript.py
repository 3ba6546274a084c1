"""JSON as JavaScript prints it: receivers verify what `JSON.stringify(JSON.parse(body))` gives them, to the byte."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from json.encoder import encode_basestring
from typing import Any

_LONE = re.compile("[\ud800-\udfff]")
_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_INDEX = re.compile("0|[1-9][0-9]{0,9}")
# Keys that are numbers up to this one come first, in their order.
_LAST_INDEX = 2**32 - 2
# Up to so many digits before the point, and zeros behind it, a number is written without an exponent.
_WHOLE, _FRACTION = 21, -6


def stringify(value: object) -> str:
    """Compact JSON of plain data, its keys in the order that JavaScript gives them. Raises TypeError for other data."""
    pieces: list[str] = []
    _write(value, pieces)
    return "".join(pieces)


def _write(value: Any, pieces: list[str]) -> None:
    if isinstance(value, str):
        pieces.append(_text(value))
    elif value is None or isinstance(value, bool):
        pieces.append({None: "null", True: "true", False: "false"}[value])
    elif isinstance(value, int | float):
        pieces.append(number(value))
    elif isinstance(value, Mapping):
        before = "{"
        for key, each in _ordered(value.items()):
            pieces.append(f"{before}{_text(key)}:")
            _write(each, pieces)
            before = ","
        pieces.append("}" if before == "," else "{}")
    elif isinstance(value, list | tuple):
        before = "["
        for each in value:
            pieces.append(before)
            _write(each, pieces)
            before = ","
        pieces.append("]" if before == "," else "[]")
    else:
        raise TypeError(f"{type(value).__name__} is no JSON")


def _ordered(items: Iterable[tuple[str, Any]]) -> Iterable[tuple[str, Any]]:
    indexes = [item for item in items if _is_index(item[0])]
    if not indexes:
        return items
    rest = [item for item in items if not _is_index(item[0])]
    return [*sorted(indexes, key=lambda item: int(item[0])), *rest]


def _is_index(key: str) -> bool:
    return key[:1].isdigit() and _INDEX.fullmatch(key) is not None and int(key) <= _LAST_INDEX


def _text(text: str) -> str:
    written = encode_basestring(text)
    if _LONE.search(written) is None:
        return written
    # Two halves beside each other are one character to JavaScript, and one alone is escaped.
    whole = _PAIR.sub(lambda found: found[0].encode("utf-16-le", "surrogatepass").decode("utf-16-le"), written)
    return _LONE.sub(lambda found: f"\\u{ord(found[0]):04x}", whole)


def number(value: float) -> str:
    """A number as JavaScript prints it: all of them are doubles there, and those without end are null."""
    try:
        double = float(value)
    except OverflowError:
        return "null"
    if not math.isfinite(double):
        return "null"
    if double == 0:
        return "0"
    # Both languages take the fewest digits that say which double it is; only how they are set out differs.
    mantissa, _, exponent = f"{abs(double)!r}".partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    # The number is 0.digits times ten to this power.
    point = int(exponent or 0) + (len(whole) if whole != "0" else len(digits) - len(fraction))
    digits = digits.rstrip("0")
    sign = "-" if double < 0 else ""
    if len(digits) <= point <= _WHOLE:
        return sign + digits.ljust(point, "0")
    if 0 < point <= _WHOLE:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if _FRACTION < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    tail = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{tail}e{point - 1:+d}"
