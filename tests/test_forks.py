"""Copies of a process: what they take along, how they end, and what loading a server leaves behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

ALONE = """
import os, signal, sys, time
from server.running.forks import Signals, fork

def ended(process):
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])

def sleeps():
    os.write(1, b"sleeps\\n")
    time.sleep(60)
    return 0

"""


def said(program: str) -> list[str]:
    """The lines that a program writes which may fork, as this process may not."""
    run = subprocess.run([sys.executable, "-c", ALONE + program], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    return [*run.stdout.splitlines(), *run.stderr.splitlines()[-1:]]


def test_a_copy_ends_with_the_code_of_what_it_does_and_never_goes_on() -> None:
    program = "print('once')\nprint(ended(fork('copy', lambda: 7)))\nprint(ended(fork('copy', lambda: sys.exit(3))), ended(fork('copy', lambda: 1 / 0)))\n"
    assert said(program) == ["once", "7", f"{os.EX_SOFTWARE} {os.EX_SOFTWARE}", "ZeroDivisionError: division by zero"]


def test_a_copy_hears_signals_as_a_new_process_does_and_its_parent_is_not_told() -> None:
    program = """
with Signals() as signals:
    process = fork("copy", sleeps)
    time.sleep(0.5)
    os.kill(process, signal.SIGTERM)
    signals.wait(10)
    print(ended(process), signals.stopping)
    # However soon the signal comes, it is the copy that it ends.
    ends = set()
    for _ in range(50):
        process = fork("copy", lambda: time.sleep(60) or 0)
        os.kill(process, signal.SIGINT)
        ends.add(ended(process))
    print(ends, signals.stopping)
    os.kill(os.getpid(), signal.SIGTERM)
    signals.wait(10)
    print(signals.stopping)
"""
    assert said(program) == ["sleeps", f"{-signal.SIGTERM} False", f"{{{-signal.SIGINT}}} False", "True"]


def test_the_end_of_a_child_is_heard_at_once_also_when_it_came_before() -> None:
    program = """
with Signals() as signals:
    began = time.monotonic()
    process = fork("copy", lambda: 0)
    time.sleep(0.5)
    signals.wait(30)
    print(time.monotonic() - began < 10, ended(process))
    began = time.monotonic()
    signals.wait(0.2)
    print(time.monotonic() - began < 10)
"""
    assert said(program) == ["True 0", "True"]


def test_a_copy_does_not_outlive_its_parent() -> None:
    program = ALONE + "os.write(1, b'%d\\n' % fork('copy', sleeps)); time.sleep(60)"
    running = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    lines = {running.stdout.readline().strip() for _ in range(2)}
    (process,) = (int(line) for line in lines if line.isdigit())
    running.kill()
    running.wait()
    # The pipe's other end is the copy's.
    assert running.stdout.read() == ""
    running.stdout.close()
    deadline = time.monotonic() + 10
    while os.path.exists(f"/proc/{process}/stat") and open(f"/proc/{process}/stat").read().split()[2] != "Z":
        assert time.monotonic() < deadline


def test_what_servers_are_made_of_starts_nothing_that_a_copy_would_lack() -> None:
    program = """
before = set(os.listdir("/proc/self/fd"))
from server.running.supervisor import _load
_load()
import asyncio, threading
print(os.listdir("/proc/self/task") == [str(os.getpid())], threading.active_count())
print(sorted(os.readlink(f"/proc/self/fd/{each}") for each in set(os.listdir("/proc/self/fd")) - before if os.path.exists(f"/proc/self/fd/{each}")))
from server import app
from server.running import process
print(all(f"server.apis.{each}.services" in sys.modules for each in ("native", "coordinaitor", "industrial")))
"""
    assert said(program) == ["True 1", "[]", "True"]


def test_a_copy_never_goes_on_also_where_nobody_reads_what_it_says() -> None:
    program = """
reads, writes = os.pipe()
kept = os.dup(1)
os.dup2(writes, 1), os.dup2(writes, 2)
os.close(reads), os.close(writes)
print("x" * 100)
codes = ended(fork("copy", lambda: print("y" * 100) or 5)), ended(fork("copy", lambda: 1 / 0))
sys.stdout = sys.stderr = None
codes += (ended(fork("copy", lambda: 6)),)
os.write(kept, f"{codes}".encode())
os._exit(0)
"""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    run = subprocess.run([sys.executable, "-c", ALONE + program], capture_output=True, text=True, timeout=60, env=environment)
    assert run.stdout == f"(5, {os.EX_SOFTWARE}, 6)", run.stderr


def test_signals_that_were_blocked_before_are_heard() -> None:
    program = """
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD, signal.SIGTERM})
with Signals() as signals:
    began = time.monotonic()
    print(ended(fork("copy", lambda: os.kill(os.getpid(), signal.SIGTERM) or 1)))
    signals.wait(30)
    print(time.monotonic() - began < 20)
print(sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())) == [signal.SIGTERM, signal.SIGCHLD])
"""
    assert said(program) == [f"{-signal.SIGTERM}", "True", "True"]


def test_what_is_long_is_left_when_the_process_is_to_stop() -> None:
    program = """
from server.running.forks import Stopped
for before in (True, False):
    with Signals() as signals:
        if before:
            os.kill(os.getpid(), signal.SIGINT)
        else:
            fork("copy", lambda: time.sleep(0.3) or os.kill(os.getppid(), signal.SIGTERM) or 0)
        try:
            with signals.interrupting():
                time.sleep(30)
        except Stopped:
            print("left")
        os.kill(os.getpid(), signal.SIGTERM)
        print(signals.stopping)
"""
    assert said(program) == ["left", "True", "left", "True"]


def test_a_supervisor_outlives_children_that_end_at_once_and_those_that_cannot_be_started() -> None:
    program = """
from server.running import supervisor
supervisor.RESTART_SECONDS = 0.05
with Signals() as signals:
    some = supervisor._Supervisor.__new__(supervisor._Supervisor)
    some._signals, some._hopeless = signals, False
    some._gateway = supervisor._Child("a", lambda: 1)
    some._servers = [supervisor._Child(name, lambda: time.sleep(0.001) or 1) for name in "bcdefg"]
    real, calls = os.fork, []
    def fork_again():
        calls.append(1)
        if len(calls) % 5 == 1:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        return real()
    os.fork = fork_again
    ends = time.monotonic() + 3
    while time.monotonic() < ends:
        some._keep(None)
        # It may have ended and be nobody's, or not have begun.
        for each in some._servers:
            each.send(0)
    print(len(calls) > 100)
"""
    (known, last) = said(program)
    assert known == "True" and ("ended with 1" in last or "cannot be started: Resource" in last)
