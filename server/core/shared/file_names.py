"""Names of files as callers give them."""

from __future__ import annotations

from pathlib import PurePosixPath

MAX_NAME = 255


def safe_name(given: str) -> str:
    """The last part of a path in either spelling, as it can be kept, shown and used as a name; `file` for none."""
    name = PurePosixPath(given.replace("\\", "/")).name
    name = "".join(character for character in name if character.isprintable()).strip()[-MAX_NAME:]
    return name if name.strip(".") else "file"
