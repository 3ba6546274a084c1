"""Which models providers say they have: asked for together, kept for a while, and waited for a moment."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from server.pace import Pace
from server.work.models.faults import Fault
from server.work.models.provider import Provider

# How long a list is kept, and how long it counts that there was none; how long a provider may take, and how long
# somebody waits for it, who gets what is there then. Seconds.
KEPT, KEPT_NONE, TAKES, WAITS = 300.0, 30.0, 20.0, 3.0
MOST_MODELS, _MOST_NAME = 2000, 200
# One model of a list has no more bytes than this.
_ENTRY = 64 << 10
_SPACES = re.compile(r"\s{0,4096}")
_DECODER = json.JSONDecoder()
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Listed:
    models: Sequence[str]
    until: float


class Listing:
    """The models of some providers."""

    def __init__(self, providers: Sequence[Provider], clock: Callable[[], float] = time.monotonic) -> None:
        self._providers = {each.configured.name: each for each in providers}
        self._clock = clock
        self._listed: dict[str, _Listed] = {}
        # One question a provider at a time, whoever waits for it.
        self._asking: dict[str, asyncio.Task[None]] = {}

    def known(self, provider: str) -> Sequence[str]:
        """What a provider listed last, without asking."""
        found = self._listed.get(provider)
        return found.models if found else ()

    async def of(self, providers: Sequence[str], seconds: float = WAITS) -> dict[str, Sequence[str]]:
        """The models of providers; of one that does not answer so soon, those that it had before, or none."""
        now = self._clock()
        asked = [self._ask(each) for each in providers if each not in self._listed or self._listed[each].until <= now]
        if asked:
            await asyncio.wait(asked, timeout=seconds)
        return {each: self.known(each) for each in providers}

    async def close(self) -> None:
        """Asks no more."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ask(self, provider: str) -> asyncio.Task[None]:
        task = self._asking.get(provider)
        if task is None:
            task = self._asking[provider] = asyncio.create_task(self._refresh(provider))
            task.add_done_callback(lambda _: self._asking.pop(provider))
        return task

    async def _refresh(self, name: str) -> None:
        try:
            async with asyncio.timeout(TAKES):
                models = await names_in(await self._providers[name].models())
            self._listed[name] = _Listed(models, self._clock() + KEPT)
        except (Fault, ValueError, RecursionError, TimeoutError):
            # What it had it may still have.
            self._listed[name] = _Listed(self.known(name), self._clock() + KEPT_NONE)
        except Exception:
            log.exception("bug", provider=name)
            self._listed[name] = _Listed((), self._clock() + KEPT_NONE)


async def names_in(listed: bytes) -> list[str]:
    """The names in a list of models as OpenAI has it, `{"data": [{"id": …}]}`. Raises ValueError where it is none.

    Such a list may take a tenth of a second to parse, so one model comes after the other, and others have turns.
    """
    text, pace, found = listed.decode(), Pace(), dict[str, None]()
    at = text.find("[", max(0, text.find('"data"')))
    while 0 <= at < len(text) and len(found) < MOST_MODELS:
        at = _past(text, at + 1)
        if text[at : at + 1] == "]":
            return list(found)
        model, taken = _DECODER.raw_decode(text[at : at + _ENTRY])
        name = model.get("id") if isinstance(model, dict) else None
        if isinstance(name, str) and 0 < len(name) <= _MOST_NAME and name.isprintable():
            found[name] = None
        at = _past(text, at + taken)
        if text[at : at + 1] == "]":
            return list(found)
        if text[at : at + 1] != ",":
            break
        await pace.turn()
    if len(found) < MOST_MODELS:
        raise ValueError("no list of models")
    return list(found)


def _past(text: str, at: int) -> int:
    """Where the next character is that is no space; of so many spaces nobody makes a list."""
    found = _SPACES.match(text, at)
    assert found is not None
    return found.end()
