"""What must be there before a server serves: its folders, the present schema, and in development a key and a secret."""

from __future__ import annotations

import asyncio
import fcntl
import sys

from server.core.identity import api_keys
from server.core.identity.access_tokens import signing_secret
from server.core.identity.passwords import Passwords
from server.core.identity.secret_file import keep_secret, kept_secret
from server.core.people.registration import ADMIN_EMAIL, ADMIN_PASSWORD, ensure_admin
from server.private_files import close_to_others, private_folder, unusable
from server.settings import Settings
from server.store.migrations import migrate
from server.store.opened import open_database


def prepare(settings: Settings) -> None:
    """Makes the data folder, the schema, the development key and secret. Several processes may call this at once.

    Blocks, so call it before the loop starts. Raises Unavailable where the database cannot be reached, Misconfigured
    where what is kept on this machine cannot be read, written, or closed to others.
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
    known = kept_secret(settings.key_path)
    database, passwords = open_database(settings), Passwords()
    await database.open()
    try:
        secret = await api_keys.ensure_key(database, known, organization="Development", name="development")
        if await ensure_admin(database, passwords, "Development"):
            print(f"development user: {ADMIN_EMAIL} / {ADMIN_PASSWORD}", file=sys.stderr, flush=True)
    finally:
        passwords.close()
        await database.close()
    if not known:
        keep_secret(settings.key_path, secret)
