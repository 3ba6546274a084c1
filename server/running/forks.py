"""Processes that begin as copies of this one, and signals for a process that has neither threads nor an event loop."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import NoReturn, Self

_PDEATHSIG = 1
_NAME = 15
_STOPPING = (signal.SIGTERM, signal.SIGINT)
_HEARD = (*_STOPPING, signal.SIGCHLD)


def fork(name: str, body: Callable[[], int]) -> int:
    """Has a copy of this process do `body` and end with the code that it returns; returns the copy's id.

    The copy leads a session of its own and gets SIGTERM when this process dies. It hears signals as a new process does,
    and `top` and `ps` show it by its name, where they can.
    """
    _flush()
    parent = os.getpid()
    # A signal that comes before the copy has handlers of its own must not reach those of this process.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
    try:
        process = os.fork()
        if process == 0:
            _be_a_process_of_its_own(name, body, before, parent)
        return process
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _be_a_process_of_its_own(name: str, body: Callable[[], int], mask: Iterable[int], parent: int) -> NoReturn:
    code = os.EX_SOFTWARE
    try:
        signal.set_wakeup_fd(-1)
        for number in _HEARD:
            signal.signal(number, signal.SIG_DFL)
        os.setsid()
        if sys.platform == "linux":
            prctl = ctypes.CDLL(None).prctl
            prctl(_PDEATHSIG, signal.SIGTERM)
            prctl(_NAME, name.encode())
            if os.getppid() != parent:
                # It died before it could be said that we must not outlive it.
                os._exit(code)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        code = body()
    except BaseException:
        # Nothing may go on into what the parent was doing.
        with suppress(BaseException):
            traceback.print_exc()
    finally:
        _flush()
        os._exit(code)


def _flush() -> None:
    """What is written and not sent must not be sent by both; whoever reads it may be gone, or there may be nobody."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):
            stream.flush()


class Stopped(Exception):
    """This process is to stop."""


class Signals:
    """Hears SIGTERM, SIGINT and the ends of children, in the main thread of a process, while it is entered."""

    def __init__(self) -> None:
        self.stopping = False
        self._interrupts = False

    def __enter__(self) -> Self:
        self._heard, self._told = socket.socketpair()
        for each in (self._heard, self._told):
            each.setblocking(False)
        signal.set_wakeup_fd(self._told.fileno(), warn_on_full_buffer=False)
        # Python writes down only what it has a handler for.
        self._before = {number: signal.signal(number, self._hear) for number in _HEARD}
        # Whoever started us may have blocked them, which is handed on.
        self._mask = signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEARD)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(-1)
        self._heard.close()
        self._told.close()

    def _hear(self, number: int, _frame: object) -> None:
        self.stopping |= number in _STOPPING
        if self.stopping and self._interrupts:
            raise Stopped

    @contextmanager
    def interrupting(self) -> Iterator[None]:
        """What is done in it is left with Stopped when this process is to stop."""
        self._interrupts = True
        try:
            if self.stopping:
                raise Stopped
            yield
        finally:
            self._interrupts = False

    def wait(self, seconds: float | None) -> None:
        """Returns when a signal comes, or has come since the last call, or after so long."""
        if select.select([self._heard], [], [], seconds)[0]:
            self._heard.recv(4096)
