"""What tests share: databases of both kinds, an application in this process, and everything started as a user would."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from server.app import Application
from server.core.identity import api_keys
from server.core.shared.call_context import Call, Caller
from server.rpc import log
from server.settings import Settings
from server.store.opened import open_database
from server.store.database import Database
from server.store.migrations import migrate

log.configure("ERROR")
LOCAL_POSTGRES = "postgresql://postgres@127.0.0.1:5432/postgres"


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


async def _create(url: str, name: str) -> str | None:
    try:
        connection = await asyncpg.connect(url, timeout=3)
    except (OSError, asyncpg.PostgresError, TimeoutError) as error:
        return f"PostgreSQL does not answer at {url} ({error}); set TEST_DATABASE_URL"
    await connection.execute(f'CREATE DATABASE "{name}"')
    await connection.close()
    return None


async def _drop(url: str, name: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    await connection.close()


async def _empty(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("TRUNCATE organizations CASCADE")
    await connection.close()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """An empty database on a PostgreSQL server, migrated; skips where none answers."""
    server = os.environ.get("TEST_DATABASE_URL", LOCAL_POSTGRES)
    name = f"orchestrator_test_{uuid.uuid4().hex[:12]}"
    problem = asyncio.run(_create(server, name))
    if problem is not None:
        pytest.skip(problem)
    url = server.rpartition("/")[0] + f"/{name}"
    migrate(Settings(database_url=url))
    yield url
    asyncio.run(_drop(server, name))


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a migrated database, of each kind in turn."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'orchestrator.db'}"
        migrate(Settings(database_url=url))
        return url
    url = str(request.getfixturevalue("postgres_url"))
    asyncio.run(_empty(url))
    return url


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(
        data_dir=tmp_path,
        database_url=database_url,
        lease_seconds=2.0,
        heartbeat_seconds=0.5,
        sandbox_prewarmed=2,
        shutdown_seconds=2.0,
        workers=2,
    )


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    opened = open_database(settings)
    await opened.open()
    yield opened
    await opened.close()


class Tenant:
    """An organization with a key, and calls as it makes them."""

    def __init__(self, caller: Caller, key: str) -> None:
        self.caller = caller
        self.key = key

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        return (("authorization", f"Bearer {self.key}"),)

    def call(self, *, key: str = "", digest: str = "digest", if_match: int = 0) -> Call:
        call = Call(self.caller, "request", "method")
        call.idempotency_key, call.digest, call.if_match = key, digest, if_match
        return call


async def make_tenant(database: Database, **options: Any) -> Tenant:
    key, secret = await api_keys.create_key(database, organization=f"Org {uuid.uuid4().hex}", name="test", **options)
    caller = Caller(key.organization_id, key.user_id, key.id, frozenset(key.scopes.split()), key.hourly_limit)
    return Tenant(caller, secret)


@pytest.fixture
async def application(settings: Settings) -> AsyncIterator[Application]:
    """Everything but the gateway, in this process, on a free port (`application.port`)."""
    running = Application(settings)
    running.port = (await running.start(["127.0.0.1:0"]))[0]  # type: ignore[attr-defined]
    try:
        yield running
    finally:
        await running.stop()


@pytest.fixture
async def tenant(application: Application) -> Tenant:
    return await make_tenant(application.database)


@pytest.fixture
async def other_tenant(application: Application) -> Tenant:
    return await make_tenant(application.database)


async def eventually(check: Callable[[], Any], seconds: float = 10.0) -> Any:
    """The first true value of `check` (which may be async), looked for until `seconds` have passed."""
    async with asyncio.timeout(seconds):
        while True:
            value = check()
            if asyncio.iscoroutine(value):
                value = await value
            if value:
                return value
            await asyncio.sleep(0.01)


@contextlib.contextmanager
def environment(**values: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
