"""Secrets that a development server keeps in files: made where they are missing, and never less than a secret."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from server.errors import Misconfigured
from server.model import new_id

LEAST_CHARACTERS = 32


def kept_secret(path: Path) -> str:
    """The secret in a file, empty where there is none. Raises Misconfigured where what is there is no secret."""
    try:
        secret = path.read_text("ascii").strip()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not plain text"
        raise Misconfigured(f"{path} cannot be read ({why}): {_REMEDY}") from None
    if len(secret) < LEAST_CHARACTERS or not secret.isprintable() or " " in secret:
        raise Misconfigured(f"{path} holds no secret of at least {LEAST_CHARACTERS} characters: {_REMEDY}")
    return secret


def keep_secret(path: Path, secret: str) -> str:
    """Writes a secret to a file that is missing; returns what is there, which another process may have written."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Written beside it and then linked: nobody sees half a secret, and of two processes one wins.
    draft = path.with_name(f"{path.name}.{new_id()}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secret + "\n")
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(draft)
    finally:
        draft.unlink(missing_ok=True)
    return kept_secret(path)


_REMEDY = "remove it, and a new one is made"
