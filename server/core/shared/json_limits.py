"""What a value may be that goes into or comes out of a task: plain JSON that every client reads back as it was."""

from __future__ import annotations

import math

MAX_DEPTH = 30
# Beyond this, a double — and so protobuf's JSON and JavaScript — cannot tell neighbouring integers apart.
MAX_INTEGER = 2**53


def problem_in(value: object, path: str) -> str | None:
    """Why a value cannot travel, beginning with the place in it; None where it can."""
    pending: list[tuple[object, str, int]] = [(value, path, 0)]
    while pending:
        each, place, depth = pending.pop()
        if depth > MAX_DEPTH:
            return f"{place[:200]}: nested more than {MAX_DEPTH} deep"
        if isinstance(each, dict):
            pending.extend((inner, f"{place}.{key}", depth + 1) for key, inner in each.items())
        elif isinstance(each, list):
            pending.extend((inner, f"{place}[{index}]", depth + 1) for index, inner in enumerate(each))
        elif isinstance(each, int) and abs(each) > MAX_INTEGER:
            return f"{place[:200]}: an integer beyond 2^53, which JSON readers round; use a string"
        elif isinstance(each, float) and not math.isfinite(each):
            return f"{place[:200]}: not a finite number"
    return None
