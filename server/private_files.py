"""Files and folders that nobody else may read: made so, and made so again where they are found otherwise."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from server.errors import Misconfigured

_OTHERS, _ANYBODY = 0o077, 0o007


def private_folder(folder: Path) -> None:
    """Makes a folder that we can write to, or closes it to others. Raises Misconfigured."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        close_to_others(folder)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EROFS, os.strerror(errno.EROFS))
    except OSError as error:
        raise unusable(folder, error) from error


def own_folder(folder: Path) -> None:
    """Makes a folder where anybody might have made it before us. Raises Misconfigured where somebody else has."""
    private_folder(folder)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise Misconfigured(f"{folder} belongs to somebody else: remove it, or set TMPDIR")


def private_file(path: Path) -> None:
    """Makes an empty file, or closes it to others. Raises Misconfigured."""
    try:
        if not path.exists():
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
        close_to_others(path)
    except OSError as error:
        raise unusable(path, error) from error


def close_to_others(path: Path) -> None:
    """Takes away what others may do with it. Raises Misconfigured where anybody may read what is not ours to close.

    A group may be left with what is not ours: volumes are handed to a service in that way.
    """
    mode = stat.S_IMODE(path.stat().st_mode)
    if not mode & _OTHERS:
        return
    try:
        path.chmod(mode & ~_OTHERS)
    except PermissionError:
        if mode & _ANYBODY:
            raise Misconfigured(f"{path} is open to everybody and not ours to close: its owner should") from None


def unusable(path: Path, error: OSError) -> Misconfigured:
    """The sentence for a path that the system does not let us use."""
    return Misconfigured(f"{error.filename or path} cannot be used: {error.strerror or error}")
