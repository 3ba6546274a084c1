from __future__ import annotations

import pytest

from tests.support.stack import Stack


@pytest.fixture
def key(stack: Stack) -> str:
    """The key of an organization of its own, so that tests do not meet."""
    return stack.tenant()


@pytest.fixture
def client(stack: Stack, key: str):
    with stack.client(key) as opened:
        yield opened
