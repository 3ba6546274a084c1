"""What a run that ended means: its result, which user code may have forged, or the reason there is none."""

import json
import signal

from server.work.sandbox.job import Failure, Limits
from server.work.sandbox.launch import Isolation
from server.work.sandbox.process import End, Sandbox

_TYPE_LIMIT, _MESSAGE_LIMIT, _TRACEBACK_LIMIT = 200, 9 * 1024, 40 * 1024
# Bytes a failure's JSON may take beyond the result's own bound.
FAILURE_BYTES = 512 * 1024
_SIGNAL_STATUS = 128


def judge(
    sandbox: Sandbox, end: End, limits: Limits, isolation: Isolation, duration: float
) -> tuple[bytes | None, Failure | None]:
    """The output, or the failure, of a run."""
    if end is End.RESULT:
        return _result(sandbox.payload, limits)
    if end is End.TIMEOUT:
        return None, _failure("TimeoutError", f"the run took longer than {limits.wall_seconds:g} s")
    if end is End.TOO_LARGE:
        return None, _failure("OutputTooLarge", f"the result is larger than {limits.result_bytes} bytes")
    if end is End.CLOSED:
        return None, _failure("ProtocolError", "the program closed the pipe that its result goes to")
    if end is End.MUDDLED:
        return None, _failure("ProtocolError", "the program asked again before it was answered")
    return None, _ended(sandbox, limits, isolation, duration)


def _result(payload: bytes, limits: Limits) -> tuple[bytes | None, Failure | None]:
    kind, said = payload[:1], payload[1:]
    if kind == b"O":
        if len(said) > limits.result_bytes:
            return None, _failure("OutputTooLarge", f"the output is larger than {limits.result_bytes} bytes")
        return said, None
    try:
        parts = json.loads(said.decode()) if kind == b"F" else None
    except (ValueError, RecursionError):
        parts = None
    if not (isinstance(parts, list) and len(parts) == 3 and all(isinstance(part, str) for part in parts)):
        return None, _failure("ProtocolError", "the program wrote a result of an unknown form")
    type, text, trace = (part.encode("utf-8", "replace").decode() for part in parts)
    return None, Failure(
        type=_plain(type, _TYPE_LIMIT), message=_plain(text, _MESSAGE_LIMIT), traceback=_plain(trace, _TRACEBACK_LIMIT)
    )


def _ended(sandbox: Sandbox, limits: Limits, isolation: Isolation, duration: float) -> Failure:
    """Why a process that left no result went: its exit status, a signal, or a limit that the kernel enforced."""
    number = _signal(sandbox.status, isolation)
    if number is None:
        return _failure("ProcessExited", f"the program ended its process with status {sandbox.status} and no result")
    # A program that ignores the signal for processor time is killed a second later.
    if number == signal.SIGXCPU or (number == signal.SIGKILL and duration > limits.cpu_seconds):
        return _failure("TimeoutError", f"the run used more than {limits.cpu_seconds} s of processor time")
    if number == signal.SIGKILL and isolation is not Isolation.NONE:
        # Nothing else inside sends this signal, so the kernel did, which was out of memory.
        return _failure("MemoryError", "the kernel killed the program, most likely to get memory back")
    return _failure("Killed", f"the program was killed by {_name(number)}")


def _signal(status: int, isolation: Isolation) -> int | None:
    if status < 0:
        return -status
    if isolation is not Isolation.NONE and _SIGNAL_STATUS < status < _SIGNAL_STATUS + signal.NSIG:
        # How bubblewrap, like a shell, passes a signal on.
        return status - _SIGNAL_STATUS
    return None


def _name(number: int) -> str:
    try:
        return f"signal {number} ({signal.Signals(number).name})"
    except ValueError:
        return f"signal {number}"


def _failure(kind: str, message: str) -> Failure:
    return Failure(type=kind, message=message, traceback="")


def _plain(text: str, limit: int) -> str:
    return text[:limit].replace("\0", "\N{REPLACEMENT CHARACTER}")
