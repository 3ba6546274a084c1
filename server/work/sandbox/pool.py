"""The pool of prepared sandboxes: each is used once and replaced, and runs are bounded in number."""

import asyncio
import contextlib
import shutil
import tempfile
import time
from collections import OrderedDict, deque
from pathlib import Path

from server import values
from server.work.sandbox.job import Job, Limits, Outcome, SandboxUnavailable
from server.work.sandbox.launch import Confinement, Isolation, framed, obstacle, packages
from server.work.sandbox.process import Sandbox
from server.work.sandbox.verdict import FAILURE_BYTES, judge

# How many confinements keep a prepared sandbox: those used last.
_SHELVES = 8
_START_SECONDS = 20.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 30.0
_SLOTS = 4096


class Sandboxes:
    """Runs user code, each job in a process of its own that sees nothing of the service."""

    def __init__(
        self, *, prewarmed: int = 4, concurrency: int = 4, unsandboxed: bool = False, scratch: Path | None = None
    ) -> None:
        self._prewarmed = prewarmed
        self._places = asyncio.Semaphore(concurrency)
        self._unsandboxed = unsandboxed
        self._scratch = scratch
        self._isolation = Isolation.NONE
        self._shelves: OrderedDict[Confinement, deque[Sandbox]] = OrderedDict()
        self._living: set[Sandbox] = set()
        self._slots = deque(range(_SLOTS))
        self._tasks: set[asyncio.Task[None]] = set()
        self._failed_starts = 0
        # How many have been started, for metrics.
        self.starts = 0
        self._refill: asyncio.TimerHandle | None = None
        self._closed = False
        self.unavailable: str | None = "the sandboxes have not been started"

    @property
    def isolation(self) -> str:
        """How user code is kept apart from the service."""
        return self._isolation.value

    def why_unavailable(self) -> str | None:
        """Why no sandbox can be run now; None where they can."""
        return self.unavailable

    async def start(self) -> None:
        """Find out how sandboxes can be run here and prepare the first ones; `unavailable` says if they cannot."""
        ways = [Isolation.NONE] if self._unsandboxed else [Isolation.PRIVILEGED, Isolation.USER_NAMESPACE]
        complaints = []
        for way in ways:
            complaint = obstacle(way) or await self._try(way)
            if complaint is None:
                self.unavailable = None
                self._shelf(Confinement.of(None, Limits()))
                self._fill_soon()
                return
            complaints.append(f"{way.value}: {complaint}")
        self._isolation = Isolation.NONE
        self.unavailable = "user code cannot be run here: " + "; ".join(complaints)

    async def run(self, job: Job) -> Outcome:
        """Run one job to its end, whatever that is."""
        async with self._places:
            if self._closed or self.unavailable is not None:
                raise SandboxUnavailable(self.unavailable or "the sandboxes are closed")
            sandbox = await self._take(Confinement.of(job.environment, job.limits))
            try:
                return await self._run_in(sandbox, job)
            except asyncio.CancelledError:
                await sandbox.stop()
                raise
            finally:
                sandbox.kill()
                # After the caller has its result: a start keeps a processor busy for a while.
                self._fill_soon()

    async def close(self) -> None:
        """Kill every sandbox and wait until nothing is left of them."""
        self._closed = True
        if self._refill is not None:
            self._refill.cancel()
        self._shelves.clear()
        await asyncio.gather(*(sandbox.stop() for sandbox in tuple(self._living)))
        await asyncio.gather(*self._tasks)

    async def _run_in(self, sandbox: Sandbox, job: Job) -> Outcome:
        limits = job.limits
        message = {
            "code": job.code,
            "entry": job.entry,
            "style": job.style,
            "input": job.input,
            "environment": packages(self._isolation, job.environment),
            "result_bytes": limits.result_bytes,
            "traceparent": job.traceparent,
        }
        begun = time.perf_counter()
        end = await sandbox.run(
            framed(message),
            job.answer,
            wall_seconds=limits.wall_seconds,
            output_bytes=limits.output_bytes,
            result_bytes=limits.result_bytes + FAILURE_BYTES,
        )
        duration = time.perf_counter() - begun
        output, failed = judge(sandbox, end, limits, self._isolation, duration)
        return Outcome(
            output=output,
            failure=failed,
            stdout=sandbox.stdout.text(),
            stderr=sandbox.stderr.text(),
            duration_ms=duration * 1000,
        )

    async def _take(self, confinement: Confinement) -> Sandbox:
        """A sandbox for one job: a prepared one, else one that is starting, else a new one."""
        shelf = self._shelf(confinement)
        complaint = ""
        for _ in range(self._prewarmed + 2):
            sandbox = self._pick(shelf) or self._start(confinement)
            try:
                await _until_ready(sandbox)
                return sandbox
            except asyncio.CancelledError:
                await sandbox.stop()
                raise
            except (OSError, TimeoutError) as error:
                sandbox.kill()
                complaint = str(error) or "it was not ready in time"
                if not shelf:
                    break
        raise SandboxUnavailable(f"a sandbox could not be started: {complaint}")

    def _pick(self, shelf: deque[Sandbox]) -> Sandbox | None:
        """One that is ready, else the one that has been starting longest; never one that died while it waited."""
        starting = (sandbox for sandbox in shelf if not sandbox.ready.done())
        chosen = next((sandbox for sandbox in shelf if sandbox.fit), None) or next(starting, None)
        if chosen is not None:
            shelf.remove(chosen)
        return chosen

    def _shelf(self, confinement: Confinement) -> deque[Sandbox]:
        """Where prepared sandboxes of this kind wait; the kinds used longest ago lose theirs."""
        shelf = self._shelves.setdefault(confinement, deque())
        self._shelves.move_to_end(confinement)
        while len(self._shelves) > _SHELVES:
            for sandbox in self._shelves.popitem(last=False)[1]:
                sandbox.kill()
        return shelf

    def _fill_soon(self) -> None:
        if not self._closed and self._refill is None:
            pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**self._failed_starts) if self._failed_starts else 0.0
            self._refill = asyncio.get_running_loop().call_later(pause, self._fill)

    def _fill(self) -> None:
        """Start one that is missing; the next follows when it is ready, so that a refill busies one processor."""
        self._refill = None
        for confinement, wanted in self._wanted():
            shelf = self._shelves[confinement]
            if len(shelf) < wanted:
                try:
                    shelf.append(self._start(confinement))
                except OSError:
                    self._failed_starts += 1
                    self._fill_soon()
                return

    def _wanted(self) -> list[tuple[Confinement, int]]:
        """How many of each kind should wait: the usual number of the bare kind used last, one of every other."""
        kinds = list(reversed(self._shelves))
        bare = next((kind for kind in kinds if kind.environment is None), None)
        return [(kind, self._prewarmed if kind is bare else min(1, self._prewarmed)) for kind in kinds]

    def _start(self, confinement: Confinement) -> Sandbox:
        folder = None
        if self._isolation is Isolation.NONE:
            folder = Path(tempfile.mkdtemp(prefix="run-", dir=self._scratch))
        slot = self._slots.popleft()
        try:
            sandbox = Sandbox(self._isolation, confinement, slot=slot, folder=folder)
        except BaseException:
            self._slots.append(slot)
            if folder is not None:
                folder.rmdir()
            raise
        self._living.add(sandbox)
        self.starts += 1
        task = asyncio.get_running_loop().create_task(self._attend(sandbox))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return sandbox

    async def _attend(self, sandbox: Sandbox) -> None:
        """See a sandbox from its start to its end."""
        with contextlib.suppress(OSError):
            await asyncio.shield(sandbox.ready)
        if not sandbox.ready.done() or sandbox.ready.exception() is None:
            self._failed_starts = 0
        else:
            self._failed_starts = min(self._failed_starts + 1, 16)
        self._fill_soon()
        await asyncio.shield(sandbox.gone)
        self._living.discard(sandbox)
        self._slots.append(sandbox.slot)
        for shelf in self._shelves.values():
            if sandbox in shelf:
                # It died while it waited; if that goes on, replacements wait longer and longer.
                shelf.remove(sandbox)
                self._failed_starts = min(self._failed_starts + 1, 16)
                self._fill_soon()
        if sandbox.folder is not None:
            await asyncio.to_thread(shutil.rmtree, sandbox.folder, True)

    async def _try(self, way: Isolation) -> str | None:
        """Why this way does not work here, or None: a sandbox is started and a job run in it."""
        self._isolation = way
        confinement = Confinement.of(None, Limits())
        try:
            sandbox = self._start(confinement)
        except OSError as error:
            return str(error)
        try:
            await _until_ready(sandbox)
            outcome = await self._run_in(
                sandbox, Job(code="def f(): return 1", entry="f", style="none", input=values.NULL)
            )
            return None if outcome.output == values.encode(1) else f"{outcome.failure} {outcome.stderr}"
        except (OSError, TimeoutError) as error:
            return str(error) or "a first sandbox was not ready in time"
        finally:
            await sandbox.stop()


async def _until_ready(sandbox: Sandbox) -> None:
    """Waits until it is fit for a job. Raises OSError where it never will be, TimeoutError where that takes too long.

    `wait_for` would not do: up to Python 3.11 it forgets a cancellation that comes when what it waits for is done.
    """
    async with asyncio.timeout(_START_SECONDS):
        await asyncio.shield(sandbox.ready)
