"""Runs hostile programs, all or those that are named, in a sandbox and in a plain process, and prints what came of it as JSON."""

import asyncio
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import fields
from pathlib import Path
from typing import Any

from server import values
from server.work.sandbox import Job, Limits, Sandboxes
from tests.support.hostile_programs import PRELUDE, PROGRAMS, SYSCALLS, Program

PROJECT = Path(__file__).resolve().parents[2]

_CONTROL = "import json, sys; exec(sys.argv[1]); print(); print(json.dumps(f(json.loads(sys.argv[2]))), flush=True)"
_CONTROL_SECONDS = 10


def code(program: Program) -> str:
    """The module that is run, the same in both places."""
    return f"{PRELUDE}\ndef f(t):\n    {program.body}\n    return 'reached'\n"


def descendants() -> int:
    """How many processes below this one live, zombies included."""
    parents: dict[int, int] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                parents[int(entry)] = int(Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()[1])
    below = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in below} - below:
        below |= more
    return len(below) - 1


class Targets:
    """Harmless things to attack, made for the purpose and taken down afterwards."""

    def __init__(self) -> None:
        self.data = Path(tempfile.mkdtemp(prefix="gauntlet-"))
        (self.data / "secret").write_text("secret")
        self._sockets: list[socket.socket] = []
        self.common: dict[str, Any] = {
            "secret": str(self.data / "secret"),
            "data": str(self.data),
            "source": str(PROJECT / "server/work/sandbox/bootstrap.py"),
            "packages": next((path for path in sys.path if path.endswith("site-packages")), ""),
            "python": os.path.realpath(sys.executable),
            "port": self._listen(socket.AF_INET, ("127.0.0.1", 0)).getsockname()[1],
            "unix": self._listen(socket.AF_UNIX, str(self.data / "socket")).getsockname(),
            "abstract": f"gauntlet-{os.getpid()}",
            "datagram": f"gauntlet-datagram-{os.getpid()}",
            "nr": SYSCALLS,
        }
        self._listen(socket.AF_UNIX, "\0" + self.common["abstract"])
        datagrams = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        datagrams.bind("\0" + self.common["datagram"])
        self._sockets.append(datagrams)
        self._victim = subprocess.Popen(["sleep", "600"])
        self.common["victim"] = self._victim.pid
        self.processes = descendants()

    def _listen(self, family: int, address: Any) -> socket.socket:
        listener = socket.socket(family)
        listener.bind(address)
        listener.listen(64)
        self._sockets.append(listener)
        return listener

    def inside(self) -> dict[str, Any]:
        """What a sandboxed program is aimed at."""
        return self.common | {"folder": "/tmp", "writable": os.path.realpath(os.__file__), "top": "/", "forks": 10_000}

    def outside(self) -> dict[str, Any]:
        """What a control is aimed at: a copy where the original must not suffer."""
        folder = Path(tempfile.mkdtemp(dir=self.data))
        (folder / "file").write_text("")
        return self.common | {"folder": str(folder), "writable": str(folder / "file"), "top": str(folder), "forks": 5}

    def close(self) -> None:
        self._victim.kill()
        self._victim.wait()
        for listener in self._sockets:
            listener.close()
        shutil.rmtree(self.data, ignore_errors=True)


def control(program: Program, targets: Targets) -> str:
    """What the program comes to in a plain process."""
    reading, writing = os.pipe()
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-c", _CONTROL, code(program), json.dumps(targets.outside())],
            capture_output=True,
            timeout=_CONTROL_SECONDS,
            pass_fds=(writing,),
            start_new_session=True,
        )
    except subprocess.TimeoutExpired:
        return "took too long"
    finally:
        os.close(reading)
        os.close(writing)
    if done.stdout.rstrip().endswith(b'"reached"'):
        return "reached"
    return done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2] or f"status {done.returncode}"


async def attack(sandboxes: Sandboxes, program: Program, targets: Targets) -> dict[str, Any]:
    """What the program comes to in a sandbox, how long that takes and whether a process is left."""
    types = {each.name: type(each.default) for each in fields(Limits)}
    limits: dict[str, Any] = {name: types[name](value) for name, value in program.limits.items()}
    limits = {"wall_seconds": 4.0, "cpu_seconds": 3, **limits}
    begun = time.perf_counter()
    outcome = await sandboxes.run(
        Job(
            code=code(program), entry="f", style="whole", input=values.encode(targets.inside()), limits=Limits(**limits)
        )
    )
    seconds = time.perf_counter() - begun
    deadline = time.monotonic() + 3
    while (left := descendants() - targets.processes) and time.monotonic() < deadline:
        await asyncio.sleep(0.01)
    return {
        "output": None if outcome.output is None else values.decode(outcome.output),
        "failure": None if outcome.failure is None else outcome.failure.type,
        "message": "" if outcome.failure is None else outcome.failure.message,
        "stdout": len(outcome.stdout),
        "seconds": seconds,
        "left": left,
    }


async def main() -> None:
    """Print the isolation, and the results by program."""
    sandboxes = Sandboxes(prewarmed=0, concurrency=1)
    await sandboxes.start()
    report: dict[str, Any] = {"user": os.getuid(), "unavailable": sandboxes.unavailable, "programs": {}}
    report["isolation"] = sandboxes.isolation
    if sandboxes.unavailable is None:
        targets = Targets()
        try:
            for name in sys.argv[1:] or PROGRAMS:
                program = PROGRAMS[name]
                result = await attack(sandboxes, program, targets)
                report["programs"][name] = {**result, "control": control(program, targets)}
        finally:
            await sandboxes.close()
            targets.close()
    report["left"] = descendants()
    sys.stdout.write(json.dumps(report))


if __name__ == "__main__":
    asyncio.run(main())
