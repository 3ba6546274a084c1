"""One provider: asked within its time, again where that may help, and not at all while its circuit is open."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol

from server.core.models.port import ModelEnd, ModelRequest, TextPiece
from server.pace import Pace
from server.settings import Settings
from server.work.models import faults
from server.work.models.answer import Answer, Unreadable
from server.work.models.circuit import OPEN, Circuit
from server.work.models.faults import Fault
from server.work.models.table import Configured

# How often it is asked, how long it is waited for before the second time, in seconds, and the longest wait that a
# provider may ask for: whoever wants more is told at once.
TRIES, FIRST_WAIT, MOST_WAIT = 3, 0.5, 20.0
# How long usage may come after the end, of those who say it.
_AFTER_END = 2.0


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: for an answer in all, until its first piece, and between two."""

    total: float
    first: float
    idle: float

    @classmethod
    def of(cls, settings: Settings) -> Patience:
        """As it is set."""
        return cls(settings.model_timeout_seconds, settings.model_first_seconds, settings.model_idle_seconds)


class Client(Protocol):
    """Asks a provider, without trying again. Everything that goes wrong is a Fault."""

    def chat(self, request: ModelRequest, model: str) -> AsyncGenerator[object, None]:
        """The chunks of an answer as OpenAI's chat completions have them; closing it closes the connection."""

    async def models(self) -> bytes:
        """The list of models, as OpenAI has it."""

    async def close(self) -> None:
        """Closes its connections."""


class Provider:
    """A configured provider. Its client is made when it is first asked."""

    def __init__(
        self,
        provider: Configured,
        patience: Patience,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.configured = provider
        self.circuit = Circuit(provider.name, clock)
        self.patience = patience
        self._sleep = sleep
        self._client: Client | None = None
        self._making = asyncio.Lock()

    async def stream(self, request: ModelRequest, model: str) -> AsyncGenerator[TextPiece | ModelEnd, None]:
        """The answer of a model, and last how it ended. Raises the port's errors."""
        trial = self.circuit.enter()
        good: bool | None = None
        try:
            async with aclosing(self._tries(request, model)) as pieces:
                async for piece in pieces:
                    if trial:
                        self.circuit.alive()
                        trial = False
                    yield piece
            good = True
        except Fault as fault:
            good = not fault.counts
            raise fault.error from None
        finally:
            self.circuit.leave(trial, good)

    async def models(self) -> bytes:
        """Its list of models, as it came. Raises Fault."""
        return await (await self._ready()).models()

    async def start(self) -> None:
        """Makes its client now, so that nobody waits for that later."""
        await self._ready()

    async def close(self) -> None:
        """Closes its connections."""
        if self._client is not None:
            await self._client.close()

    async def _tries(self, request: ModelRequest, model: str) -> AsyncGenerator[TextPiece | ModelEnd, None]:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.patience.total
        for tried in range(1, TRIES + 1):
            began = False
            try:
                async with aclosing(self._once(request, model, deadline)) as pieces:
                    async for piece in pieces:
                        began = True
                        yield piece
                return
            except Fault as fault:
                wait = FIRST_WAIT * 2 ** (tried - 1) * random.uniform(0.5, 1)  # noqa: S311 — so that not all come at once
                wait = max(wait, fault.retry_after or 0.0)
                # What somebody has seen must not come once more.
                if began or not fault.again or tried == TRIES or self.circuit.state == OPEN:
                    raise
                if wait > MOST_WAIT or loop.time() + wait >= deadline:
                    raise
            await self._sleep(wait)

    async def _once(
        self, request: ModelRequest, model: str, deadline: float
    ) -> AsyncGenerator[TextPiece | ModelEnd, None]:
        loop, patience, pace = asyncio.get_running_loop(), self.patience, Pace()
        answer = Answer(model, request)
        until, idle = min(deadline, loop.time() + patience.first), patience.idle
        what = f"did not begin to answer within {patience.first:g} seconds"
        try:
            async with asyncio.timeout_at(until):
                client = await self._ready()
            async with aclosing(client.chat(request, model)) as chunks:
                while True:
                    async with asyncio.timeout_at(until):
                        chunk = await anext(chunks, _END)
                    # Where everything is there already, no timer gets its turn.
                    if chunk is _END or loop.time() >= deadline:
                        break
                    if text := answer.add(chunk):
                        yield TextPiece(text)
                    if answer.finished:
                        idle = _AFTER_END
                    until = min(deadline, loop.time() + idle)
                    what = f"fell silent for {idle:g} seconds"
                    await pace.turn()
        except TimeoutError:
            if not answer.finished:
                in_all = f"did not answer within {patience.total:g} seconds"
                what = in_all if until >= deadline else what
                raise faults.late(self.configured, what, began=answer.began) from None
        except Unreadable as error:
            raise faults.unreadable(self.configured, str(error)) from None
        except Fault:
            # Whoever breaks off after the end has said everything but what it cost.
            if not answer.finished:
                raise
        yield self._end(answer, late=loop.time() >= deadline)

    def _end(self, answer: Answer, *, late: bool) -> ModelEnd:
        if not answer.finished:
            if late:
                what = f"did not answer within {self.patience.total:g} seconds"
                raise faults.late(self.configured, what, began=answer.began)
            if not answer.began:
                raise faults.unreadable(self.configured, "there is nothing in it")
            raise faults.broken_off(self.configured)
        try:
            return answer.end()
        except Unreadable as error:
            raise faults.unreadable(self.configured, str(error)) from None

    async def _ready(self) -> Client:
        if self._client is None:
            async with self._making:
                if self._client is None:
                    # Another thread imports the library and reads the certificates, which takes a second.
                    self._client = await asyncio.to_thread(_client, self.configured)
        return self._client


# Comes after the last chunk; None may be one.
_END = object()


def _client(provider: Configured) -> Client:
    if provider.kind.speaks != "openai":
        from server.work.models.others.client import OtherClient  # noqa: PLC0415 — an extra

        return OtherClient(provider)
    from server.work.models.client import Client, loaded  # noqa: PLC0415 — see its first line

    loaded()
    return Client(provider)
