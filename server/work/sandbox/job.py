"""What a run is asked to do and what came of it: limits, jobs, failures and outcomes."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from server import values

MEBIBYTE = 1024 * 1024
# Answers what user code asks while it runs: a value (server.values), the arguments, to `O` and a value, the answer, or
# `F` and [type, message]. Both sides of it are bounded by whoever answers.
Answer = Callable[[bytes], Awaitable[bytes]]


async def no_answer(_: bytes) -> bytes:
    """To runs that have nobody to ask."""
    return b"F" + values.encode(["PermissionError", "this run may ask for nothing"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Every bound of one run, in SI units."""

    wall_seconds: float = 30.0
    cpu_seconds: int = 30
    memory_bytes: int = 512 * MEBIBYTE
    disk_bytes: int = 64 * MEBIBYTE
    inodes: int = 4096
    threads: int = 32
    output_bytes: int = 256 * 1024
    result_bytes: int = MEBIBYTE


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One call of one function of the user's module."""

    code: str
    entry: str
    style: str
    # A value (server.values).
    input: bytes
    environment: Path | None = None
    limits: Limits = field(default_factory=Limits)
    answer: Answer = no_answer
    # The W3C trace context, which the code finds in its environment as TRACEPARENT; empty for none.
    traceparent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a run has no output; the traceback shows the user's own frames and is empty where there is none."""

    type: str
    message: str
    traceback: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run returned or how it failed, and what it printed meanwhile."""

    # A value that nobody has looked at; None where there is a failure.
    output: bytes | None
    failure: Failure | None
    stdout: str
    stderr: str
    duration_ms: float


class SandboxUnavailable(Exception):
    """User code cannot be run here; the text is a reason that an operator can act on."""
