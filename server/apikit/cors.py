"""Origins: which web pages may call, as browsers name them in the `Origin` header."""

from __future__ import annotations

import re
from collections.abc import Sequence


class Origins:
    """The pages of these origins; a port of `*` stands for any, and for none."""

    def __init__(self, origins: Sequence[str] = ()) -> None:
        # For whoever compares elsewhere; each is for the whole of an origin.
        self.expressions = [_expression(each) for each in origins]
        self._any = re.compile("|".join(self.expressions) if self.expressions else "(?!)")

    def allow(self, origin: str) -> bool:
        """Whether pages of this origin may call."""
        return self._any.fullmatch(origin) is not None


def _expression(origin: str) -> str:
    if origin.endswith(":*"):
        return f"{re.escape(origin[:-2])}(:[0-9]+)?"
    return re.escape(origin)
