"""Figures as people read them: percentiles, markdown tables, and the tables' places in the README."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

README = Path(__file__).with_name("README.md")


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The value below or at which `percent` of `ordered` lie (nearest rank); 0 of nothing."""
    if not ordered:
        return 0.0
    return ordered[max(0, min(len(ordered) - 1, -int(-len(ordered) * percent // 100) - 1))]


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A markdown table: the first column to the left, figures to the right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def ms(milliseconds: float) -> str:
    """A duration with as many digits as mean something."""
    return f"{milliseconds:.2f} ms" if milliseconds < 10 else f"{milliseconds:.1f} ms"


def conditions() -> str:
    """Where and when these figures come from."""
    day = datetime.now(UTC).strftime("%Y-%m-%d")
    return f"{day}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def insert(text: str, tables: Mapping[str, str]) -> str:
    """`text` with each table between its markers, `<!-- name -->` and `<!-- /name -->`. Raises ValueError without."""
    for name, content in tables.items():
        opening, closing = f"<!-- {name} -->", f"<!-- /{name} -->"
        before, found, rest = text.partition(opening)
        _, ended, after = rest.partition(closing)
        if not found or not ended:
            raise ValueError(f"the README has no place for {name}")
        text = f"{before}{opening}\n\n{content}\n\n{closing}{after}"
    return text


def write(tables: Mapping[str, str]) -> None:
    """Puts the tables into the README."""
    README.write_text(insert(README.read_text(), tables))
