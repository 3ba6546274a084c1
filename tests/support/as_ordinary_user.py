"""Starts a program as an ordinary user, from root: Python's own folders are made reachable in a private mount view."""

import ctypes
import os
import sys
from pathlib import Path

ORDINARY_USER = 65534
_CLONE_NEWNS, _MS_BIND, _MS_REC, _MS_PRIVATE = 0x20000, 0x1000, 0x4000, 0x40000


def _call(name: str, *arguments: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) != 0:
        raise OSError(ctypes.get_errno(), f"{name}: {os.strerror(ctypes.get_errno())}")


def _closed_top(path: Path) -> Path | None:
    """The top folder above a path that an ordinary user cannot get to, or None."""
    parents = [parent for parent in path.parents if parent != Path("/")]
    return parents[-1] if any(not parent.stat().st_mode & 0o001 for parent in parents) else None


def _reveal(paths: list[Path]) -> None:
    """Put open folders in the place of closed ones, with nothing in them but the paths."""
    _call("unshare", _CLONE_NEWNS)
    _call("mount", b"none", b"/", None, _MS_REC | _MS_PRIVATE, None)
    hidden = {path: top for path in paths if (top := _closed_top(path)) is not None}
    handles = {path: os.open(path, os.O_PATH) for path in hidden}
    for top in set(hidden.values()):
        _call("mount", b"tmpfs", str(top).encode(), b"tmpfs", 0, b"mode=0755")
    for path, handle in handles.items():
        path.mkdir(parents=True)
        _call("mount", f"/proc/self/fd/{handle}".encode(), str(path).encode(), None, _MS_BIND | _MS_REC, None)


def main() -> None:
    """Run `python <arguments>` as the ordinary user."""
    project = Path(__file__).resolve().parents[2]
    _reveal([Path(os.path.realpath(sys.base_prefix)), project])
    os.setgroups([])
    os.setresgid(ORDINARY_USER, ORDINARY_USER, ORDINARY_USER)
    os.setresuid(ORDINARY_USER, ORDINARY_USER, ORDINARY_USER)
    os.environ["HOME"] = "/tmp"
    os.execv(sys.executable, [sys.executable, *sys.argv[1:]])


if __name__ == "__main__":
    main()
