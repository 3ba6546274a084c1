"""The metrics of all server processes of this machine: each writes down its own, and whoever is asked adds them up.

In the folder are, of each process, its metrics and a lock that it has for as long as it lives; what those that have
ended have counted, in one file; and a lock for reading and for putting that file together.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import structlog

from server.core.monitoring.metrics import Family, Metrics, added, from_plain, lasting, plain
from server.errors import Unavailable
from server.model import new_id
from server.private_files import own_folder, private_folder
from server.store.forever import forever

WRITE_SECONDS = 2.0
_ENDED, _READING = "ended", "reading"
log = structlog.get_logger()


class MetricFiles:
    """One process's."""

    def __init__(self, run_dir: Path, metrics: Metrics) -> None:
        self._run_dir = run_dir
        self._folder = run_dir / "metrics"
        self._metrics = metrics
        self._id = new_id()
        self._alive: int | None = None
        self._written = b""
        # What is older must not be written over what is newer.
        self._writing = asyncio.Lock()

    async def start(self) -> None:
        """Begins to write. Raises Misconfigured where nothing can be written."""
        await asyncio.to_thread(self._open)
        self._loop = asyncio.create_task(forever("metrics", self._run))

    async def stop(self) -> None:
        """Leaves behind what was counted."""
        self._loop.cancel()
        await asyncio.gather(self._loop, return_exceptions=True)
        with suppress(OSError):
            await self._write()
        if self._alive is not None:
            os.close(self._alive)

    async def totals(self) -> Sequence[Family]:
        """What all have counted, and what those that live have.

        What is said of this process is written first: nobody may say less of it later, be this process killed.
        Raises Unavailable: less than all would be taken for a beginning from zero.
        """
        try:
            own = await self._write()
            return await asyncio.to_thread(lambda: added([own, *self._others()]))
        except OSError as error:
            log.warning("metrics cannot be put together", error=repr(error))
            raise Unavailable("the metrics of this machine's processes cannot be read now; try again") from error

    async def _run(self) -> None:
        while True:
            await self._write()
            await asyncio.sleep(WRITE_SECONDS)

    async def _write(self) -> list[Family]:
        async with self._writing:
            families = self._metrics.families()
            await asyncio.to_thread(self._put, families)
        return families

    def _put(self, families: Sequence[Family]) -> None:
        data = json.dumps(plain(families), separators=(",", ":")).encode()
        if data != self._written:
            _replace(self._file(self._id), data)
            self._written = data

    def _open(self) -> None:
        """Takes the lock that says that this process lives, and puts together what the dead have left."""
        own_folder(self._run_dir)
        private_folder(self._folder)
        self._alive = os.open(self._lock(self._id), os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(self._alive, fcntl.LOCK_EX)
        with self._reading(fcntl.LOCK_EX):
            ended, taken = self._ended()
            dead = [each for each in self._processes() if each in taken or not self._lives(each)]
            left = [lasting(self._read(each)) for each in dead if each not in taken]
            # With their names: a process that is killed before it has removed them must not have them counted twice.
            _replace(self._file(_ENDED), json.dumps([dead, plain(added([ended, *left]))]).encode())
            for each in dead:
                self._file(each).unlink(missing_ok=True)
                self._lock(each).unlink(missing_ok=True)

    def _others(self) -> list[list[Family]]:
        with self._reading(fcntl.LOCK_SH):
            ended, taken = self._ended()
            found = [ended]
            for each in self._processes():
                if each not in taken:
                    families = self._read(each)
                    found.append(families if self._lives(each) else lasting(families))
        return found

    def _processes(self) -> list[str]:
        """Those that have written, but for this one."""
        found = (path.stem for path in self._folder.glob("*.json"))
        return [each for each in found if each not in (_ENDED, self._id)]

    def _lives(self, process: str) -> bool:
        try:
            trial = os.open(self._lock(process), os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(trial, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(trial)
        return False

    def _ended(self) -> tuple[list[Family], Sequence[str]]:
        """What those have counted that have ended, and whose files are in it."""
        try:
            taken, families = json.loads(self._file(_ENDED).read_bytes())
            return from_plain(families), taken
        except FileNotFoundError:
            return [], []
        except ValueError as error:
            # Only a machine that went down leaves half a file, and with it all processes began anew.
            log.warning("what ended processes counted cannot be read", error=repr(error))
            return [], []

    def _read(self, process: str) -> list[Family]:
        try:
            return from_plain(json.loads(self._file(process).read_bytes()))
        except ValueError as error:
            log.warning("what a process counted cannot be read", process=process, error=repr(error))
            return []

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.json"

    def _lock(self, name: str) -> Path:
        return self._folder / f"{name}.lock"

    @contextmanager
    def _reading(self, how: int) -> Iterator[None]:
        lock = os.open(self._lock(_READING), os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(lock, how)
            yield
        finally:
            os.close(lock)


def _replace(path: Path, data: bytes) -> None:
    """Writes a file that is there as a whole or not at all."""
    new = path.with_suffix(".new")
    new.write_bytes(data)
    new.replace(path)
