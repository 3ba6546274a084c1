"""What must be there before a server serves: the present schema, and in development a key and a secret."""

from __future__ import annotations

import asyncio
import fcntl
import os

from server.core.identity import api_keys
from server.core.identity.access_tokens import signing_secret
from server.settings import Settings
from server.store.migrations import migrate
from server.store.opened import open_database


def prepare(settings: Settings) -> None:
    """Makes the data folder, the schema, the development key and secret. Several processes may call this at once.

    Blocks, so call it before the loop starts. Raises Unavailable where the database cannot be reached.
    """
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (settings.data_dir / "prepare.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        migrate(settings)
        if settings.environment == "development":
            asyncio.run(_development_key(settings))
            signing_secret(settings)


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
