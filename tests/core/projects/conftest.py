from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.company import Company
from tests.support.world import World


@pytest.fixture
def company(world: World, tmp_path: Path) -> Company:
    return Company(world, tmp_path)
