"""An answer of a model that is wanted whole."""

from __future__ import annotations

from contextlib import aclosing

from server.core.models.port import ModelEnd, ModelRequest, Models


async def whole(models: Models, request: ModelRequest) -> tuple[str, ModelEnd]:
    """The text of the answer, and how it ended. Raises the port's errors."""
    parts: list[str] = []
    end: ModelEnd | None = None
    async with aclosing(models.stream(request)) as pieces:
        async for each in pieces:
            if isinstance(each, ModelEnd):
                end = each
            else:
                parts.append(each.text)
    assert end is not None
    return "".join(parts), end
