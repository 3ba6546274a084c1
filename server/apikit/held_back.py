"""Streams that may still be refused: their headers go out with their first message."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Generic, TypeVar

M = TypeVar("M")


class HeldBack(Generic[M]):
    """Messages, the first of which must be there before the call counts as answered.

    What is raised before that has a status like the refusal of any other call; what is raised later, others tell in
    the stream.
    """

    def __init__(self, messages: AsyncGenerator[M, None]) -> None:
        self._messages = messages
        self._first: M | None = None

    async def begun(self) -> None:
        """Waits for the first message. Raises what it raises."""
        self._first = await anext(self._messages, None)

    def __aiter__(self) -> HeldBack[M]:
        return self

    async def __anext__(self) -> M:
        if self._first is not None:
            first, self._first = self._first, None
            return first
        return await anext(self._messages)

    async def aclose(self) -> None:
        """Nobody wants the rest."""
        await self._messages.aclose()
