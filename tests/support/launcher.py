"""Starts `orchestrator` as a copy of a process that has loaded it: to load it takes three times as long as to start it.

What a copy does is what the command does. Tests of the installation, and of what the command makes of its arguments, run
the command itself.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import IO, Any

ORCHESTRATOR = str(Path(sys.executable).parent / "orchestrator")


class Started:
    """A process as `subprocess.Popen` would have it, as far as tests ask."""

    def __init__(self, pid: int, stdout: IO[str], told: socket.socket) -> None:
        self.pid = pid
        self.stdout = stdout
        self.returncode: int | None = None
        self._told = told

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._wait(0)

    def wait(self, timeout: float | None = None) -> int:
        """The exit code. Raises TimeoutExpired."""
        code = self._wait(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(ORCHESTRATOR, timeout or 0)
        return code

    def _wait(self, seconds: float | None) -> int | None:
        if self.returncode is None and select.select([self._told], [], [], seconds)[0]:
            self.returncode = int(self._told.recv(100))
            self._told.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Nothing where it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)


def start(arguments: Sequence[str], stderr: IO[str], environment: Mapping[str, str]) -> Started:
    """`orchestrator` with these arguments, whose standard output is to be read."""
    read, write = os.pipe()
    ours, its = socket.socketpair()
    request = json.dumps({"arguments": [ORCHESTRATOR, *arguments], "environment": dict(environment), "folder": os.getcwd()})
    try:
        socket.send_fds(_launcher(), [request.encode()], [write, stderr.fileno(), its.fileno()])
        pid = int(ours.recv(100))
    finally:
        os.close(write)
        its.close()
    return Started(pid, os.fdopen(read), ours)


@cache
def _launcher() -> socket.socket:
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, "-m", __name__, str(its.fileno())]
    process = subprocess.Popen(command, pass_fds=[its.fileno()], cwd=Path(__file__).parents[2])
    its.close()

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def _main(requests: socket.socket) -> None:
    """Serves until the socket is closed: one message a process, answered with its id and, at its end, its code."""
    before = dict(os.environ)
    gc.disable()
    from server.cli import main  # noqa: F401
    from server.running.forks import fork
    from server.running.supervisor import _load

    _load()
    own = {name: value for name, value in os.environ.items() if name not in before}
    running: dict[int, socket.socket] = {}
    heard, told = socket.socketpair()
    told.setblocking(False)
    signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while True:
        ready, _, _ = select.select([requests, heard], [], [])
        if heard in ready:
            heard.recv(4096)
            for pid in tuple(running):
                ended, status = os.waitpid(pid, os.WNOHANG)
                if ended:
                    running.pop(pid).sendall(str(os.waitstatus_to_exitcode(status)).encode())
        if requests in ready:
            request, files, _, _ = socket.recv_fds(requests, 1 << 20, 3)
            if not request:
                return
            stdout, stderr, its = files
            pid = fork("orchestrator", partial(_be_command, json.loads(request), own, stdout, stderr))
            for each in (stdout, stderr):
                os.close(each)
            running[pid] = socket.socket(fileno=its)
            running[pid].sendall(str(pid).encode())


def _be_command(request: Any, own: Mapping[str, str], stdout: int, stderr: int) -> int:
    os.dup2(stdout, 1)
    os.dup2(stderr, 2)
    os.closerange(3, 256)
    os.environ.clear()
    os.environ.update({**own, **request["environment"]})
    os.chdir(request["folder"])
    sys.argv = request["arguments"]
    sys.orig_argv = [sys.executable, *request["arguments"]]
    gc.enable()
    from server.cli import main

    try:
        main()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0


if __name__ == "__main__":
    _main(socket.socket(fileno=int(sys.argv[1])))
