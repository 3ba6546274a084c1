from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.settings import Settings
from server.store.migrations import migrate
from tests.conftest import Tenant, make_tenant
from tests.gateway.talk import Served


@pytest.fixture
def talk_settings(tmp_path: Path) -> Settings:
    settings = Settings(data_dir=tmp_path, database_url=f"sqlite:///{tmp_path / 'orchestrator.db'}")
    migrate(settings)
    return settings


@pytest.fixture
async def served(talk_settings: Settings) -> AsyncIterator[Served]:
    running = Served(talk_settings, connections=1000)
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
async def someone(served: Served) -> Tenant:
    return await make_tenant(served.database)
