"""When a process that was to stop is ended whatever it does: threads that wait for nothing else."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import suppress

# How often a process looks whether its parent is there.
LOOK_SECONDS = 1.0


class Deadline:
    """Ends the process some time after it was to stop, by a thread that waits for nothing else."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        # Not an Event: signal handlers begin, one within the other where two signals come at once, and its lock would
        # have the second one wait for the first one for ever.
        self._begun, self._begin = os.pipe()
        os.set_blocking(self._begin, False)
        threading.Thread(target=self._wait, name="deadline", daemon=True).start()

    def begin(self) -> None:
        """From now on the time runs."""
        with suppress(BlockingIOError):
            os.write(self._begin, b".")

    def follow(self, parent: int) -> None:
        """The process is to stop when its parent, the supervisor, is gone."""
        threading.Thread(target=self._look, args=(parent,), name="parent", daemon=True).start()

    def _look(self, parent: int) -> None:
        while os.getppid() == parent:
            time.sleep(LOOK_SECONDS)
        # The kernel has said so too, in most cases.
        self.begin()
        os.kill(os.getpid(), signal.SIGTERM)

    def _wait(self) -> None:
        os.read(self._begun, 1)
        time.sleep(self._seconds)
        os.write(2, f"did not stop within {self._seconds:g} seconds, so it ends as it is\n".encode())
        os._exit(1)
