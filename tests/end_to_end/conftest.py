from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.stack import Stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One stack for all tests that leave it running; quotas are on."""
    folder: Path = tmp_path_factory.mktemp("stack") / "data"
    running = Stack(folder, REQUESTS_PER_HOUR="100000", HEARTBEAT_SECONDS="0.5", OPEN_SESSIONS="10").start()
    yield running
    running.stop()


@pytest.fixture
def key(stack: Stack) -> str:
    """The key of an organization of its own, so that tests do not meet."""
    return stack.tenant()


@pytest.fixture
def client(stack: Stack, key: str):
    with stack.client(key) as opened:
        yield opened
