from __future__ import annotations

import pytest

from server.settings import Settings
from server.store.database import Database
from tests.support.tenants import make_tenant
from tests.support.clock import Clock
from tests.support.world import World


@pytest.fixture
async def world(database: Database, settings: Settings) -> World:
    database.clock = Clock()
    return World(database, settings, await make_tenant(database))
