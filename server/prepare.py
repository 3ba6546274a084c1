"""What must be there before a server serves: the present schema, and in development a key and a secret."""

from __future__ import annotations

import asyncio
import fcntl
import os

from server.core.identity import api_keys
from server.core.identity.access_tokens import signing_secret
from server.private_files import close_to_others, private_folder, unusable
from server.settings import Settings
from server.store.migrations import migrate
from server.store.opened import open_database


def prepare(settings: Settings) -> None:
    """Makes the data folder, the schema, the development key and secret. Several processes may call this at once.

    Blocks, so call it before the loop starts. Raises Unavailable where the database cannot be reached, or what is kept
    on this machine cannot be read, written, or closed to others.
    """
    private_folder(settings.data_dir)
    try:
        with (settings.data_dir / "prepare.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            migrate(settings)
            if settings.environment == "development":
                asyncio.run(_development_key(settings))
                signing_secret(settings)
        for path in (settings.key_path, settings.secret_key_path):
            if path.exists():
                close_to_others(path)
    except OSError as error:
        raise unusable(settings.data_dir, error) from error


async def _development_key(settings: Settings) -> None:
    database = open_database(settings)
    await database.open()
    try:
        known = settings.key_path.read_text().strip() if settings.key_path.exists() else ""
        secret = await api_keys.ensure_key(database, known, organization="Development", name="development")
    finally:
        await database.close()
    if known:
        return
    descriptor = os.open(settings.key_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secret + "\n")
