"""Settings refuse what would be dangerous, in words that help."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from server.cli.main import app, without_secrets
from server.core.identity.authentication import Authenticator
from server.apikit.api import limits_of
from server.apis import declarations
from server.errors import Misconfigured
from server.running.prepare import prepare
from server.settings import Settings
from tests.support.databases import new_sqlite
from tests.support.ports import free_port
from tests.support.stack import Stack
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
    with environment(
        INDUSTRIAL_REQUESTS_PER_MINUTE="7", SOCKETS_PER_KEY="3", AGENT_ORCHESTRATION_REQUESTS_PER_MINUTE="9"
    ):
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
    assert {each.limits.streams_per_key for name, each in bounds.items() if name not in ("native", "openai")} == {100}
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


@pytest.mark.parametrize(
    ("host", "exposed"),
    [
        ("127.0.0.1", False),
        ("127.0.0.2", False),
        ("localhost", False),
        ("::1", False),
        ("[::1]", False),
        ("0.0.0.0", True),
        ("::", True),
        ("10.0.0.1", True),
        ("example.com", True),
    ],
)
def test_a_development_server_that_others_reach_is_warned_of(host: str, exposed: bool) -> None:
    assert bool(Settings(host=host).exposed) == exposed
    assert not Settings().exposed
    assert not Settings(host=host, environment="production", api_secret_key="x" * 32).exposed


@pytest.mark.parametrize("name", ["dev-secret-key", "dev-api-key"])
@pytest.mark.parametrize("content", [b"", b"\n", b" " * 64, b"short", b"x" * 31, b"\xff" * 64, b"two words " * 9, None])
def test_a_secret_that_is_none_is_refused_in_a_sentence(tmp_path: Path, name: str, content: bytes | None) -> None:
    new_sqlite(tmp_path)
    settings = Settings(data_dir=tmp_path)
    prepare(settings)
    path = settings.data_dir / name
    good = path.read_text()
    path.unlink()
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(Misconfigured, match=f"{name}.*remove it, and a new one is made"):
        prepare(settings)
    path.rmdir() if content is None else path.unlink()
    prepare(settings)
    assert len(path.read_text().strip()) >= 32 and path.read_text() != good
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def started(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("orchestrator")), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ, **environment})


@pytest.mark.parametrize(
    ("command", "folder"),
    [("up", "data"), ("up", "run"), ("server", "data"), ("server", "run"), ("gateway", "run"), ("keys list", "data")],
)
def test_folders_that_cannot_be_used_end_a_command_in_one_sentence(tmp_path: Path, command: str, folder: str) -> None:
    (tmp_path / "data").mkdir()
    settings = Settings(data_dir=tmp_path / "data")
    settings.run_dir.symlink_to(tmp_path)
    try:
        ended = started(*command.split(), DATA_DIR="/proc/data" if folder == "data" else str(settings.data_dir))
        (said,) = ended.stderr.splitlines()
        assert ended.returncode == 1
        assert ("cannot be used" if folder == "data" else "belongs to somebody else") in said
    finally:
        settings.run_dir.unlink()


def test_a_server_without_a_secret_is_not_started_again_and_again(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    prepare(settings)
    settings.secret_key_path.write_text("")
    ports = {name: str(free_port()) for name in ("GRPC_PORT", "ORCHESTRA_PORT", "OPERATIONS_PORT")}
    ended = started("up", DATA_DIR=str(settings.data_dir), **ports)
    assert ended.returncode == 1 and "dev-secret-key holds no secret" in ended.stderr, ended
    assert "Traceback" not in ended.stderr and "starting it again" not in ended.stderr


def test_flags_with_passwords_become_variables() -> None:
    given = ["python", "orchestrator", "up", "--database-url", "postgresql://u:p@h/d", "--workers", "2", "--redis-url=redis://:p@h"]
    kept, secrets = without_secrets(given)
    assert kept == ["python", "orchestrator", "up", "--workers", "2"]
    assert secrets == {"DATABASE_URL": "postgresql://u:p@h/d", "REDIS_URL": "redis://:p@h"}
    assert without_secrets(["up", "--database-url"]) == (["up", "--database-url"], {})


def test_no_process_has_secrets_that_it_does_not_need(tmp_path: Path) -> None:
    secret, password = "a secret of at least 32 characters", "apassword"
    stack = Stack(tmp_path / "data", "--redis-url", f"redis://:{password}@127.0.0.1:1/0", API_SECRET_KEY=secret).start()
    try:
        own = psutil.Process(stack.process.pid)
        seen = set()
        for each in (own, *stack.children()):
            assert password not in " ".join(each.cmdline())
            seen.add(each.name())
            if each.pid not in (own.pid, stack.server().pid):
                variables = " ".join(each.environ().values())
                assert secret not in variables and password not in variables, each.cmdline()
        assert "envoy" in seen
        assert password not in stack.log_path.read_text() and secret not in stack.log_path.read_text()
    finally:
        assert stack.stop() == 0


def test_a_secret_that_is_set_is_long_in_development_too() -> None:
    for secret in ("short", " " * 64):
        with pytest.raises(ValidationError, match="at least 32 characters"):
            Settings(api_secret_key=secret)


@pytest.mark.parametrize("token", ["short", "fifteen letters", " " * 20])
def test_a_scrape_token_that_could_be_guessed_is_refused(token: str) -> None:
    with pytest.raises(ValidationError, match="METRICS_TOKEN must have at least 16 characters"):
        Settings(metrics_token=token)
    assert Settings().metrics_token == "" and Settings(metrics_token="x" * 16).metrics_token
