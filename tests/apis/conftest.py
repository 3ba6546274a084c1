"""Databases for tests of what an API says: how rows are kept is tested below it, on both kinds, once for all APIs."""

import pytest


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def database_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)
