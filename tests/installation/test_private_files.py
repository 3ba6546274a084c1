"""What is kept on this machine is for its owner alone, and what cannot be used is said in a sentence."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from server import private_files
from server.errors import Misconfigured, Unavailable
from server.running.prepare import prepare
from server.private_files import own_folder, private_file, private_folder
from server.settings import Settings
from server.store.migrations import migrate
from server.store.opened import open_database
from server.work.sandbox.bubblewrap import locate
from tests.support.ports import free_port
from tests.support.services import missing

ORCHESTRATOR = str(Path(sys.executable).parent / "orchestrator")
SECRET = {"orchestrator.db", "orchestrator.db-wal", "orchestrator.db-shm", "dev-api-key", "dev-secret-key"}


def modes(folder: Path) -> dict[str, int]:
    """What may be done with the folder and with what holds secrets in it."""
    found = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir() if path.name in SECRET}
    return {".": stat.S_IMODE(folder.stat().st_mode), **found}


def opened_modes(settings: Settings) -> dict[str, int]:
    """The same while a server has the database open."""

    async def look() -> dict[str, int]:
        database = open_database(settings)
        await database.open()
        await database.probe()
        found = modes(settings.data_dir)
        await database.close()
        return found

    return asyncio.run(look())


PRIVATE = {".": 0o700, **dict.fromkeys(SECRET, 0o600)}


def test_a_new_data_folder_is_for_its_owner_alone(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    prepare(settings)
    assert opened_modes(settings) == PRIVATE


def test_a_data_folder_that_was_open_to_others_is_closed(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    prepare(settings)
    # Somebody has it open, so its companions are there and stay.
    other = sqlite3.connect(settings.sqlite_path)
    other.execute("PRAGMA user_version = 0")
    for path in (settings.data_dir, *settings.data_dir.iterdir()):
        path.chmod(0o755 if path.is_dir() else 0o644)
    assert set(modes(settings.data_dir)) == set(PRIVATE)
    prepare(settings)
    assert modes(settings.data_dir) == PRIVATE
    other.close()


def test_a_data_folder_that_was_there_and_open_is_closed(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    settings.data_dir.mkdir()
    settings.data_dir.chmod(0o755)
    prepare(settings)
    assert opened_modes(settings) == PRIVATE


def test_a_database_elsewhere_is_closed_and_its_folder_left_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    path = tmp_path / "elsewhere.db"
    path.touch(0o644)
    migrate(Settings(data_dir=tmp_path / "data", database_url=f"sqlite:///{path}"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_what_is_not_ours_may_be_open_to_its_group_and_not_to_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def not_ours(self: Path, mode: int) -> None:
        raise PermissionError

    tmp_path.chmod(0o750)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "chmod", not_ours)
        private_folder(tmp_path)
    tmp_path.chmod(0o755)
    monkeypatch.setattr(Path, "chmod", not_ours)
    with pytest.raises(Misconfigured, match="open to everybody"):
        private_folder(tmp_path)


def test_a_folder_of_somebody_else_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(Misconfigured, match="belongs to somebody else"):
        own_folder(tmp_path / "link")
    monkeypatch.setattr(private_files.os, "getuid", lambda: os.geteuid() + 1)
    with pytest.raises(Misconfigured, match="belongs to somebody else"):
        own_folder(tmp_path / "mine")


def test_what_cannot_be_made_or_read_is_named_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Misconfigured, match="file/data cannot be used: Not a directory"):
        prepare(Settings(data_dir=tmp_path / "file" / "data"))
    with pytest.raises(Misconfigured, match="none/a.db cannot be used: No such file"):
        private_file(tmp_path / "none" / "a.db")
    (tmp_path / "orchestrator.db").write_text("no database at all, " * 100)
    with pytest.raises(Unavailable, match="not a database"):
        prepare(Settings(data_dir=tmp_path))


@pytest.mark.parametrize("kept", ["folder", "database"])
def test_a_place_that_can_only_be_read_ends_commands_with_a_sentence(tmp_path: Path, kept: str) -> None:
    """As it is for root too, which no mode of a file stops."""
    if (bubblewrap := locate()) is None:
        missing("there is no bubblewrap, which shows a folder as one that can only be read")
    settings = Settings(data_dir=tmp_path / "data", database_url=f"sqlite:///{tmp_path}/database/a.db")
    (tmp_path / "database").mkdir()
    prepare(settings)
    readable = settings.data_dir if kept == "folder" else tmp_path / "database"
    shown = [bubblewrap, "--dev-bind", "/", "/", "--ro-bind", str(readable), str(readable)]
    if subprocess.run([*shown, "true"], capture_output=True).returncode:
        missing("bubblewrap cannot show a folder as one that can only be read")
    flags = ["--data-dir", str(settings.data_dir), "--database-url", settings.database]
    ports = ["--grpc-port", str(free_port())]
    begun = [
        subprocess.Popen([*shown, ORCHESTRATOR, *words, *flags], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for words in ([["server", *ports], ["up", *ports]] if kept == "folder" else [["server", *ports]])
    ]
    for process in begun:
        _, said = process.communicate(timeout=60)
        assert process.returncode == 1, said
        assert "Traceback" not in said
        assert any(word in said for word in ("Read-only file system", "readonly database", "unable to open database")), said
