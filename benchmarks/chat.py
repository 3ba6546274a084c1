"""Chat: what this server adds to a model that answers at once, as OpenAI's client sees it."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.converse import Heard, Talk
from benchmarks.load import ROOT, Failed
from benchmarks.model_peer import MODEL
from benchmarks.report import ms, percentile, table
from benchmarks.scale import Scale
from benchmarks.servers import HOST, model_peer, orchestrator

TITLE = "Chat"
CLIENT_SECONDS = 180
# How far apart tokens are, in milliseconds: for one caller, for one to whom they all come at once, and for many.
CALM, FAST, PACED = 10.0, 0.0, 100.0


async def run(scale: Scale) -> str:
    """The table."""
    rounds, answers, streams, tokens = scale.of((5, 50, 200, 60), (2, 25, 200, 60), (1, 3, 5, 5))
    heard: dict[tuple[str, float], list[Heard]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        async with model_peer(folder / "model") as peer:
            model = {"MODEL_BASE_URL": f"http://{HOST}:{peer.port}/v1", "DEFAULT_MODEL": f"compatible/{MODEL}"}
            async with orchestrator(folder / "ours", ANSWERS_AT_ONCE=str(streams), **model) as ours:
                urls = {
                    "direct": {"url": f"http://{HOST}:{peer.port}/v1", "key": "none", "model": MODEL},
                    "ours": {"url": f"http://{HOST}:{ours.port}/v1", "key": ours.key, "model": f"compatible/{MODEL}"},
                }
                # What is loaded and compiled with the first requests is no part of the others.
                for target in urls.values():
                    await _converse(Talk(**target, streams=1, rounds=5, tokens=2, interval_ms=FAST))
                for number in range(rounds):
                    for name in urls if number % 2 == 0 else reversed(urls):
                        for pace in (CALM, FAST, PACED):
                            count, repeated = (streams, 1) if pace == PACED else (1, answers)
                            talk = Talk(**urls[name], streams=count, rounds=repeated, tokens=tokens, interval_ms=pace)
                            heard.setdefault((name, pace), []).append(await _converse(talk))
    return _table(heard, streams, tokens)


async def _converse(talk: Talk) -> Heard:
    """Has a process of its own ask. Raises Failed where an answer was not whole."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.converse"),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(CLIENT_SECONDS):
            output, _ = await process.communicate(json.dumps(asdict(talk)).encode())
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode:
        raise Failed("the client of chat failed")
    heard = Heard(**json.loads(output))
    if heard.errors:
        raise Failed(f"{len(heard.errors)} answers were not whole: {heard.errors[0]}")
    return heard


def _table(heard: dict[tuple[str, float], list[Heard]], streams: int, tokens: int) -> str:
    header = ["", "direct p50", "ours p50", "added p50", "direct p99", "ours p99"]
    rows = []
    for label, pace, what in (
        (f"one caller, a token every {CALM:g} ms: until the first token", CALM, _first),
        ("how late each later one is", CALM, _late),
        (f"one caller, {tokens} tokens at once: what each takes", FAST, _each),
        (f"{streams} callers, a token every {PACED:g} ms each: until the first token", PACED, _first),
        ("how late each later one is", PACED, _late),
    ):
        direct, ours = (sorted(what(heard[name, pace])) for name in ("direct", "ours"))
        halves = percentile(direct, 50), percentile(ours, 50)
        ends = percentile(direct, 99), percentile(ours, 99)
        rows.append([label, *map(ms, halves), ms(halves[1] - halves[0]), *map(ms, ends)])
    return table(header, rows)


def _first(rounds: Sequence[Heard]) -> list[float]:
    return [each for heard in rounds for each in heard.first]


def _late(rounds: Sequence[Heard]) -> list[float]:
    return [each for heard in rounds for each in heard.late]


def _each(rounds: Sequence[Heard]) -> list[float]:
    """The time from the first to the last token of each answer, by their number."""
    found = []
    for heard in rounds:
        together = len(heard.late) // max(1, len(heard.first))
        ends = heard.late[together - 1 :: together]
        found += [end / together for end in ends]
    return found
