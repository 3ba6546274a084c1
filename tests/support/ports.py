"""Ports for servers under test, so that several test processes on one machine do not meet."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Iterator

# Below what systems give to outgoing connections, which would otherwise take a port between its choice and its use.
FIRST, LAST = 10_000, 32_000
MOST_WORKERS = 20


def worker_number() -> int:
    """Which of the parallel test processes this is, from 0."""
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


def _ports() -> Iterator[int]:
    span = (LAST - FIRST) // MOST_WORKERS
    first = FIRST + worker_number() % MOST_WORKERS * span
    # Another run on this machine starts elsewhere.
    begin = random.randrange(span)
    while True:
        for offset in range(span):
            yield first + (begin + offset) % span


_ordered = _ports()


def free_port() -> int:
    """A port that nobody listens at, and that this run has not handed out for a long time."""
    for port in _ordered:
        with socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("unreachable")
