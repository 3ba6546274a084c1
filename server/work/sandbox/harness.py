"""The program that runs a job inside a sandbox: it loads the user's module, calls its entry and writes one result.

Like bootstrap.py it is sent to the sandbox compiled and never imported, and it spares imports for the same reason.
The input and the output are the bytes of a google.protobuf.Value: few rules, and no library. A result is four bytes of
length and that many bytes: `O` and the output, or `F` and the JSON of [type, message, traceback]. User code can write
to that pipe too, so the server believes none of it.
"""

# Imports wait until they are needed and `os` is spared.
# ruff: noqa: PLC0415, SLF001
from __future__ import annotations

import marshal
import posix
import sys

# Stands for typing's, whose import a start cannot afford; annotations of this program are never evaluated.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_FILE = "agent.py"
_MESSAGE_LIMIT, _TRACEBACK_LIMIT = 8 * 1024, 32 * 1024
_OUT_OF_MEMORY = "the run needed more memory than it is allowed"
# What every reader of a google.protobuf.Value can still parse.
_DEPTH_LIMIT = 30
_INTEGER_LIMIT = 2**53
# What a value begins with, by its kind; an element of an object or a list; and the value of an object's entry.
_NULL, _NUMBER, _TEXT, _BOOLEAN, _OBJECT, _LIST = 0x08, 0x11, 0x1A, 0x20, 0x2A, 0x32
_ELEMENT, _ENTRY_VALUE = b"\x0a", b"\x12"


class _NotJSON(Exception):
    """Some part of the output has no JSON form."""


class _Indifferent:
    """contextlib.suppress for everything, without its import."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> bool:
        return True


def run(job: dict[str, Any], results: int) -> None:
    """Run the job, write its result and end the process, whatever threads user code left behind."""
    # Given back when memory ran out, so that there is some to say so with.
    reserve: list[bytes] = [bytes(4 * 1024 * 1024)]
    try:
        output, allowed = _encode(_call(job)), job["result_bytes"]
        payload = b"O" + output
        if len(output) > allowed:
            message = f"the output is {len(output)} bytes; {allowed} are allowed"
            payload = _failure("OutputTooLarge", message, "")
    except _NotJSON as error:
        payload = _failure("OutputNotJSON", str(error), "")
    except SystemExit as error:
        payload = _failure("SystemExit", f"the code exited with {error.code!r}", _traceback(error, job))
    except BaseException as error:
        reserve.clear()
        if isinstance(error, MemoryError):
            _forget_locals(error)
        payload = _failure(type(error).__name__, _message(error), _traceback(error, job))
    _flush()
    _write(results, len(payload).to_bytes(4, "big") + payload)
    posix._exit(0)


def _call(job: dict[str, Any]) -> Any:
    import builtins

    # What `site` defines where it runs; scripts call them.
    vars(builtins).update(exit=sys.exit, quit=sys.exit)
    if job["environment"]:
        sys.path.append(job["environment"])
    module = type(sys)("agent")
    module.__file__ = _FILE
    sys.modules["agent"] = module
    exec(compile(job["code"], _FILE, "exec", dont_inherit=True), module.__dict__)  # noqa: S102
    entry = module.__dict__.get(job["entry"])
    if entry is None:
        raise NameError(f"the code does not define {job['entry']!r}")
    value = _apply(entry, job["style"], _decode(job["input"], 0, len(job["input"])))
    return _await(value, job) if hasattr(type(value), "__await__") else value


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


def _decode(data: bytes, at: int, end: int) -> Any:
    """The value between two places. Numbers without a fraction are integers, as their writer meant."""
    if at >= end or data[at] == _NULL:
        return None
    kind = data[at]
    if kind == _NUMBER:
        number = marshal.loads(b"g" + data[at + 1 : at + 9])  # noqa: S302 - a float and nothing else
        return int(number) if number.is_integer() and -_INTEGER_LIMIT < number < _INTEGER_LIMIT else number
    length, at = _varint_at(data, at + 1)
    if kind == _BOOLEAN:
        return bool(length)
    if kind == _TEXT:
        return data[at : at + length].decode()
    if kind == _OBJECT:
        return dict(_decode_entry(data, start, stop) for start, stop in _pieces(data, at, at + length))
    if kind == _LIST:
        return [_decode(data, start, stop) for start, stop in _pieces(data, at, at + length)]
    raise ValueError("the input is not what it should be")


def _decode_entry(data: bytes, at: int, end: int) -> tuple[str, Any]:
    length, at = _varint_at(data, at + 1)
    key = data[at : at + length].decode()
    at += length
    start = _varint_at(data, at + 1)[1] if at < end else end
    return key, _decode(data, start, end)


def _pieces(data: bytes, at: int, end: int) -> Any:
    """Where each element of an object or a list begins and ends."""
    while at < end:
        length, at = _varint_at(data, at + 1)
        yield at, at + length
        at += length


def _varint_at(data: bytes, at: int) -> tuple[int, int]:
    byte = data[at]
    number, shift, at = byte & 0x7F, 7, at + 1
    while byte > 0x7F:
        byte = data[at]
        number |= (byte & 0x7F) << shift
        shift, at = shift + 7, at + 1
    return number, at


def _encode(value: Any) -> bytes:
    try:
        return _encoded(value, "output", _DEPTH_LIMIT)
    except (ValueError, RecursionError) as error:
        # Values that change while they are looked at, and classes that lie about what they are.
        raise _NotJSON(f"output: {error}") from None


def _encoded(value: Any, path: str, depth: int) -> bytes:
    """The value, or the place of the first one that JSON cannot say."""
    if value is None:
        return bytes((_NULL, 0))
    if value is True or value is False:
        return bytes((_BOOLEAN, value))
    if isinstance(value, str):
        text = _utf8(value, path)
        return bytes((_TEXT,)) + _varint(len(text)) + text
    if isinstance(value, int):
        if not -_INTEGER_LIMIT <= value <= _INTEGER_LIMIT:
            raise _NotJSON(f"{path}: an integer beyond 2^53, which JSON readers round; use a string")
        return _number(int(value))
    if isinstance(value, float):
        if value - value != 0:
            raise _NotJSON(f"{path}: {float.__repr__(value)} is not a JSON number")
        return _number(float(value))
    if not isinstance(value, (list, tuple, dict)):
        raise _NotJSON(f"{path}: {type(value).__name__}")
    if not depth:
        raise _NotJSON(f"{path[:200]}…: nested deeper than {_DEPTH_LIMIT} levels")
    if isinstance(value, dict):
        kind, pieces = _OBJECT, [_entry(key, item, path, depth) for key, item in value.items()]
    else:
        kind = _LIST
        pieces = [_encoded(item, f"{path}[{index}]", depth - 1) for index, item in enumerate(value)]
    body = b"".join([_ELEMENT + _varint(len(piece)) + piece for piece in pieces])
    return bytes((kind,)) + _varint(len(body)) + body


def _entry(key: Any, item: Any, path: str, depth: int) -> bytes:
    if not isinstance(key, str):
        raise _NotJSON(f"{path}: the key {key!r:.100} is of type {type(key).__name__}, not str")
    name = _utf8(key, path)
    value = _encoded(item, f"{path}.{key}" if key.isidentifier() else f"{path}[{key!r:.100}]", depth - 1)
    return _ELEMENT + _varint(len(name)) + name + _ENTRY_VALUE + _varint(len(value)) + value


def _number(value: float) -> bytes:
    return bytes((_NUMBER,)) + marshal.dumps(float(value), 2)[1:9]


def _varint(number: int) -> bytes:
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)


def _utf8(value: str, path: str) -> bytes:
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise _NotJSON(f"{path}: text with a lone surrogate, which UTF-8 cannot say") from None


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


def _write(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        try:
            view = view[posix.write(descriptor, view) :]
        except OSError:
            return  # user code closed it; the server sees that there is no result
