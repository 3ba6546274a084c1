"""The program that runs first inside a sandbox: it gives up every privilege, reports itself warm and awaits one job.

It is never imported: the server sends it, compiled, to a bare interpreter (see launch.py), which is why it spares
imports (each costs a start milliseconds) and speaks to libc through `_ctypes`, the extension module under `ctypes`.
What it is sent as a start calls `main`.
"""

# Imports wait until they are needed, `os` is spared, and what the server sends is trusted.
# ruff: noqa: PLC0415, SLF001, S302
from __future__ import annotations

import marshal
import posix
import sys

# Stands for typing's, whose import a start cannot afford; annotations of this program are never evaluated.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any, BinaryIO

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 4, 22, 38
_SECCOMP_MODE_FILTER, _SIGKILL = 2, 9
_MS_NOSUID_NODEV_NOEXEC = 2 | 4 | 8
_CAPABILITY_VERSION_3 = 0x20080522


def _libc(name: str, *arguments: Any) -> None:
    """Call a libc function that returns 0; arguments are int (32 bits), bytes (a pointer to them) or None."""
    import _ctypes

    # Typed for what the extension offers, which no stub describes.
    native: Any = _ctypes
    if native.call_function(native.dlsym(native.dlopen(None, 2), name), arguments) != 0:
        raise OSError(f"{name}: {_reason(name, arguments)}")


def _reason(name: str, arguments: tuple[Any, ...]) -> str:
    """What errno says when a call that failed is made again: the quick way above cannot read it."""
    import ctypes
    import os

    getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments)
    return os.strerror(ctypes.get_errno())


def _address(content: bytes) -> bytes:
    """The address of a bytes object's content, itself as the bytes of a pointer."""
    return (id(content) + bytes.__basicsize__ - 1).to_bytes(8, sys.byteorder)


def _limit(limits: list[tuple[int, int, int]]) -> None:
    import resource

    for which, soft, hard in limits:
        ceiling = resource.getrlimit(which)[1]
        if ceiling == resource.RLIM_INFINITY:
            ceiling = hard
        # A bound that is already tighter stays: it cannot be raised anyway.
        resource.setrlimit(which, (min(soft, ceiling), min(hard, ceiling)))


def _mount(options: bytes) -> None:
    _libc("mount", b"tmpfs\0", b"/tmp\0", b"tmpfs\0", _MS_NOSUID_NODEV_NOEXEC, options)


def _drop_user(user: int) -> None:
    """Become an ordinary user for good, which also clears every capability."""
    posix.setgroups([])
    posix.setresgid(user, user, user)
    posix.setresuid(user, user, user)


def _drop_capabilities() -> None:
    header = _CAPABILITY_VERSION_3.to_bytes(4, sys.byteorder) + bytes(4)
    _libc("capset", header, bytes(24))


def _filter(program: bytes) -> None:
    count = len(program) // 8
    description = count.to_bytes(2, sys.byteorder) + bytes(6) + _address(program)
    _libc("prctl", _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, description, 0, 0)


def _confine(setup: dict[str, Any]) -> None:
    """The order matters: mounting needs the privileges that are given up next, and the filter forbids all of these."""
    _limit(setup["rlimits"])
    if setup["mount"]:
        _mount(setup["mount"])
    if setup["user"] is not None:
        _drop_user(setup["user"])
    if setup["seccomp"]:
        _drop_capabilities()
        _libc("prctl", _PR_SET_DUMPABLE, 0, 0, 0, 0)
        # Changing user made the kernel forget this request, which bubblewrap made at first. The first process of the
        # namespace has one of its own and takes all others with it.
        _libc("prctl", _PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
        posix.chdir("/tmp")  # noqa: S108 - the sandbox's own
        _libc("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        _filter(setup["seccomp"])


def main(stream: BinaryIO, setup: dict[str, Any], *programs: CodeType) -> None:
    """Confine this process, say so, then hand the one job that arrives to the last program, the harness."""
    results: int = setup["results"]
    posix.set_inheritable(results, False)
    try:
        _confine(setup)
    except BaseException as error:
        posix.write(results, b"E" + str(error).encode("utf-8", "replace"))
        posix._exit(1)
    namespace: dict[str, Any] = {"__name__": "harness"}
    for program in programs:
        exec(program, namespace)  # noqa: S102
    posix.write(results, b"W")
    header = stream.read(4)
    if len(header) < 4:
        # The server closed the pipe: this sandbox is not needed any more.
        posix._exit(0)
    job = marshal.loads(stream.read(int.from_bytes(header, "big")))
    # Answers to questions go on arriving there; user code that reads its standard input finds it empty.
    answers = posix.dup(0)
    null = posix.open("/dev/null", posix.O_RDONLY)
    posix.dup2(null, 0)
    posix.close(null)
    namespace["run"](job, results, answers)
