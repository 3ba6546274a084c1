"""Start: how long `orchestrator up` takes until it says that it is ready."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.report import table
from benchmarks.scale import Scale
from benchmarks.servers import orchestrator

TITLE = "Start"


async def run(scale: Scale) -> str:
    """The table."""
    times = scale.of(5, 2, 1)
    first: list[float] = []
    again: list[float] = []
    for _ in range(times):
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary) / "ours"
            first.append(await _seconds(folder))
            again.append(await _seconds(folder))
    header = ["", f"median of {times}", "shortest", "longest"]
    rows = [("empty data folder", first), ("existing data folder", again)]
    return table(header, [[what, *(f"{value:.2f} s" for value in (median(s), min(s), max(s)))] for what, s in rows])


async def _seconds(folder: Path) -> float:
    began = time.perf_counter()
    async with orchestrator(folder):
        return time.perf_counter() - began
