"""JSON of callers: what is taken, what is too much, and that nobody waits for either."""

from __future__ import annotations

import pytest

from server.raw_json import MOST_VALUES, is_deep, parsed
from tests.support.holds import BOUND, longest_hold

TWO = 2 << 20


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'{"a": [1, 2.5, null, true, "x,[{"]}', {"a": [1, 2.5, None, True, "x,[{"]}),
        (b'"\\ud83d\\ude00"', "😀"),
        (b"[" + b"1," * (MOST_VALUES - 2) + b"1]", [1] * (MOST_VALUES - 1)),
        (b'["' + b"a,[{" * 400_000 + b'"]', ["a,[{" * 400_000]),
        (b'["' + b'\\",' * 400_000 + b'"]', ['",' * 400_000]),
        (b'["' + b"\\\\" * 60_000 + b'","' + b",\\\\" * 60_000 + b'"]', ["\\" * 60_000, ",\\" * 60_000]),
    ],
)
async def test_what_is_json_is_read(data: bytes, value: object) -> None:
    assert await parsed(data) == value


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"[NaN]", "NaN"),
        (b'"\xff"', "UTF-8"),
        (b"[" * 30_000, "nested"),
        (b"[" + b"1," * MOST_VALUES + b"1]", "more than 50000 values"),
        (b"[" + b'"",' * MOST_VALUES + b"1]", "more than 50000 values"),
        (b"9" * 5000, "digits"),
    ],
)
async def test_what_is_none_or_too_much_is_said(data: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        await parsed(data)


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":"' + b"x, " * (TWO // 3) + b'"}',
        b'{"a":"' + b"\\n," * (TWO // 3) + b'"}',
        b'{"a":"' + b'\\",' * (TWO // 3) + b'"}',
        b"[" + b"[]," * (TWO // 3) + b"0]",
        b"[" + b'"",' * (TWO // 3) + b"0]",
        b'["' + b'\\",' * (TWO // 3),
        b"[" + b'{"abc":{}},' * 16_000 + b"1]",
        b"[" + (b"9" * 399 + b",") * 5000 + b"1]",
    ],
)
async def test_nobody_waits_for_two_megabytes(data: bytes) -> None:
    async with longest_hold() as held:
        try:
            await parsed(data)
        except ValueError:
            pass
    assert held.longest < BOUND


def test_what_is_nested_too_deep_is_seen() -> None:
    value: object = 1
    for _ in range(10):
        value = [{"a": value}]
    assert is_deep(value, 20) and not is_deep(value, 21)
