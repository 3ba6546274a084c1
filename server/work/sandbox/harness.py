"""The program that runs a job inside a sandbox: it loads the user's module, calls its entry and writes one result.

Like bootstrap.py it is sent to the sandbox compiled and never imported, and it spares imports for the same reason.
A result is four bytes of length and that many bytes: `O` and the output, as encoding.py writes it, or `F` and the JSON
of [type, message, traceback]. Before it come questions, `Q` and their arguments, whose answers arrive in the same form
where the job came from. User code can write to that pipe too, so the server believes none of it.
"""

# Imports wait until they are needed and `os` is spared.
# ruff: noqa: PLC0415, SLF001
from __future__ import annotations

import posix
import sys

# Stands for typing's, whose import a start cannot afford; annotations of this program are never evaluated.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    # The server sends that program before this one, into the same namespace.
    from server.work.sandbox.encoding import NotJSON, decode, encode
    from server.work.sandbox.questions import knowledge, write

_FILE = "agent.py"
_MESSAGE_LIMIT, _TRACEBACK_LIMIT = 8 * 1024, 32 * 1024
_OUT_OF_MEMORY = "the run needed more memory than it is allowed"


class _Indifferent:
    """contextlib.suppress for everything, without its import."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> bool:
        return True


def run(job: dict[str, Any], results: int, answers: int) -> None:
    """Run the job, write its result and end the process, whatever threads user code left behind."""
    # Given back when memory ran out, so that there is some to say so with.
    reserve: list[bytes] = [bytes(4 * 1024 * 1024)]
    try:
        output, allowed = encode(_call(job, knowledge(results, answers))), job["result_bytes"]
        payload = b"O" + output
        if len(output) > allowed:
            message = f"the output is {len(output)} bytes; {allowed} are allowed"
            payload = _failure("OutputTooLarge", message, "")
    except NotJSON as error:
        payload = _failure("OutputNotJSON", str(error), "")
    except SystemExit as error:
        payload = _failure("SystemExit", f"the code exited with {error.code!r}", _traceback(error, job))
    except BaseException as error:
        reserve.clear()
        if isinstance(error, MemoryError):
            _forget_locals(error)
        payload = _failure(type(error).__name__, _message(error), _traceback(error, job))
    _flush()
    write(results, payload)
    posix._exit(0)


def _call(job: dict[str, Any], library: Any) -> Any:
    import builtins

    # What `site` defines where it runs; scripts call them.
    vars(builtins).update(exit=sys.exit, quit=sys.exit)
    if job["environment"]:
        sys.path.append(job["environment"])
    if job["traceparent"]:
        _set_variable("TRACEPARENT", job["traceparent"])
    module = type(sys)("agent")
    module.__file__ = _FILE
    sys.modules["agent"], sys.modules[library.__name__] = module, library
    exec(compile(job["code"], _FILE, "exec", dont_inherit=True), module.__dict__)  # noqa: S102
    entry = module.__dict__.get(job["entry"])
    if entry is None:
        raise NameError(f"the code does not define {job['entry']!r}")
    value = _apply(entry, job["style"], decode(job["input"], 0, len(job["input"])))
    return _await(value, job) if hasattr(type(value), "__await__") else value


def _set_variable(name: str, value: str) -> None:
    """Set a variable of this process's environment, for who has imported `os` and for who does so later."""
    posix.environ[name.encode()] = value.encode()
    if "os" in sys.modules:
        sys.modules["os"].environ[name] = value


def _apply(entry: Any, style: str, value: Any) -> Any:
    if style == "none":
        return entry()
    if style == "whole":
        return entry(value)
    if not isinstance(value, dict):
        raise TypeError(f"the input has to be an object, not {type(value).__name__}")
    if style == "keywords":
        return entry(**value)
    if style != "sole":
        raise ValueError(f"unknown style {style!r}")
    if len(value) != 1:
        raise TypeError(f"the input has to hold exactly one value, not {len(value)}")
    return entry(*value.values())


def _await(awaitable: Any, job: dict[str, Any]) -> Any:
    """Run an awaitable; by hand where nothing can want asyncio, whose import takes longer than most runs."""
    if "asyncio" in sys.modules or "asyncio" in job["code"] or job["environment"]:
        import asyncio

        async def main() -> Any:
            return await awaitable

        return asyncio.run(main())
    steps = awaitable.__await__()
    try:
        yielded = steps.send(None)
    except StopIteration as stop:
        return stop.value
    raise RuntimeError(f"the code awaits {yielded!r}, which only an event loop can resolve")


def _failure(kind: str, message: str, traceback: str) -> bytes:
    parts = [kind[:200], message, traceback]
    return b"F" + _json([part.encode("utf-8", "replace").decode() for part in parts]).encode()


def _json(texts: list[str]) -> str:
    """Their JSON. The encoder's C half alone where there is one: importing json takes longer than a start."""
    try:
        import _json

        native: Any = _json
        return "[" + ",".join([native.encode_basestring(text) for text in texts]) + "]"
    except Exception:
        import json

        return json.dumps(texts, ensure_ascii=False)


def _message(error: BaseException) -> str:
    try:
        text = str(error)
    except BaseException:
        return "<the exception cannot be shown>"
    text = text or (_OUT_OF_MEMORY if isinstance(error, MemoryError) else "")
    return text if len(text) <= _MESSAGE_LIMIT else text[:_MESSAGE_LIMIT] + "… (shortened)"


def _traceback(error: BaseException, job: dict[str, Any]) -> str:
    """The traceback as Python shows it, of user frames alone: not this program's, not the standard library's."""
    try:
        import linecache
        import traceback

        source = job["code"]
        linecache.cache[_FILE] = (len(source), None, source.splitlines(keepends=True), _FILE)
        report = traceback.TracebackException(type(error), error, error.__traceback__, compact=True)
        _keep_user_frames(report, job["environment"], set())
        text = "".join(report.format())
    except BaseException:
        return ""
    if len(text) > _TRACEBACK_LIMIT:
        half = _TRACEBACK_LIMIT // 2
        text = f"{text[:half]}\n  … (shortened)\n{text[-half:]}"
    return text


def _keep_user_frames(report: Any, packages: str | None, seen: set[int]) -> None:
    if report is None or id(report) in seen:
        return
    seen.add(id(report))
    report.stack[:] = [frame for frame in report.stack if _is_users(frame.filename, packages)]
    for other in (report.__cause__, report.__context__, *(getattr(report, "exceptions", None) or ())):
        _keep_user_frames(other, packages, seen)


def _is_users(filename: str, packages: str | None) -> bool:
    return filename == _FILE or (packages is not None and filename.startswith(packages + "/"))


def _forget_locals(error: BaseException) -> None:
    """Drop what the failed frames hold, which is likely what filled the memory."""
    sys.modules.pop("agent", None)
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == _FILE:
            with _Indifferent():  # one that still runs, a generator's say, cannot be cleared
                trace.tb_frame.clear()
        trace = trace.tb_next


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        # Closed or replaced by user code, perhaps, whose loss it is.
        with _Indifferent():
            stream.flush()
