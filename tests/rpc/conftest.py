from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from server.settings import Settings
from tests.support.talk import Served
from tests.support.tenants import Tenant, make_tenant


@pytest.fixture
async def served(sqlite_settings: Settings) -> AsyncIterator[Served]:
    running = Served(sqlite_settings, connections=1000)
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
async def someone(served: Served) -> Tenant:
    return await make_tenant(served.database)
