"""What user code asks while it runs: answered one at a time, bounded, and believed by nobody."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from server import values
from server.work.sandbox import Answer, Job, Limits, Outcome, Sandboxes
from tests.support.services import missing

SEARCH = "import knowledge\ndef f(): return knowledge.search('otters', limit=3, tags=['a'])"
# Writes to the server's pipe by itself: the only pipe that is open for writing beside the standard ones.
RAW = """
import os, stat
def pipes():
    for number in range(3, 64):
        try:
            if stat.S_ISFIFO(os.fstat(number).st_mode): yield number
        except OSError: pass
def send(message):
    for number in pipes():
        try: return os.write(number, len(message).to_bytes(4, 'big') + message)
        except OSError: pass
"""


@pytest_asyncio.fixture(params=[False, True], ids=["sandboxed", "unsandboxed"])
async def sandboxes(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Sandboxes]:
    started = Sandboxes(prewarmed=0, unsandboxed=request.param, scratch=tmp_path)
    await started.start()
    if started.unavailable is not None:
        missing(started.unavailable)
    yield started
    await started.close()


async def run(sandboxes: Sandboxes, code: str, answer: Answer, seconds: float = 30) -> Outcome:
    job = Job(code=code, entry="f", style="none", input=values.NULL, limits=Limits(wall_seconds=seconds), answer=answer)
    return await sandboxes.run(job)


def answering(value: Any, kind: bytes = b"O") -> Answer:
    async def answer(_: bytes) -> bytes:
        return kind + values.encode(value)

    return answer


def output(outcome: Outcome) -> Any:
    assert outcome.output is not None, outcome.failure
    return values.decode(outcome.output)


async def test_code_asks_and_gets_the_answer(sandboxes: Sandboxes) -> None:
    asked = []

    async def answer(question: bytes) -> bytes:
        asked.append(values.decode(question))
        return b"O" + values.encode([{"text": "ö"}])

    assert output(await run(sandboxes, SEARCH, answer)) == [{"text": "ö"}]
    assert asked == [{"query": "otters", "limit": 3, "offset": 0, "tags": ["a"], "document_id": ""}]


async def test_an_answer_that_no_pipe_holds_at_once_arrives_whole(sandboxes: Sandboxes) -> None:
    code = "import knowledge\ndef f(): return [len(knowledge.search('x')[0]) for _ in range(3)]"
    assert output(await run(sandboxes, code, answering(["ab" * 400_000]))) == [800_000] * 3


@pytest.mark.parametrize("kind", ["PermissionError", "ValueError", "LookupError", "TypeError"])
async def test_a_refusal_is_an_exception(sandboxes: Sandboxes, kind: str) -> None:
    outcome = await run(sandboxes, SEARCH, answering([kind, "why"], b"F"))
    assert outcome.failure is not None and (outcome.failure.type, outcome.failure.message) == (kind, "why")
    assert "in f" in outcome.failure.traceback and "questions" not in outcome.failure.traceback


async def test_what_has_no_json_form_is_not_asked(sandboxes: Sandboxes) -> None:
    code = "import knowledge\ndef f(): knowledge.search({1})"
    outcome = await run(sandboxes, code, answering([]))
    assert outcome.failure is not None
    assert (outcome.failure.type, outcome.failure.message) == ("TypeError", "query: set")


async def test_threads_take_turns(sandboxes: Sandboxes) -> None:
    count = itertools.count()

    async def answer(question: bytes) -> bytes:
        await asyncio.sleep(0.01)
        return b"O" + values.encode([values.decode(question)["query"], next(count)])

    code = """
import knowledge
from concurrent.futures import ThreadPoolExecutor
def f():
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda n: knowledge.search(str(n)), range(20)))
"""
    answers = output(await run(sandboxes, code, answer))
    assert [each[0] for each in answers] == [str(number) for number in range(20)]
    assert {each[1] for each in answers} == set(range(20))


async def test_asking_again_before_the_answer_ends_the_run(sandboxes: Sandboxes) -> None:
    code = RAW + "\ndef f():\n    for _ in range(1000): send(b'Q')\n    import time; time.sleep(20)"
    asked = []

    async def answer(question: bytes) -> bytes:
        asked.append(question)
        await asyncio.sleep(20)
        return b""

    outcome = await run(sandboxes, code, answer)
    assert outcome.failure is not None and outcome.failure.type == "ProtocolError"
    assert len(asked) <= 1 and outcome.duration_ms < 10_000


async def test_answers_that_are_not_read_are_not_kept(sandboxes: Sandboxes) -> None:
    code = (
        RAW + "\ndef f():\n    import time\n    for _ in range(100): send(b'Q'); time.sleep(0.05)\n    time.sleep(20)"
    )
    asked = []

    async def answer(question: bytes) -> bytes:
        asked.append(question)
        return b"O" + bytes(1_000_000)

    outcome = await run(sandboxes, code, answer)
    assert outcome.failure is not None and outcome.failure.type == "ProtocolError"
    assert len(asked) == 1


async def test_a_result_counts_while_a_question_is_open(sandboxes: Sandboxes) -> None:
    code = RAW + "\ndef f():\n    send(b'Q')\n    return 1"
    ended = []

    async def answer(question: bytes) -> bytes:
        try:
            await asyncio.sleep(20)
        finally:
            ended.append(question)
        return b""

    assert output(await run(sandboxes, code, answer)) == 1
    await asyncio.sleep(0)
    assert len(ended) <= 1


async def test_the_time_of_a_run_counts_what_it_waits_for(sandboxes: Sandboxes) -> None:
    async def answer(_: bytes) -> bytes:
        await asyncio.sleep(20)
        return b""

    outcome = await run(sandboxes, SEARCH, answer, seconds=0.5)
    assert outcome.failure is not None and outcome.failure.type == "TimeoutError"


async def test_whoever_does_not_say_who_answers_has_nobody_to_ask(sandboxes: Sandboxes) -> None:
    outcome = await sandboxes.run(Job(code=SEARCH, entry="f", style="none", input=values.NULL))
    assert outcome.failure is not None and outcome.failure.type == "PermissionError"
