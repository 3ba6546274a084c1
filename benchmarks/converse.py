"""The client of chat: a process that streams completions with OpenAI's client and notes when tokens came."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import Any

import uvloop
from openai import AsyncOpenAI

# What nobody may wait longer for, whatever is wrong.
PATIENCE_SECONDS = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """What to ask, of whom, how often, and how many at a time; each answer has so many tokens, so far apart."""

    url: str
    key: str
    model: str
    streams: int
    rounds: int
    tokens: int
    interval_ms: float


@dataclass(slots=True)
class Heard:
    """Milliseconds: until the first token of each answer, and how late each later one came; what went wrong."""

    first: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


async def converse(talk: Talk) -> Heard:
    """Asks."""
    heard = Heard()
    async with AsyncOpenAI(api_key=talk.key, base_url=talk.url, max_retries=0) as client:
        if talk.streams == 1:
            for _ in range(talk.rounds):
                await _one(client, talk, heard)
        else:
            # They begin one after the other, as people do; when the last one does, the first one is half through.
            step = talk.interval_ms * talk.tokens / 2000 / talk.streams
            starts = (_after(number * step, _one(client, talk, heard)) for number in range(talk.streams))
            await asyncio.gather(*starts)
    return heard


async def _after(seconds: float, work: Any) -> None:
    await asyncio.sleep(seconds)
    await work


async def _one(client: AsyncOpenAI, talk: Talk, heard: Heard) -> None:
    began, seen, first = time.perf_counter(), 0, 0.0
    ask: Any = client.chat.completions.create
    prompt = [{"role": "user", "content": f"{talk.tokens} {talk.interval_ms}"}]
    async for chunk in await ask(model=talk.model, messages=prompt, stream=True):
        if not chunk.choices or not chunk.choices[0].delta.content:
            continue
        now = time.perf_counter()
        # Tokens that are together in a piece came together.
        for _ in range(chunk.choices[0].delta.content.count("token ")):
            if not seen:
                first = now
                heard.first.append((now - began) * 1000)
            else:
                heard.late.append((now - first) * 1000 - seen * talk.interval_ms)
            seen += 1
    if seen != talk.tokens:
        heard.errors.append(f"{seen} of {talk.tokens} tokens")


async def _run(talk: Talk) -> Heard:
    async with asyncio.timeout(PATIENCE_SECONDS):
        return await converse(talk)


def main() -> None:
    """Reads a Talk from standard input, and writes what was heard to standard output."""
    talk = Talk(**json.load(sys.stdin))
    print(json.dumps(asdict(uvloop.run(_run(talk)))))


if __name__ == "__main__":
    main()
