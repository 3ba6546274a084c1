"""Answers a prompt that somebody has brought whole: the model gets it as it is, and says the answer."""

from __future__ import annotations

from contextlib import aclosing

from server.core.chat.prompts import Prompt
from server.core.models.port import Models, TextPiece
from server.work.chat.said import Said, StepRecord
from server.work.chat.writer import Giving

DIRECT = "direct"


async def give(models: Models, giving: Giving, said: Said, prompt: Prompt, model: str) -> None:
    """Raises what the model raises; what was told until then is told."""
    said.execution_mode, said.answered_by = DIRECT, model
    record = StepRecord("answer", model)
    said.steps.append(record)
    async with aclosing(models.stream(prompt.request(model, giving.answer.traceparent))) as pieces:
        async for each in pieces:
            if isinstance(each, TextPiece):
                giving.tell(each.text)
            else:
                record.end(each.usage, "")
                said.stop_reason, said.tool_calls = each.stop_reason, each.tool_calls
