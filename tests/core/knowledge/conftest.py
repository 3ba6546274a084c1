from __future__ import annotations

from pathlib import Path

import pytest

from server.store.database import Database
from tests.core.knowledge.shelf import Shelf
from tests.support.tenants import Tenant, make_tenant


@pytest.fixture
def shelf(database: Database, tmp_path: Path) -> Shelf:
    return Shelf(database, tmp_path)


@pytest.fixture
async def tenant(database: Database) -> Tenant:
    return await make_tenant(database)


@pytest.fixture
async def other_tenant(database: Database) -> Tenant:
    return await make_tenant(database)
