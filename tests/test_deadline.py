"""A process that was to stop is ended whatever happens, however often it is told."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

# Held up by its own handlers, as signals that come close together hold it up.
PROGRAM = """
import signal, time
from server.running.deadline import Deadline
deadline = Deadline(0.2)
signal.signal(signal.SIGTERM, lambda *_: deadline.begin())
print("ready", flush=True)
while True:
    time.sleep(1)
"""


@pytest.mark.parametrize("signals", [1, 2000])
def test_a_process_that_is_told_to_stop_ends_by_its_deadline(signals: int) -> None:
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        for _ in range(signals):
            process.send_signal(signal.SIGTERM)
        try:
            assert process.wait(20) == 1
        finally:
            process.kill()
        assert b"did not stop within 0.2 seconds" in process.stderr.read()
