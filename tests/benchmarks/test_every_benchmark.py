"""Every benchmark runs, with sizes whose figures mean nothing: what it measures, and what it compares with, are there."""

from __future__ import annotations

import pytest

from benchmarks.report import README, insert
from benchmarks.scale import Scale

# How many lines of figures each table has.
LINES = {
    "rest": 4,
    "execute": 3,
    "start": 2,
    "streams": 2,
    "dispatch": 2,
    "claims": 2,
    "sockets": 1,
    "industrial": 6,
    "unread": 2,
    "webhooks": 5,
    "upload": 3,
    "knowledge": 5,
    "chat": 5,
}
# Those that `make test` runs, too: REST with its peer, and one that needs no gateway.
QUICK = frozenset({"rest", "claims"})


# One of them starts five servers, two of which read with a model.
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in LINES]
)
async def test_a_benchmark_runs_and_has_a_place_for_its_table(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    # What they compare with takes a second to import, which every process of the tests would spend.
    from benchmarks.__main__ import BENCHMARKS, run

    assert BENCHMARKS.keys() == LINES.keys()
    tables = await run([name], Scale.TINY)
    printed = capsys.readouterr().out
    for reason in ("does not answer", "is not empty"):
        if reason in printed:
            pytest.skip(next(line for line in printed.splitlines() if reason in line))
    lines = [line for line in tables[name].splitlines() if line.startswith("| ") and "---" not in line]
    headers = 2 if name == "dispatch" else 1
    assert len(lines) - headers == LINES[name]
    assert "–" not in tables[name]
    assert tables[name] in insert(README.read_text(), tables)
