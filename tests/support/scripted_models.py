"""Language models that say what a test wants, when it wants, behind the port that every provider is behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

from server.core.models.port import (
    ModelEnd,
    ModelInfo,
    ModelRequest,
    NoModels,
    ProviderState,
    TextPiece,
    Usage,
)

NAME = "scripted/one"


class ScriptedModels(NoModels):
    """One model. `reply` makes of a request the pieces of its answer, or an error to raise among them."""

    default = NAME

    def __init__(self, reply: Callable[[ModelRequest], Sequence[str | Exception]]) -> None:
        self.reply = reply
        self.requests: list[ModelRequest] = []
        # Pieces after the first come when this is set.
        self.go = asyncio.Event()
        self.go.set()

    def known(self, name: str, provider: str = "") -> str | None:
        return NAME if name in ("one", NAME) else None

    async def stream(self, request: ModelRequest) -> AsyncIterator[TextPiece | ModelEnd]:
        self.requests.append(request)
        pieces = self.reply(request)
        for place, piece in enumerate(pieces):
            if place:
                await self.go.wait()
            if isinstance(piece, Exception):
                raise piece
            yield TextPiece(piece)
        yield ModelEnd(stop_reason="stop", usage=Usage(10, len(pieces)), model="one")

    async def list(self) -> Sequence[ModelInfo]:
        return [ModelInfo("scripted", "one")]

    def states(self) -> Sequence[ProviderState]:
        return [ProviderState("scripted", "closed")]
