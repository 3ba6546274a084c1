from __future__ import annotations

import pytest

from server.core.queue.completion import Result
from server.model import TaskStatus
from server.settings import Settings
from server.store.database import Database
from tests.conftest import make_tenant
from tests.core.world import Clock, World


@pytest.fixture
async def world(database: Database, settings: Settings) -> World:
    database.clock = Clock()
    world = World(database, settings, await make_tenant(database))
    # Other tests of the session may have left claimable tasks in a shared database.
    while left := await world.claims.claim("python", "before", 100):
        for task in left:
            await world.leases.finish(task.id, task.attempt, Result(status=TaskStatus.CANCELLED))
    return world
