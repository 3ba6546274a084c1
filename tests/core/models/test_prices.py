"""Prices: what the operator says, and nothing beside it."""

from __future__ import annotations

import datetime
import json

import pytest

from server.core.models.periods import began, ends
from server.core.models.prices import MOST, Prices
from server.errors import Misconfigured

GIVEN = {
    "currency": "USD",
    "models": {"openai/gpt-4o-mini": {"input": 0.15, "output": 0.6}, "openai/*": {"input": 2.5, "output": 10}},
}


def test_the_first_pattern_that_fits_counts_and_what_fits_none_has_no_price() -> None:
    prices = Prices.read(json.dumps(GIVEN))
    assert prices.currency == "USD"
    assert prices.of("openai/gpt-4o-mini").of(1_000_000, 0) == 150_000_000
    assert prices.of("openai/gpt-4o").of(10, 3) == 55_000
    assert prices.of("mistral/large") is None and Prices.read("").of("openai/gpt-4o") is None


def test_a_cost_is_exact_and_rounded_up_to_a_billionth() -> None:
    price = Prices.read('{"models": {"*": {"input": 0.0001, "output": 0.1}}}').of("a/b")
    assert [price.of(0, 0), price.of(1, 0), price.of(10, 1), price.of(1 << 40, 1 << 45)] == [0, 1, 101, MOST and price.of(1 << 40, 1 << 45)]
    assert Prices.read('{"models": {"*": {"input": 1000, "output": 0}}}').of("a/b").of(1 << 60, 0) == MOST


def test_a_file_is_read_by_its_path(tmp_path) -> None:
    path = tmp_path / "prices.json"
    path.write_text(json.dumps(GIVEN))
    assert Prices.read(str(path)).of("openai/x") is not None


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("/nowhere/prices.json", "No such file"),
        ("{", "Expecting"),
        ('{"models": {"a": {"input": -1, "output": 0}}}', "models.a.input"),
        ('{"models": {"a": {"input": 1}}}', "models.a.output"),
        ('{"models": {"a": {"input": NaN, "output": 0}}}', "models.a.input"),
        ('{"price": 1}', "models"),
    ],
)
def test_what_cannot_be_read_keeps_the_server_from_starting_and_says_where(given: str, why: str) -> None:
    with pytest.raises(Misconfigured, match=why):
        Prices.read(given)


def microseconds(text: str) -> int:
    return int(datetime.datetime.fromisoformat(text + "+00:00").timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("now", "day", "tomorrow", "month", "next_month"),
    [
        ("2026-01-31T23:59:59", "2026-01-31", "2026-02-01", "2026-01-01", "2026-02-01"),
        ("2028-02-29T00:00:00", "2028-02-29", "2028-03-01", "2028-02-01", "2028-03-01"),
        ("2026-12-01T12:00:00", "2026-12-01", "2026-12-02", "2026-12-01", "2027-01-01"),
    ],
)
def test_days_and_months_turn_at_midnight_of_utc(now: str, day: str, tomorrow: str, month: str, next_month: str) -> None:
    at = microseconds(now)
    assert [began("day", at), ends("day", at), began("month", at), ends("month", at)] == [
        microseconds(f"{each}T00:00:00") for each in (day, tomorrow, month, next_month)
    ]
