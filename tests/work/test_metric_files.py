"""Metrics of several processes: added up, never less, and kept of those that have ended, however they did."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from server.core.monitoring.metrics import Metrics
from server.errors import Unavailable
from server.work import metric_files
from server.work.metric_files import MetricFiles

PROGRAM = """
import asyncio, sys
from pathlib import Path
from server.core.monitoring.metrics import Metrics
from server.work.metric_files import MetricFiles

async def main():
    metrics = Metrics()
    metrics.counter("calls_total", "Calls").add(amount=float(sys.argv[2]))
    metrics.gauge("processes", "Processes", lambda: 1)
    files = MetricFiles(Path(sys.argv[1]), metrics)
    await files.start()
    await files.totals()
    print("written", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


class Process:
    """One process's metrics, in this one."""

    def __init__(self, folder: Path) -> None:
        metrics = Metrics()
        self.calls = metrics.counter("calls_total", "Calls")
        metrics.gauge("processes", "Processes", lambda: 1)
        self.files = MetricFiles(folder, metrics)

    async def seen(self) -> tuple[float, float]:
        found = {family.name: family.samples[()] for family in await self.files.totals()}
        return found["calls_total"], found["processes"]


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written but when somebody asks."""
    monkeypatch.setattr(metric_files, "WRITE_SECONDS", 3600.0)


def other(folder: Path, calls: int) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(folder), str(calls)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "written\n"
    return process


async def test_whoever_is_asked_says_what_all_have_counted(tmp_path: Path, slow) -> None:
    one, two = Process(tmp_path), Process(tmp_path)
    await one.files.start()
    await two.files.start()
    one.calls.add(amount=5)
    two.calls.add(amount=7)
    assert (await one.seen())[0] in (5, 12), "the other one may have to write yet"
    assert await two.seen() == (12, 2)
    one.calls.add()
    assert await one.seen() == (13, 2) and await two.seen() == (13, 2)
    await one.files.stop()
    assert await two.seen() == (13, 1), "what has ended has counted what it has, and has nothing any more"
    await two.files.stop()


async def test_what_was_said_once_is_never_less_when_a_process_is_killed(tmp_path: Path, slow) -> None:
    here = Process(tmp_path)
    await here.files.start()
    here.calls.add()
    for killed in range(1, 4):
        there = await asyncio.to_thread(other, tmp_path, 10)
        assert await here.seen() == (10 * killed + 1, 2)
        there.kill()
        there.wait()
        assert await here.seen() == (10 * killed + 1, 1)
        # Whoever starts puts together what the dead have left, and counts nothing twice.
        again = Process(tmp_path)
        await again.files.start()
        assert await again.seen() == (10 * killed + 1, 2)
        await again.files.stop()
    # Its own, what has ended, and the last `again`, which nobody has put together yet.
    assert len(list((tmp_path / "metrics").glob("*.json"))) == 3
    await here.files.stop()


async def test_a_process_that_is_killed_while_it_puts_the_dead_together_has_them_counted_once(
    tmp_path: Path, slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = Process(tmp_path)
    await dead.files.start()
    dead.calls.add(amount=4)
    await dead.files.stop()
    with monkeypatch.context() as patch:
        # It has written down what they counted, and does not come to remove what they left.
        patch.setattr(Path, "unlink", lambda *_, **__: (_ for _ in ()).throw(OSError("killed")))
        with pytest.raises(OSError, match="killed"):
            await Process(tmp_path).files.start()
    alive = Process(tmp_path)
    await alive.files.start()
    assert await alive.seen() == (4, 1)
    again = Process(tmp_path)
    await again.files.start()
    assert await again.seen() == (4, 2)
    await asyncio.gather(alive.files.stop(), again.files.stop())


async def test_many_that_ask_at_once_never_hear_less_than_before(tmp_path: Path, slow) -> None:
    processes = [Process(tmp_path) for _ in range(3)]
    await asyncio.gather(*(each.files.start() for each in processes))
    heard: list[float] = []

    async def ask(process: Process) -> None:
        for _ in range(20):
            process.calls.add()
            before = max(heard, default=0)
            calls = (await process.seen())[0]
            assert calls >= before
            heard.append(calls)

    await asyncio.gather(*(ask(each) for each in processes for _ in range(3)))
    assert (await processes[0].seen())[0] == 180
    await asyncio.gather(*(each.files.stop() for each in processes))


async def test_nobody_else_may_read_them(tmp_path: Path) -> None:
    process = Process(tmp_path / "run")
    await process.files.start()
    await process.files.stop()
    assert (tmp_path / "run" / "metrics").stat().st_mode & 0o077 == 0


async def test_half_files_of_a_machine_that_went_down_keep_nobody_from_starting(tmp_path: Path, slow) -> None:
    folder = tmp_path / "metrics"
    folder.mkdir()
    for name in ("ended", "01a1f8a3eb9d737397da3a7fa1cdb469"):
        (folder / f"{name}.json").write_bytes(b'[["calls_to')
    process = Process(tmp_path)
    await process.files.start()
    process.calls.add()
    assert await process.seen() == (1, 1)
    await process.files.stop()


async def test_a_folder_that_is_gone_is_said_and_less_than_all_is_not(tmp_path: Path, slow) -> None:
    process = Process(tmp_path)
    await process.files.start()
    process.calls.add()
    assert await process.seen() == (1, 1)
    shutil.rmtree(tmp_path / "metrics")
    process.calls.add()
    with pytest.raises(Unavailable):
        await process.seen()
    await process.files.stop()
