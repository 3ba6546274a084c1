"""What a run returns, how it fails, and that nothing of it is left."""

import asyncio
import contextlib
import gc
import os
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from server import values
from server.work.sandbox import Job, Limits, Outcome, Sandboxes, SandboxUnavailable, bubblewrap
from tests.support.services import missing
from tests.support.waiting import eventually


@pytest_asyncio.fixture(params=[False, True], ids=["sandboxed", "unsandboxed"])
async def sandboxes(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Sandboxes]:
    started = Sandboxes(prewarmed=1, unsandboxed=request.param, scratch=tmp_path)
    await started.start()
    if started.unavailable is not None:
        missing(started.unavailable)
    yield started
    await started.close()
    assert not list(tmp_path.glob("run-*"))


@pytest_asyncio.fixture
async def confined() -> AsyncIterator[Sandboxes]:
    started = Sandboxes(prewarmed=2)
    await started.start()
    if started.unavailable is not None:
        missing(started.unavailable)
    yield started
    await started.close()


async def prepared(sandboxes: Sandboxes) -> None:
    """Until its two sandboxes wait for a job."""
    await eventually(lambda: sum(sandbox.ready.done() for sandbox in sandboxes._living) == 2)


async def call(
    sandboxes: Sandboxes,
    code: str,
    input: object = None,
    style: str = "none",
    environment: Path | None = None,
    **limits: float,
) -> Outcome:
    given = values.encode(input)
    outcome = await sandboxes.run(
        Job(code=code, entry="f", style=style, input=given, environment=environment, limits=Limits(**limits))  # type: ignore[arg-type]
    )
    return outcome if outcome.output is None else replace(outcome, output=values.decode(outcome.output))  # type: ignore[arg-type]


def children() -> set[int]:
    found = set()
    for task in Path("/proc/self/task").iterdir():
        # A thread that ends now leaves its children to another one.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found |= set(map(int, (task / "children").read_text().split()))
    return found


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize(
    ("style", "parameters", "input", "expected"),
    [
        ("keywords", "a, b=2", {"a": 1}, [1, 2]),
        ("whole", "a, b=2", {"a": 1}, [{"a": 1}, 2]),
        ("whole", "a, b=2", [1], [[1], 2]),
        ("sole", "a, b=2", {"text": "x"}, ["x", 2]),
        ("none", "a=1, b=2", {"ignored": 1}, [1, 2]),
    ],
)
async def test_binding(sandboxes: Sandboxes, style: str, parameters: str, input: object, expected: object) -> None:
    outcome = await call(sandboxes, f"def f({parameters}): return [a, b]", input, style)
    assert outcome.failure is None
    assert outcome.output == expected
    assert outcome.duration_ms > 0


@pytest.mark.parametrize(
    ("style", "input", "type"),
    [
        ("keywords", [1], "TypeError"),
        ("sole", {}, "TypeError"),
        ("sole", {"a": 1, "b": 2}, "TypeError"),
        ("odd", {}, "ValueError"),
    ],
)
async def test_input_that_does_not_fit(sandboxes: Sandboxes, style: str, input: object, type: str) -> None:
    outcome = await call(sandboxes, "def f(*a, **k): return 1", input, style)
    assert outcome.failure is not None
    assert outcome.failure.type == type


@pytest.mark.parametrize(
    "code",
    [
        "async def f(): return 3",
        "async def g(): return 3\nasync def f(): return await g()",
        "import asyncio\nasync def f():\n    await asyncio.sleep(0.01)\n    return 3",
        "import asyncio\ndef f(): return asyncio.run(asyncio.to_thread(lambda: 3))",
        "import asyncio\nasync def g(): return 1\nasync def f(): return sum(await asyncio.gather(g(), g(), g()))",
    ],
)
async def test_async_entries(sandboxes: Sandboxes, code: str) -> None:
    outcome = await call(sandboxes, code)
    assert outcome.failure is None
    assert outcome.output == 3


@pytest.mark.parametrize(
    "expression",
    [
        "None",
        "True",
        "-1.5",
        "2**53",
        "1e300",
        "0.1 + 0.2",
        "'é\\u2028\"\\\\ud800 \\x00'",
        "[[], {}, [1, {'a': None}]]",
        "{'': [0]}",
    ],
)
async def test_json_values(sandboxes: Sandboxes, expression: str) -> None:
    outcome = await call(sandboxes, f"def f(): return {expression}")
    assert outcome.failure is None
    assert outcome.output == eval(expression)


async def test_tuples_become_lists_and_large_input_arrives(sandboxes: Sandboxes) -> None:
    outcome = await call(sandboxes, "def f(x): return (len(x), 2)", {"x": "x" * 3_000_000}, "sole")
    assert outcome.output == [3_000_000, 2]


async def test_output_streams(sandboxes: Sandboxes) -> None:
    code = "import os, sys\ndef f():\n    print('out\\0é'); print('err', file=sys.stderr); os.write(1, b'\\xff')"
    outcome = await call(sandboxes, code)
    assert (outcome.failure, outcome.output) == (None, None)
    assert "out\ufffdé\n" in outcome.stdout
    assert outcome.stdout.count("\ufffd") == 2
    assert outcome.stderr == "err\n"


async def test_printing_a_result_is_just_printing(sandboxes: Sandboxes) -> None:
    outcome = await call(sandboxes, "def f():\n    print('{\"output\": 666}', flush=True)\n    return 1")
    assert outcome.output == 1


async def test_long_output_is_shortened(sandboxes: Sandboxes) -> None:
    outcome = await call(sandboxes, "def f(): print('x' * 200_000)", output_bytes=100)
    assert outcome.failure is None
    assert outcome.stdout == "x" * 100 + "\n[output truncated: only the first 100 bytes are kept]\n"


async def test_standard_input_is_empty(sandboxes: Sandboxes) -> None:
    assert (await call(sandboxes, "import sys\ndef f(): return sys.stdin.read()")).output == ""


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("{'items': [0, 1, 2, {3}]}", "output.items[3]: set"),
        ("{'a b': [b'']}", "output['a b'][0]: bytes"),
        ("[float('nan')]", "output[0]: nan"),
        ("-float('inf')", "output: -inf"),
        ("{1: 2}", "output: the key 1"),
        ("{None: 2}", "output: the key None"),
        ("'\\ud800'", "output: text with a lone surrogate"),
        ("10**5000", "output: an integer"),
        ("object", "output: type"),
    ],
)
async def test_output_that_is_not_json(sandboxes: Sandboxes, expression: str, message: str) -> None:
    outcome = await call(sandboxes, f"def f(): return {expression}")
    assert outcome.failure is not None
    assert outcome.failure.type == "OutputNotJSON"
    assert outcome.failure.message.startswith(message)


async def test_deep_and_circular_output(sandboxes: Sandboxes) -> None:
    outcome = await call(sandboxes, "def f():\n    a = []\n    a.append(a)\n    return a")
    assert outcome.failure is not None
    assert "nested deeper" in outcome.failure.message


@pytest.mark.parametrize(
    ("code", "type", "message"),
    [
        ("def f(): raise ValueError('no')", "ValueError", "no"),
        ("class Odd(Exception): pass\ndef f(): raise Odd('x' * 20_000)", "Odd", "xxx"),
        ("class Bad(Exception):\n    def __str__(self): 1/0\ndef f(): raise Bad", "Bad", "<the exception"),
        ("raise ImportError('at load')", "ImportError", "at load"),
        ("def f(:", "SyntaxError", "invalid syntax"),
        ("def g(): pass", "NameError", "the code does not define 'f'"),
        ("def f(): return f()", "RecursionError", "maximum recursion"),
        ("import sys\ndef f(): sys.exit(3)", "SystemExit", "the code exited with 3"),
        ("exit('bye')", "SystemExit", "the code exited with 'bye'"),
        ("import os\ndef f(): os._exit(4)", "ProcessExited", "the program ended its process with status 4"),
        ("import ctypes\ndef f(): ctypes.string_at(0)", "Killed", "the program was killed by signal 11 (SIGSEGV)"),
        ("def f(): return bytearray(10**10)", "MemoryError", "the run needed more memory"),
        ("def f():\n    a = []\n    while True: a.append(' ' * 10**6 + str(len(a)))", "MemoryError", ""),
        ("def f(): return 'x' * 2**20", "OutputTooLarge", "the output is 1048580 bytes"),
        ("import missing", "ModuleNotFoundError", "No module named 'missing'"),
        ("def f(): raise ExceptionGroup('g', [ValueError(1)])", "ExceptionGroup", "g (1 sub-exception)"),
    ],
)
async def test_failures(sandboxes: Sandboxes, code: str, type: str, message: str) -> None:
    outcome = await call(sandboxes, code, memory_bytes=256 << 20)
    assert outcome.output is None
    assert outcome.failure is not None
    assert outcome.failure.type == type
    assert outcome.failure.message.startswith(message)
    assert len(outcome.failure.message) < 9000
    assert len(outcome.failure.traceback) < 40_000


async def test_traceback_shows_user_code_alone(sandboxes: Sandboxes) -> None:
    code = "import json\ndef g():\n    json.loads('{')\ndef f():\n    try: g()\n    except ValueError as e: raise KeyError('k') from e"
    failure = (await call(sandboxes, code)).failure
    assert failure is not None
    assert "json.loads('{')" in failure.traceback
    assert "direct cause" in failure.traceback
    files = {line.split('"')[1] for line in failure.traceback.splitlines() if line.startswith("  File")}
    assert files == {"agent.py"}


async def test_asyncio_frames_are_left_out(sandboxes: Sandboxes) -> None:
    failure = (await call(sandboxes, "import asyncio\nasync def f():\n    await asyncio.sleep(0)\n    1/0")).failure
    assert failure is not None
    assert failure.traceback.count("File") == 1


async def test_wall_limit(sandboxes: Sandboxes) -> None:
    begun = time.perf_counter()
    outcome = await call(sandboxes, "import time\ndef f(): time.sleep(60)", wall_seconds=0.3)
    assert time.perf_counter() - begun < 2
    assert outcome.failure is not None
    assert (outcome.failure.type, outcome.failure.message) == ("TimeoutError", "the run took longer than 0.3 s")


async def test_cpu_limit(sandboxes: Sandboxes) -> None:
    outcome = await call(sandboxes, "def f():\n    while True: pass", cpu_seconds=1, wall_seconds=10)
    assert outcome.failure is not None
    assert outcome.failure.type == "TimeoutError"
    assert "processor time" in outcome.failure.message


async def test_cancellation_kills(sandboxes: Sandboxes) -> None:
    task = asyncio.create_task(call(sandboxes, "import time\ndef f(): time.sleep(60)"))
    (busy,) = await eventually(lambda: {sandbox for sandbox in sandboxes._living if sandbox._end is not None})
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert busy.gone.done()


async def test_a_cancellation_is_heard_at_whichever_turn_of_the_loop_it_comes(sandboxes: Sandboxes) -> None:
    for turns in range(8):
        await eventually(lambda: any(sandbox.fit for shelf in sandboxes._shelves.values() for sandbox in shelf))
        task = asyncio.create_task(call(sandboxes, "import time\ndef f(): time.sleep(60)"))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task}, timeout=5)
        assert task.done() and task.cancelled(), f"forgotten at turn {turns}"


async def test_unsandboxed_forks_are_killed(tmp_path: Path) -> None:
    sandboxes = Sandboxes(prewarmed=0, unsandboxed=True, scratch=tmp_path)
    await sandboxes.start()
    code = "import os, time\ndef f():\n    pid = os.fork()\n    if pid: return pid\n    time.sleep(60)"
    pid = (await call(sandboxes, code)).output
    assert isinstance(pid, int)
    await sandboxes.close()
    for _ in range(100):
        if not _runs(pid):
            return
        await asyncio.sleep(0.02)
    pytest.fail("a forked process is left")


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_nothing_is_left_after_many_runs() -> None:
    async def many() -> None:
        sandboxes = Sandboxes(prewarmed=2, concurrency=3)
        await sandboxes.start()
        if sandboxes.unavailable is not None:
            missing(sandboxes.unavailable)
        outcomes = await asyncio.gather(*(call(sandboxes, "def f(x): return x", {"x": n}, "sole") for n in range(50)))
        assert [outcome.output for outcome in outcomes] == list(range(50))
        await call(sandboxes, "import time\ndef f(): time.sleep(60)", wall_seconds=0.1)
        await sandboxes.close()

    # What earlier tests have left goes while this runs for the first time, and less is no leak.
    await many()
    gc.collect()
    before = descriptors(), children()
    await many()
    assert descriptors() <= before[0] and children() <= before[1]


def test_runs_on_uvloop() -> None:
    uvloop = pytest.importorskip("uvloop")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(test_nothing_is_left_after_many_runs())


async def test_a_sandbox_is_used_once(confined: Sandboxes) -> None:
    code = (
        "import builtins, os\ndef f():\n    seen = getattr(builtins, 'mark', 0), os.listdir('/tmp'), os.listdir('.')\n"
        "    builtins.mark = 1\n    open('/tmp/mark', 'w').close()\n    return seen"
    )
    for _ in range(6):
        assert (await call(confined, code)).output == [0, [], []]


async def test_a_sandbox_that_dies_while_waiting_is_replaced(confined: Sandboxes) -> None:
    await prepared(confined)
    for sandbox in tuple(confined._living):
        sandbox.kill()
    assert (await call(confined, "def f(): return 1")).output == 1


async def test_concurrency_is_bounded() -> None:
    sandboxes = Sandboxes(prewarmed=0, concurrency=2)
    await sandboxes.start()
    if sandboxes.unavailable is not None:
        missing(sandboxes.unavailable)
    code = (
        "import time\ndef f():\n    begun = time.monotonic()\n    time.sleep(0.2)\n    return [begun, time.monotonic()]"
    )
    spans = [outcome.output for outcome in await asyncio.gather(*(call(sandboxes, code) for _ in range(5)))]
    await sandboxes.close()
    for begun, _ in spans:
        assert sum(start <= begun < end for start, end in spans) <= 2


async def test_environment_is_importable_and_read_only(sandboxes: Sandboxes, tmp_path: Path) -> None:
    packages = tmp_path / "packages"
    packages.mkdir()
    (packages / "extra.py").write_text("def fail(): raise ValueError('in a package')\n")
    (packages / "bad.pth").write_text("import sys; sys.pth = 1\n")
    for folder in (packages, *packages.parents):
        if folder.owner() == tmp_path.owner() and folder != Path("/tmp"):
            folder.chmod(folder.stat().st_mode | 0o055)
    code = "import extra, sys\ndef f():\n    assert not hasattr(sys, 'pth')\n    extra.fail()"
    for _ in range(2):
        failure = (await call(sandboxes, code, environment=packages)).failure
        assert failure is not None
        assert failure.type == "ValueError"
        assert "extra.py" in failure.traceback
    if sandboxes.isolation != "none":
        code = "import extra\ndef f(): open(extra.__file__, 'a')"
        failure = (await call(sandboxes, code, environment=packages)).failure
        assert failure is not None
        assert failure.type == "PermissionError", failure.message


_SERVICE = """
import asyncio, sys
from server import values
from server.work.sandbox import Job, Sandboxes
async def main():
    sandboxes = Sandboxes(prewarmed=2)
    await sandboxes.start()
    if sandboxes.unavailable is None:
        code = "import time, signal; signal.signal(15, signal.SIG_IGN); print(1)" + chr(10) + "def f(): time.sleep(60)"
        task = asyncio.create_task(sandboxes.run(Job(code=code, entry="f", style="none", input=values.NULL)))
        await asyncio.sleep(0.5)
    print(sandboxes.unavailable, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


async def test_a_service_that_is_killed_takes_its_sandboxes_along() -> None:
    project = Path(__file__).resolve().parents[2]
    service = await asyncio.create_subprocess_exec(sys.executable, "-c", _SERVICE, stdout=-1, cwd=project)
    assert service.stdout is not None
    unavailable = (await service.stdout.readline()).decode().strip()
    below = _below(service.pid)
    service.kill()
    await service.wait()
    if unavailable != "None":
        missing(unavailable)
    assert len(below) >= 6
    for _ in range(100):
        if not any(_runs(pid) for pid in below):
            return
        await asyncio.sleep(0.02)
    pytest.fail(f"left running: {[pid for pid in below if _runs(pid)]}")


def _below(pid: int) -> list[int]:
    try:
        found = list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))
    except FileNotFoundError:
        return []
    return found + [pid for child in found for pid in _below(child)]


async def test_the_deepest_input_comes_back_as_it_was_with_its_keys_in_order(sandboxes: Sandboxes) -> None:
    deep: object = {"z": 1.5, "a": [None, True, "é\n"]}
    for _ in range(28):
        deep = {"in": deep}
    outcome = await call(sandboxes, "def f(x): return x", deep, "whole")
    assert outcome.failure is None and outcome.output == deep
    ordered = await call(sandboxes, "def f(x): return list(x)", {"b": 1, "a": 2, "c": 3}, "whole")
    assert ordered.output == ["b", "a", "c"]
    too_deep = await call(sandboxes, "def f(x): return [x]", deep, "whole")
    assert too_deep.failure is not None and too_deep.failure.type == "OutputNotJSON"


async def test_bytes_that_are_no_value_fail_the_run(sandboxes: Sandboxes) -> None:
    outcome = await sandboxes.run(Job(code="def f(x): return x", entry="f", style="whole", input=b"\x4a\x01x"))
    assert outcome.failure is not None and outcome.failure.message == "the input is not what it should be"


async def test_unavailable_where_bubblewrap_is_broken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(bubblewrap, "locate", lambda: str(broken))
    sandboxes = Sandboxes()
    await sandboxes.start()
    assert sandboxes.isolation == "none"
    assert sandboxes.unavailable is not None
    assert "No permissions to create new namespace" in sandboxes.unavailable
    with pytest.raises(SandboxUnavailable, match="No permissions"):
        await call(sandboxes, "def f(): return 1")
    await sandboxes.close()


async def test_starts_that_go_on_failing_are_not_repeated_hotly(
    confined: Sandboxes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    count = tmp_path / "count"
    broken = tmp_path / "bwrap"
    broken.write_text(f"#!/bin/sh\necho >> {count}\necho 'bwrap: out of luck' >&2\nexit 1\n")
    broken.chmod(0o755)
    await prepared(confined)
    monkeypatch.setattr(bubblewrap, "locate", lambda: str(broken))
    for _ in range(2):
        assert (await call(confined, "def f(): return 1")).output == 1  # prepared before
    await asyncio.sleep(1)
    assert 1 <= len(count.read_text().splitlines()) <= 6
    with pytest.raises(SandboxUnavailable, match="out of luck"):
        await call(confined, "def f(): return 1")
    monkeypatch.undo()
    assert (await call(confined, "def f(): return 1")).output == 1


async def test_unavailable_without_bubblewrap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bubblewrap, "locate", lambda: None)
    sandboxes = Sandboxes()
    await sandboxes.start()
    assert sandboxes.unavailable is not None
    assert "not installed" in sandboxes.unavailable
    await sandboxes.close()
