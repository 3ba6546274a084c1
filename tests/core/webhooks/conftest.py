from __future__ import annotations

from collections.abc import Callable

import pytest

from server.settings import Settings
from server.store.database import Database
from tests.core.webhooks.post import Post
from tests.support.clock import Clock
from tests.support.tenants import make_tenant


@pytest.fixture
async def post(database: Database, settings: Settings) -> Post:
    database.clock = Clock()
    return Post(database, settings, await make_tenant(database))


@pytest.fixture(autouse=True)
def no_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    never: Callable[[float, float], float] = lambda low, high: low
    monkeypatch.setattr("server.core.webhooks.retries.random.uniform", never)
