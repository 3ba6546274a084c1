"""One sandbox as the server sees it: a child process that is started, runs one job at most, and is killed."""

import asyncio
import contextlib
import json
import os
import signal
import struct
from collections.abc import Awaitable, Callable
from enum import Enum
from pathlib import Path

from server.work.sandbox.job import Answer
from server.work.sandbox.launch import Confinement, Isolation, prepare, start
from server.work.sandbox.stream import Capture

_CHUNK = 65536
_HEADER = 4
# How long a program may live on after closing its result pipe; how long a killed one may take to go before its
# parent is killed too.
_CLOSED_GRACE, _KILL_GRACE = 0.25, 2.0


class End(Enum):
    """What ended a run."""

    RESULT = "a whole result arrived"
    TOO_LARGE = "the result announced is too large"
    CLOSED = "the result pipe was closed"
    MUDDLED = "a question came before the last one was answered"
    EXITED = "the process is gone"
    TIMEOUT = "the time is up"


class Sandbox:
    """A started child; `ready` tells whether it is fit for a job, `gone` that nothing is left of it."""

    def __init__(self, isolation: Isolation, confinement: Confinement, *, slot: int, folder: Path | None) -> None:
        self._loop = asyncio.get_running_loop()
        self._isolation = isolation
        self.slot = slot
        self.folder = folder
        self.ready: asyncio.Future[None] = self._loop.create_future()
        # Whoever waits hears of a failure; nobody has to.
        self.ready.add_done_callback(lambda future: future.cancelled() or future.exception())
        self.gone: asyncio.Future[None] = self._loop.create_future()
        self.status = 0
        self.payload = b""
        self._received = bytearray()
        self._result_limit = 0
        self._end: asyncio.Future[End] | None = None
        self._answer: Answer | None = None
        self._answering: asyncio.Task[None] | None = None
        self._unsent = memoryview(b"")
        self._child: int | None = None  # a pidfd of the process inside, once known
        self._doomed = False
        self._last_resort: asyncio.TimerHandle | None = None
        self._informed = isolation is Isolation.NONE
        self._spawn(confinement)

    def _spawn(self, confinement: Confinement) -> None:
        input_read, self._input = os.pipe()
        self._results, results_write = os.pipe()
        output_read, output_write = os.pipe()
        error_read, error_write = os.pipe()
        # Bubblewrap announces its child's pid on the same pipe, by a descriptor that the child does not get.
        information = os.dup(results_write)
        inherited = (input_read, results_write, output_write, error_write, information)
        try:
            launch = prepare(
                self._isolation,
                confinement,
                slot=self.slot,
                results=results_write,
                information=information,
                folder=self.folder,
            )
            self._popen = start(launch, inherited, self.folder, sandboxed=self._isolation is not Isolation.NONE)
        except BaseException:
            for descriptor in (self._input, self._results, output_read, error_read):
                os.close(descriptor)
            raise
        finally:
            for descriptor in inherited:
                os.close(descriptor)
        self._exit = os.pidfd_open(self._popen.pid)
        os.set_blocking(self._input, False)
        os.set_blocking(self._results, False)
        self.stdout = Capture(self._loop, output_read)
        self.stderr = Capture(self._loop, error_read)
        self._loop.add_reader(self._results, self._on_results)
        self._loop.add_reader(self._exit, self._on_exit)
        self._send(launch.greeting)

    @property
    def fit(self) -> bool:
        """Whether a job can be handed to it now."""
        return self.ready.done() and self._popen.returncode is None and not self._doomed

    async def run(
        self, job: bytes, answer: Answer, *, wall_seconds: float, output_bytes: int, result_bytes: int
    ) -> End:
        """Hand over the job, a framed message, and wait for what ends it; the caller kills afterwards."""
        self._end = self._loop.create_future()
        self._answer = answer
        self._result_limit = result_bytes
        self.stdout.keep(output_bytes)
        self.stderr.keep(output_bytes)
        timer = self._loop.call_later(wall_seconds, self._finish, End.TIMEOUT)
        try:
            if not self.fit:
                self._finish(End.EXITED)
            else:
                self._send(job)
            return await self._end
        finally:
            timer.cancel()
            if self._answering is not None:
                self._answering.cancel()
            self.stdout.drain()
            self.stderr.drain()

    def kill(self) -> None:
        """Kill everything inside; `gone` follows."""
        if self.gone.done():
            return
        if self._isolation is Isolation.NONE:
            self._kill_parent()
            return
        # The process inside goes first and bubblewrap, its parent, reaps it: nobody inherits a zombie. One that is not
        # known yet goes once it is: without its parent it would wait for ever to be set up.
        self._doomed = True
        if self._child is not None:
            child = self._child
            _quietly(lambda: signal.pidfd_send_signal(child, signal.SIGKILL))
        self._last_resort = self._last_resort or self._loop.call_later(_KILL_GRACE, self._kill_parent)

    async def stop(self) -> None:
        """Kill and wait until nothing is left, even when cancelled meanwhile."""
        self.kill()
        cancelled = False
        while not self.gone.done():
            try:
                await asyncio.shield(self.gone)
            except asyncio.CancelledError:
                cancelled = True
        if cancelled:
            raise asyncio.CancelledError

    def _kill_parent(self) -> None:
        if self._popen.returncode is not None:
            return
        if self._isolation is Isolation.NONE:
            _quietly(lambda: os.killpg(self._popen.pid, signal.SIGKILL))
        _quietly(lambda: signal.pidfd_send_signal(self._exit, signal.SIGKILL))

    def _finish(self, end: End) -> None:
        if self._end is not None and not self._end.done():
            self._end.set_result(end)

    def _send(self, content: bytes) -> None:
        waiting = bool(self._unsent)
        self._unsent = memoryview(bytes(self._unsent) + content) if waiting else memoryview(content)
        if not waiting:
            self._write_some()

    def _write_some(self) -> None:
        try:
            self._unsent = self._unsent[os.write(self._input, self._unsent) :]
        except BlockingIOError:
            pass
        except OSError:
            self._unsent = memoryview(b"")  # it died, which its exit tells
        if self._unsent:
            self._loop.add_writer(self._input, self._write_some)
        else:
            self._loop.remove_writer(self._input)

    def _on_results(self) -> None:
        self._read_results()

    def _read_results(self) -> bool:
        """Read the result pipe once; whether there may be more that matters."""
        try:
            received = os.read(self._results, _CHUNK)
        except BlockingIOError:
            return False
        if not received:
            self._loop.remove_reader(self._results)
            self._loop.call_later(_CLOSED_GRACE, self._finish, End.CLOSED)
            return False
        if self._end is not None and self._end.done():
            return False  # a program that goes on writing after its result
        self._received += received
        self._advance()
        return True

    def _advance(self) -> None:
        """Take what has arrived: bubblewrap's word on its child, the bootstrap's that it is ready, the result."""
        if not self._informed:
            end = self._received.find(b"}\n")
            if end < 0:
                return
            information = json.loads(self._received[: end + 1])
            del self._received[: end + 2]
            self._informed = True
            _quietly(lambda: setattr(self, "_child", os.pidfd_open(information["child-pid"])))
            if self._doomed:
                self.kill()
        if not self.ready.done() and self._received.startswith(b"W"):
            del self._received[:1]
            self.ready.set_result(None)
        while self._end is not None and not self._end.done() and len(self._received) >= _HEADER:
            size = int.from_bytes(self._received[:_HEADER], "big")
            if size > self._result_limit:
                self._finish(End.TOO_LARGE)
                return
            if len(self._received) < _HEADER + size:
                return
            message = bytes(self._received[_HEADER : _HEADER + size])
            del self._received[: _HEADER + size]
            if message.startswith(b"Q"):
                self._on_question(message[1:])
            else:
                self.payload = message
                self._finish(End.RESULT)

    def _on_question(self, question: bytes) -> None:
        assert self._answer is not None, "there is a job"
        if self._unsent or (self._answering is not None and not self._answering.done()):
            self._finish(End.MUDDLED)  # only a program that writes to the pipe itself does not wait
        else:
            self._answering = self._loop.create_task(self._reply(self._answer(question)))

    async def _reply(self, answer: Awaitable[bytes]) -> None:
        content = await answer
        if not self.gone.done():
            self._send(struct.pack(">I", len(content)) + content)

    def _on_exit(self) -> None:
        pid, status = os.waitpid(self._popen.pid, os.WNOHANG)
        if not pid:
            return
        self._loop.remove_reader(self._exit)
        self.status = self._popen.returncode = os.waitstatus_to_exitcode(status)
        if self._isolation is Isolation.NONE:
            # What the program forked outlives it; all of it shares its process group.
            _quietly(lambda: os.killpg(self._popen.pid, signal.SIGKILL))
        # A result written just before the end counts.
        while self._read_results():
            pass
        self.stdout.drain()
        self.stderr.drain()
        if not self.ready.done():
            self.ready.set_exception(OSError(self._complaint()))
        self._finish(End.EXITED)
        if self._child is None:
            self._close()
        else:
            # Bubblewrap does not wait for the first process inside, with which the last ones go.
            self._loop.add_reader(self._child, self._on_child_exit, self._child)
            _quietly(lambda: signal.pidfd_send_signal(self._child or -1, signal.SIGKILL))

    def _on_child_exit(self, child: int) -> None:
        # An orphan is this process's to reap where it is the first of a container.
        with contextlib.suppress(ChildProcessError):
            os.waitid(os.P_PIDFD, child, os.WEXITED | os.WNOHANG)
        self._loop.remove_reader(child)
        self._close()

    def _complaint(self) -> str:
        """Why it never became ready: what the bootstrap or bubblewrap said."""
        said = bytes(self._received[1:]) if self._received.startswith(b"E") else self.stderr.content()
        text = said.decode("utf-8", "replace").strip()
        return text[-500:] or f"the sandbox's process ended with status {self.status} before it was ready"

    def _close(self) -> None:
        if self._last_resort is not None:
            self._last_resort.cancel()
        self._loop.remove_reader(self._results)
        self._loop.remove_writer(self._input)
        self.stdout.close()
        self.stderr.close()
        for descriptor in (self._input, self._results, self._exit, self._child):
            if descriptor is not None:
                os.close(descriptor)
        self._child = None
        self.gone.set_result(None)


def _quietly(action: Callable[[], object]) -> None:
    """Do something to a process that may be gone already."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        action()
