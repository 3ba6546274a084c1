"""What is told of an answer beside its text: its steps with their times, tokens, and who gave it in which way."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from server import values
from server.core.chat.memory.recall import Passage
from server.core.chat.rows import readable
from server.core.models.port import ToolCall, Usage


@dataclass(slots=True)
class StepRecord:
    """A step while it is taken, and then what came of it."""

    name: str
    model: str
    began: float = field(default_factory=time.perf_counter)
    milliseconds: float = 0.0
    usage: Usage = field(default_factory=Usage)
    text: str = ""

    def end(self, usage: Usage, text: str) -> None:
        """It has been taken."""
        self.milliseconds = round((time.perf_counter() - self.began) * 1000, 3)
        self.usage, self.text = usage, text


@dataclass(slots=True)
class Said:
    """Everything that `core.chat.ending.TOLD` names."""

    # When it was begun, in microseconds since 1970.
    started_at: int
    execution_mode: str = ""
    fallback: str = ""
    answered_by: str = ""
    stop_reason: str = "stop"
    quality_score: float | None = None
    quality_by: str = ""
    steps: list[StepRecord] = field(default_factory=list)
    cited: Sequence[Passage] = ()
    tool_calls: Sequence[ToolCall] = ()

    def output(self, text: str, attempt: int, sequence: int) -> bytes:
        """The value with which the task ends."""
        told: dict[str, Any] = {
            "text": text,
            "started_at": self.started_at,
            "attempt": attempt,
            "sequence": sequence,
            "stop_reason": self.stop_reason,
            "execution_mode": self.execution_mode,
            "fallback": self.fallback[:500],
            "answered_by": self.answered_by,
            "quality_score": self.quality_score,
            "quality_by": self.quality_by,
            "input_tokens": sum(step.usage.input_tokens for step in self.steps),
            "output_tokens": sum(step.usage.output_tokens for step in self.steps),
            "tokens_estimated": any(step.usage.estimated for step in self.steps),
            "steps": _json(
                [
                    {
                        "name": step.name,
                        "model": step.model,
                        "duration_ms": step.milliseconds,
                        "tokens": step.usage.total,
                    }
                    for step in self.steps
                ]
            ),
            "citations": _json([passage.citation(number) for number, passage in enumerate(self.cited, 1)]),
            "tool_calls": _json(
                [{"id": each.id, "name": each.name, "arguments": each.arguments} for each in self.tool_calls]
            ),
        }
        given = {name: value for name, value in told.items() if value is not None}
        return values.encode(
            {name: readable(value) if isinstance(value, str) else value for name, value in given.items()}
        )


def _json(items: Sequence[Any]) -> str:
    return json.dumps(items, separators=(",", ":"), ensure_ascii=False)
