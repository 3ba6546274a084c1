"""Settings refuse what would be dangerous, in words that help."""

from __future__ import annotations

import asyncio
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from server.cli.main import app
from server.core.identity.authentication import Authenticator
from server.apikit.api import limits_of
from server.apis import declarations
from server.prepare import prepare
from server.settings import Settings
from server.store.opened import open_database
from tests.support.environment import environment

ORCHESTRATOR = str(Path(sys.executable).parent / "orchestrator")


def test_a_secret_is_needed_outside_development() -> None:
    with pytest.raises(ValidationError, match="API_SECRET_KEY"):
        Settings(environment="production")
    assert Settings(environment="production", api_secret_key="x" * 32).environment == "production"


def test_quotas_cannot_be_lifted_outside_development() -> None:
    with pytest.raises(ValidationError, match="no-quotas"):
        Settings(environment="staging", api_secret_key="x" * 32, no_quotas=True)


def test_each_api_has_settings_of_its_own_by_its_name() -> None:
    bounds = {each.name: each for each in declarations()}
    with environment(INDUSTRIAL_REQUESTS_PER_MINUTE="7", SOCKETS_PER_KEY="3", AGENT_ORCHESTRATION_REQUESTS_PER_MINUTE="9"):
        settings = Settings()
    industrial = limits_of(bounds["industrial"], settings)
    assert (industrial.requests_per_minute, industrial.sockets_per_key, industrial.hourly) == (7, 5, False)
    operations = limits_of(bounds["agent_operations"], settings)
    assert (operations.requests_per_minute, operations.sockets_per_key) == (100, 3)
    assert limits_of(bounds["agent_orchestration"], settings).requests_per_minute == 9
    assert limits_of(bounds["native"], settings) == bounds["native"].limits
    unbound = limits_of(bounds["industrial"], Settings(no_quotas=True))
    assert unbound.sockets_per_key == unbound.streams_per_key == 5_000
    assert Settings().open_streams == 10_000
    assert (bounds["native"].limits.sockets_per_key, bounds["native"].limits.streams_per_key) == (1_000, 1_000)
    assert {each.limits.streams_per_key for name, each in bounds.items() if name != "native"} == {100}
    with environment(AGENT_ORCHESTRATION_STREAMS_PER_KEY="7"):
        assert limits_of(bounds["agent_orchestration"], Settings()).streams_per_key == 7
    with environment(APIS='{"industrial": {"sockets_per_key": 8}}', INDUSTRIAL_SOCKETS_PER_KEY="9"):
        assert limits_of(bounds["industrial"], Settings()).sockets_per_key == 8
    for wrong in ("0", "many"):
        with environment(INDUSTRIAL_SOCKETS_PER_KEY=wrong), pytest.raises(ValidationError, match="sockets_per_key"):
            Settings()


@pytest.mark.parametrize("url", ["mysql://x", "orchestrator.db"])
def test_only_known_databases_are_taken(url: str) -> None:
    with pytest.raises(ValidationError, match="DATABASE_URL"):
        Settings(database_url=url)


def test_the_command_says_what_is_wrong_and_starts_nothing(tmp_path: Path) -> None:
    environment = {"ENVIRONMENT": "production", "PATH": "/usr/bin:/bin"}
    command = [ORCHESTRATOR, "up", "--data-dir", str(tmp_path / "data")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=30)
    assert done.returncode == 2 and "API_SECRET_KEY" in done.stderr
    assert not (tmp_path / "data").exists()


def test_the_development_key_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    prepare(settings)
    key = settings.key_path.read_text()
    assert key.startswith("ak_") and stat.S_IMODE(settings.key_path.stat().st_mode) == 0o600
    assert stat.S_IMODE(settings.data_dir.stat().st_mode) == 0o700
    prepare(settings)
    assert settings.key_path.read_text() == key


def test_the_development_key_works_in_another_database_too(tmp_path: Path) -> None:
    prepare(Settings(data_dir=tmp_path))
    other = Settings(data_dir=tmp_path, database_url=f"sqlite:///{tmp_path / 'other.db'}")
    prepare(other)

    async def caller() -> str:
        database = open_database(other)
        await database.open()
        try:
            return (await Authenticator(database).caller(other.key_path.read_text().strip())).organization_id
        finally:
            await database.close()

    assert asyncio.run(caller())


def test_a_database_that_cannot_be_reached_is_named(tmp_path: Path) -> None:
    nowhere = "postgresql://u@127.0.0.1:1/x"
    done = CliRunner().invoke(app, ["migrate", "--data-dir", str(tmp_path), "--database-url", nowhere])
    assert done.exit_code == 1 and "cannot be reached" in done.stderr and "Traceback" not in done.output
