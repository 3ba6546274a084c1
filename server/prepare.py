"""What must be there before a server serves: its folders, the present schema, and in development a key and a secret."""

from __future__ import annotations

import asyncio
import fcntl
import os

from server.core.identity import api_keys
from server.core.identity.access_tokens import signing_secret
from server.core.identity.secret_file import keep_secret, kept_secret
from server.errors import Misconfigured
from server.settings import Settings
from server.store.migrations import migrate
from server.store.opened import open_database


def prepare(settings: Settings) -> None:
    """Makes the data folder, the schema, the development key and secret. Several processes may call this at once.

    Blocks, so call it before the loop starts. Raises Unavailable where the database cannot be reached, Misconfigured.
    """
    make_data_folder(settings)
    with (settings.data_dir / "prepare.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        migrate(settings)
        if settings.environment == "development":
            asyncio.run(_development_key(settings))
            signing_secret(settings)


def make_data_folder(settings: Settings) -> None:
    """Makes the data folder where it is missing. Raises Misconfigured where it cannot be written."""
    folder = settings.data_dir
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (folder / "prepare.lock").open("a").close()
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(None, "it is read-only")
    except OSError as error:
        raise Misconfigured(f"the data folder {folder} cannot be used ({error.strerror}): {_ELSEWHERE}") from None


def make_run_folder(settings: Settings) -> None:
    """Makes the folder of sockets, for this user alone. Raises Misconfigured where that cannot be."""
    try:
        folder = settings.run_dir
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.is_symlink() or folder.stat().st_uid != os.getuid():
            raise Misconfigured(f"{folder} belongs to somebody else: remove it, or set TMPDIR")
        folder.chmod(0o700)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(None, "it is read-only")
    except OSError as error:
        where = error.filename or "the temporary directory"
        raise Misconfigured(f"{where} cannot be used for sockets ({error.strerror}): set TMPDIR") from None


_ELSEWHERE = "choose another --data-dir, or DATA_DIR"


async def _development_key(settings: Settings) -> None:
    known = kept_secret(settings.key_path)
    database = open_database(settings)
    await database.open()
    try:
        secret = await api_keys.ensure_key(database, known, organization="Development", name="development")
    finally:
        await database.close()
    if not known:
        keep_secret(settings.key_path, secret)
