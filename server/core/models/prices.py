"""What language models cost, as the operator says: nothing is known of a price that he has not given."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from server.errors import Misconfigured

# Costs are kept in billionths of the currency's unit.
NANOS = 1_000_000_000
# Nothing that adds up a few thousand of these gets too large for the store.
MOST = 1 << 50
# Prices are of so many tokens.
_TOKENS = 1_000_000


class _Price(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    input: Decimal = Field(ge=0, le=1_000_000)
    output: Decimal = Field(ge=0, le=1_000_000)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    currency: str = Field("", max_length=20)
    models: dict[str, _Price]


@dataclass(frozen=True, slots=True)
class Price:
    """Of a million tokens of prompts, and of answers, in the currency's unit."""

    input: Decimal
    output: Decimal

    def of(self, input_tokens: int, output_tokens: int) -> int:
        """What so many tokens cost, in billionths of the currency's unit, rounded up."""
        exact = (self.input * input_tokens + self.output * output_tokens) * (NANOS // _TOKENS)
        return min(int(exact.to_integral_value(ROUND_CEILING)), MOST)


class Prices:
    """The prices of models by patterns of `provider/model`, of which the first that fits counts."""

    def __init__(self, prices: Sequence[tuple[str, Price]] = (), currency: str = "") -> None:
        self._prices = tuple(prices)
        # Such as USD; empty where the operator has not said.
        self.currency = currency
        self.of = lru_cache(1024)(self._find)

    @classmethod
    def read(cls, given: str) -> Self:
        """Of the setting MODEL_PRICES: a JSON object, or the path of a file with one; empty for none.

        Raises Misconfigured.
        """
        if not given.strip():
            return cls()
        try:
            text = given if given.lstrip().startswith("{") else Path(given).read_text("utf-8")
            # Numbers as they are written: a price of 0.1 is a tenth.
            said = _File.model_validate(json.loads(text, parse_float=Decimal))
        except (OSError, ValueError) as error:
            problem = error.errors()[0] if isinstance(error, ValidationError) else None
            where = ".".join(map(str, problem["loc"])) if problem else ""
            why = f"{where}: {problem['msg']}" if problem else str(error)
            raise Misconfigured(f"MODEL_PRICES cannot be read: {why}") from None
        return cls([(name, Price(each.input, each.output)) for name, each in said.models.items()], said.currency)

    def _find(self, model: str) -> Price | None:
        """The price of a model, `provider/model`; None where none is known."""
        return next((price for pattern, price in self._prices if fnmatchcase(model, pattern)), None)


def as_number(nanos: int | None) -> float | None:
    """A cost as people write it."""
    return nanos / NANOS if nanos is not None else None


def nanos_of(cost: float) -> int:
    """A cost that somebody has written, as it is kept."""
    return round(Decimal(str(cost)) * NANOS)
