"""Prompts that somebody brings whole: messages and how to answer them, kept with the answer until it has ended."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from server.core.models.port import ModelMessage, ModelRequest, ToolCall
from server.model import Answer
from server.raw_json import parsed

# How much of earlier messages goes along where the prompt is answered by a plan, or with what was found.
TURNS, CHARACTERS = 20, 24_000
_SINCE = "What has come since:\n"
_INSTRUCTED = "Instructions of the program that asks:\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What is asked of a model. Fields that a provider is to be told are as of `ModelRequest`."""

    messages: Sequence[ModelMessage]
    # The mode or the swarm that is to answer; empty for the model alone, which gets the messages as they are.
    plan: str = ""
    # None for as many as the model likes.
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: Sequence[str] = ()
    seed: int | None = None
    tools: Sequence[Mapping[str, Any]] = ()
    tool_choice: Any = None
    parallel_tool_calls: bool | None = None
    response_format: Mapping[str, Any] | None = None

    def encode(self) -> bytes:
        """As it is kept: JSON. Raises ValueError where a text is none."""
        given = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "messages"}
        kept: dict[str, Any] = {name: value for name, value in given.items() if value not in (None, "", ())}
        kept["messages"] = [_kept(each) for each in self.messages]
        return json.dumps(kept, ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    async def decode(cls, kept: bytes) -> Prompt:
        """What `encode` has made."""
        given = await parsed(kept, len(kept))
        messages = [
            ModelMessage(**{**each, "tool_calls": tuple(ToolCall(**call) for call in each.get("tool_calls", ()))})
            for each in given.pop("messages")
        ]
        return cls(messages=messages, **given)

    def request(self, model: str, traceparent: str) -> ModelRequest:
        """What a model is asked."""
        return ModelRequest(
            model=model,
            messages=self.messages,
            max_output_tokens=self.max_tokens,
            temperature=self.temperature,
            top_p=self.top_p,
            stop=self.stop,
            seed=self.seed,
            tools=self.tools,
            tool_choice=self.tool_choice,
            parallel_tool_calls=self.parallel_tool_calls,
            response_format=self.response_format,
            traceparent=traceparent,
        )

    @property
    def asked(self) -> str:
        """What the user says last."""
        return next((each.content for each in reversed(self.messages) if each.role == "user"), "")

    @property
    def question(self) -> str:
        """The same, with what has come since: a model's answer that breaks off, calls of tools and what they gave."""
        since: list[str] = []
        for each in reversed(self.messages):
            if each.role == "user":
                break
            calls = [f"(calls {call.name} with {call.arguments})" for call in each.tool_calls]
            since.append(f"{each.role}: {' '.join([each.content, *calls]).strip()}")
        if not since:
            return self.asked
        return f"{self.asked}\n\n{_SINCE}" + "\n".join(reversed(since))[:CHARACTERS]

    def turns(self) -> Sequence[Answer]:
        """What was said before that, as turns in order: as much of the last ones as goes along."""
        last = max((at for at, each in enumerate(self.messages) if each.role == "user"), default=0)
        turns: list[dict[str, str]] = []
        for each in self.messages[:last]:
            if each.role == "system":
                turns.append({"message": _INSTRUCTED + each.content, "text": ""})
            elif each.role == "user":
                turns.append({"message": each.content, "text": ""})
            elif turns:
                turns[-1]["text"] = f"{turns[-1]['text']}\n{each.content}".strip()
        room, kept = CHARACTERS, 0
        for turn in turns[::-1][:TURNS]:
            room -= len(turn["message"]) + len(turn["text"])
            if room < 0 and kept:
                break
            kept += 1
        first = len(turns) - kept
        return [Answer.new(number=number, **turn) for number, turn in enumerate(turns[first:], first + 1)]


def _kept(message: ModelMessage) -> dict[str, Any]:
    kept: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        kept["tool_calls"] = [
            {"id": each.id, "name": each.name, "arguments": each.arguments} for each in message.tool_calls
        ]
    if message.tool_call_id:
        kept["tool_call_id"] = message.tool_call_id
    return kept
