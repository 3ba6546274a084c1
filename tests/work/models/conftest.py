"""Providers as they are set, and a real one that answers them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from server.settings import Settings
from server.work.models import ModelProviders
from server.work.models.table import KINDS
from tests.support.aimock import Aimock, aimock
from tests.work.models.asking import Time
from tests.work.models.fixtures import FIXTURES


@pytest.fixture(autouse=True)
def nothing_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys of whoever runs the tests are not for them."""
    for kind in KINDS:
        for variable in (kind.key, kind.address, "DEFAULT_MODEL"):
            monkeypatch.delenv(variable, raising=False) if variable else None


@pytest.fixture(scope="session")
def running_mock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aimock]:
    with aimock(FIXTURES, tmp_path_factory.mktemp("aimock")) as running:
        yield running


@pytest.fixture
def mock(running_mock: Aimock) -> Aimock:
    """It remembers nothing of other tests."""
    running_mock.forget()
    return running_mock


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
async def providers(time: Time) -> AsyncIterator[Callable[..., ModelProviders]]:
    """Makes them of settings, and closes them."""
    made: list[ModelProviders] = []

    def make(**settings: Any) -> ModelProviders:
        made.append(ModelProviders.of(Settings(**settings), time, time.sleep))
        return made[-1]

    yield make
    for each in made:
        await each.close()
