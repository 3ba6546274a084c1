"""Language models that do tasks as a test wants: they say texts, call tools and fail, behind the port."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from server.core.models.port import ModelEnd, ModelRequest, NoModels, TextPiece, ToolCall, Usage

NAME = "scripted/one"
Said = str | ToolCall | Exception | Sequence[str | ToolCall]


def tool(name: str, /, id: str = "", **arguments: Any) -> ToolCall:
    return ToolCall(id=id or f"id-{name}", name=name, arguments=json.dumps(arguments))


class ScriptedAgents(NoModels):
    """The model `one` of the provider `scripted`; `reply` makes of a request what it says to it."""

    default = NAME

    def __init__(self, reply: Callable[[ModelRequest], Said]) -> None:
        self.reply = reply
        self.requests: list[ModelRequest] = []
        # How many are being answered, and were at most.
        self.running = self.most = 0
        # Answers begin when this is set.
        self.go = asyncio.Event()
        self.go.set()

    def known(self, name: str, provider: str = "") -> str | None:
        return NAME if (provider, name) in (("scripted", "one"), ("", "one"), ("", NAME)) else None

    async def stream(self, request: ModelRequest) -> AsyncIterator[TextPiece | ModelEnd]:
        self.requests.append(request)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.go.wait()
            said = self.reply(request)
            if isinstance(said, Exception):
                raise said
            pieces = [said] if isinstance(said, str | ToolCall) else list(said)
            calls = [each for each in pieces if isinstance(each, ToolCall)]
            for each in pieces:
                if isinstance(each, str):
                    yield TextPiece(each)
            reason = "tool_calls" if calls else "stop"
            yield ModelEnd(stop_reason=reason, usage=Usage(10, 2), model="one", tool_calls=calls)
        finally:
            self.running -= 1


def told(request: ModelRequest) -> list[Any]:
    """What the tools have told the model so far."""
    return [json.loads(message.content) for message in request.messages if message.role == "tool"]


def one_after_the_other(*said: Said) -> Callable[[ModelRequest], Said]:
    """Says these by how far the conversation is, and the last one for ever."""

    def reply(request: ModelRequest) -> Said:
        done = sum(message.role == "assistant" for message in request.messages)
        return said[min(done, len(said) - 1)]

    return reply
