"""Examples of a document, as tables: what is asked, and what the answer must have."""

from __future__ import annotations

import re
from typing import Any

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


class HAS:
    """Stands for a list in which something is so."""

    def __init__(self, wanted: Any) -> None:
        self.wanted = wanted


def filled(value: Any, known: dict[str, str]) -> Any:
    """The value with what earlier answers said in the place of names in braces."""
    if isinstance(value, dict):
        return {key: filled(each, known) for key, each in value.items()}
    if isinstance(value, list):
        return [filled(each, known) for each in value]
    if isinstance(value, HAS):
        return HAS(filled(value.wanted, known))
    if isinstance(value, str):
        return re.sub(r"\{(\w+)\}", lambda found: known[found[1]], value)
    return value


def differs(wanted: Any, found: Any, path: str = "") -> list[str]:
    """Where an answer has not what it must have."""
    if isinstance(wanted, dict):
        if not isinstance(found, dict):
            return [f"{path}: {found!r}"]
        return [each for key in wanted for each in differs(wanted[key], found.get(key), f"{path}.{key}")]
    if isinstance(wanted, HAS):
        fits = isinstance(found, list) and any(not differs(wanted.wanted, each) for each in found)
        return [] if fits else [f"{path}: {found!r}"]
    if isinstance(wanted, list):
        if not isinstance(found, list) or len(found) != len(wanted):
            return [f"{path}: {found!r}"]
        pairs = enumerate(zip(wanted, found, strict=True))
        return [each for n, (one, other) in pairs for each in differs(one, other, f"{path}[{n}]")]
    if isinstance(wanted, re.Pattern):
        return [] if isinstance(found, str) and wanted.fullmatch(found) else [f"{path}: {found!r}"]
    if isinstance(wanted, type | tuple):
        return [] if isinstance(found, wanted) else [f"{path}: {found!r}"]
    return [] if wanted == found else [f"{path}: {found!r}"]
