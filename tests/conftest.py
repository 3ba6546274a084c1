"""Fixtures of all tests: databases of both kinds, and an application in this process."""

from __future__ import annotations

import asyncio
import gc
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from functools import cache, partial
from pathlib import Path

import httpcore2
import pytest

from server.app import Application
from server.rpc import log
from server.settings import Settings
from server.store.database import Database
from server.store.opened import open_database
from server.work.sandbox import Sandboxes
from server.work.sandbox.launch import Isolation
from tests.support.databases import emptied, new_postgres, new_sqlite
from tests.support.stack import Stack
from tests.support.tenants import Tenant, make_tenant

# Nobody here is trusted for what his certificate says, and to read whom to trust would take each client of HTTP 50 ms.
httpcore2.default_ssl_context = cache(httpcore2.default_ssl_context)
gc.disable()  # Until all tests are collected.
log.configure("ERROR")
# Nothing is compared with a model but what asks for it: it would read every document that any test uploads.
os.environ.setdefault("SEMANTIC_SEARCH", "off")


def pytest_collection_finish() -> None:
    """Thousands of tests and all libraries stay to the end: to look for garbage in them took a fifth of the time."""
    gc.collect()
    gc.freeze()
    gc.enable()
    gc.set_threshold(50_000, 20, 50)


def pytest_xdist_auto_num_workers() -> int:
    """Two test processes a core, because much of what they do is waiting; as many as PostgreSQL has connections for."""
    return min(8, 2 * (os.cpu_count() or 1))


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A migrated database on a PostgreSQL server, which the tests of this process share."""
    with new_postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """Each kind in turn; a folder whose tests hardly depend on it leaves one of them to the slow tests."""
    return str(request.param)


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path, database_kind: str) -> str:
    """The address of a migrated, empty database."""
    if database_kind == "sqlite":
        return new_sqlite(tmp_path)
    url = str(request.getfixturevalue("postgres_url"))
    asyncio.run(emptied(url))
    return url


@pytest.fixture(scope="session")
def defaults() -> Settings:
    """As they are in this environment, read once: that takes as long as a few requests."""
    return Settings()


@pytest.fixture
def sqlite_settings(defaults: Settings, tmp_path: Path) -> Settings:
    """The defaults, with a migrated SQLite file."""
    return defaults.model_copy(update={"data_dir": tmp_path, "database_url": new_sqlite(tmp_path)})


@pytest.fixture
def settings(defaults: Settings, database_url: str, tmp_path: Path) -> Settings:
    changes = dict(
        data_dir=tmp_path,
        database_url=database_url,
        # One takes PostgreSQL as long as twenty statements, and eight test processes share the hundred it allows.
        database_connections=3,
        lease_seconds=2.0,
        heartbeat_seconds=0.5,
        # A sandbox starts when code runs; a test that runs much of it may ask for warm ones.
        sandbox_prewarmed=0,
        shutdown_seconds=2.0,
        workers=2,
    )
    return defaults.model_copy(update=changes)


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    opened = open_database(settings)
    await opened.open()
    yield opened
    await opened.close()


async def _known(sandboxes: Sandboxes, isolation: Isolation, way: Isolation) -> str | None:
    sandboxes._isolation = way
    return None if way is isolation else "something else works"


@pytest.fixture(scope="session")
def isolation() -> list[Isolation]:
    """How sandboxes can be run here, once somebody has tried."""
    return []


@pytest.fixture
async def application(settings: Settings, isolation: list[Isolation]) -> AsyncIterator[Application]:
    """Everything but the gateway, in this process, on a free port (`application.port`) and at a gateway's socket."""
    running = Application(settings)
    if isolation:
        # To try it again, by running a program, takes as long as the rest of the start.
        running.sandboxes._try = partial(_known, running.sandboxes, isolation[0])
    with tempfile.TemporaryDirectory() as folder:
        running.gateway_path = Path(folder) / "gateway.sock"  # type: ignore[attr-defined]
        addresses = ["127.0.0.1:0", f"unix:{running.gateway_path}"]
        running.port = (await running.start(addresses))[0]  # type: ignore[attr-defined]
        if running.sandboxes.unavailable is None and not isolation:
            isolation.append(Isolation(running.sandboxes.isolation))
        try:
            yield running
        finally:
            await running.stop()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One `orchestrator up` for all tests of this process that leave it running.

    The tests that use it are one xdist group, so that there is one of it.
    """
    running = Stack(
        tmp_path_factory.mktemp("stack") / "data",
        REQUESTS_PER_HOUR="100000",
        REQUESTS_PER_MINUTE="100000",
        INDUSTRIAL_REQUESTS_PER_MINUTE="100000",
        AI_ORCHESTRA_REQUESTS_PER_MINUTE="100000",
        OPEN_SESSIONS="10",
        SOCKETS_PER_KEY="3",
        AGENT_ORCHESTRATION_STREAMS_PER_KEY="5",
        SLOW_CONSUMER_EVENTS="100",
        LEASE_SECONDS="2",
        HEARTBEAT_SECONDS="0.5",
        WEBHOOK_ALLOW_PRIVATE="1",
    ).start()
    yield running
    running.stop()


@pytest.fixture
async def tenant(application: Application) -> Tenant:
    return await make_tenant(application.database)


@pytest.fixture
async def other_tenant(application: Application) -> Tenant:
    return await make_tenant(application.database)
