"""How tests ask, and what they hear."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from server.core.models.port import ModelEnd, ModelMessage, ModelRequest, TextPiece
from server.work.models import ModelProviders


def asking(text: str, model: str = "compatible/some-model", **more: Any) -> ModelRequest:
    messages = more.pop("messages", (ModelMessage(role="user", content=text),))
    return ModelRequest(model=model, messages=messages, max_output_tokens=100, **more)


@dataclass
class Heard:
    pieces: list[str] = field(default_factory=list)
    end: ModelEnd | None = None

    @property
    def text(self) -> str:
        return "".join(self.pieces)


async def hear(providers: ModelProviders, request: ModelRequest, heard: Heard | None = None) -> Heard:
    """All of an answer; what came before an error is in `heard`."""
    heard = heard or Heard()
    async with aclosing(providers.stream(request)) as pieces:
        async for piece in pieces:
            assert heard.end is None
            if isinstance(piece, TextPiece):
                heard.pieces.append(piece.text)
            else:
                heard.end = piece
    assert heard.end is not None
    return heard


class Time:
    """A clock that only whoever waits moves on."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
