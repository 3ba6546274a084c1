"""An answer as its chunks put it together: text, calls of tools, usage, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from server.core.models.estimates import estimated
from server.core.models.port import ModelEnd, ModelRequest, ToolCall, Usage

# What an answer may have: characters of text, and of all calls together; calls. More is no answer.
MOST_TEXT, MOST_ARGUMENTS, MOST_CALLS = 4 << 20, 1 << 20, 128
_MOST_TOKENS = 1 << 40
_NAMES = 200
# The words for how it ended, where they are not ours. What is in neither is an end like any other.
_REASONS = {"function_call": "tool_calls", "max_tokens": "length", "model_length": "length"}
_KNOWN = frozenset({"stop", "length", "tool_calls", "content_filter"})
# Those that say that it is no answer.
_BROKEN = frozenset({"error", "insufficient_system_resource"})


class Unreadable(Exception):
    """A chunk that is none, or more of an answer than there may be; the message says what is wrong."""


@dataclass(slots=True)
class _Call:
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)


class Answer:
    """What has come so far. Text is given away and only counted; calls are kept until the end."""

    def __init__(self, model: str, request: ModelRequest) -> None:
        self._model = model
        self._request = request
        self._text = self._arguments = 0
        self._calls: dict[object, _Call] = {}
        self._usage: Usage | None = None
        self._finish = ""
        # Whether anything has come at all.
        self.began = False

    @property
    def finished(self) -> bool:
        """Whether the provider has said how the answer ended; usage may still come."""
        return bool(self._finish)

    def add(self, chunk: object) -> str:
        """Some more; the text in it, which may be empty. Raises Unreadable."""
        if not isinstance(chunk, dict):
            raise Unreadable("a chunk is no object")
        self.began = True
        if usage := chunk.get("usage"):
            self._usage = _usage(usage) or self._usage
        model = chunk.get("model")
        if isinstance(model, str) and model:
            self._model = model[:_NAMES]
        choices = chunk.get("choices")
        if not choices:
            return ""
        if not isinstance(choices, list) or not isinstance(choices[0], dict):
            raise Unreadable("its choices are none")
        choice = choices[0]
        delta = choice.get("delta") or {}
        if not isinstance(delta, dict):
            raise Unreadable("a delta is no object")
        text = _text(delta.get("content")) or _text(delta.get("refusal"))
        self._text += len(text)
        if self._text > MOST_TEXT:
            raise Unreadable("it is too long")
        if calls := delta.get("tool_calls"):
            self._add_calls(calls)
        finish = choice.get("finish_reason")
        if isinstance(finish, str) and finish:
            if finish in _BROKEN:
                raise Unreadable("the provider gave up")
            self._finish = finish
        return text

    def end(self) -> ModelEnd:
        """How it ended, once it has. Raises Unreadable where a call has no name."""
        calls = [
            # Some give a call no id, and write nothing where there are no arguments.
            ToolCall(id=each.id or f"call_{place}", name=each.name, arguments="".join(each.arguments) or "{}")
            for place, each in enumerate(self._calls.values())
        ]
        if not all(each.name for each in calls):
            raise Unreadable("it calls a tool without a name")
        reason = _REASONS.get(self._finish, self._finish)
        # Whoever was told which tool to call says that it has stopped.
        reason = "tool_calls" if calls and reason == "stop" else reason if reason in _KNOWN else "stop"
        written = self._text + self._arguments + sum(len(each.name) for each in calls)
        usage = self._usage or estimated(self._request, written)
        return ModelEnd(stop_reason=reason, usage=usage, model=self._model, tool_calls=calls)

    def _add_calls(self, pieces: object) -> None:
        if not isinstance(pieces, list):
            raise Unreadable("calls of tools are no list")
        for piece in pieces:
            if not isinstance(piece, dict):
                raise Unreadable("a call of a tool is no object")
            function = piece.get("function")
            function = function if isinstance(function, dict) else {}
            call = self._call(piece)
            call.id = call.id or _string(piece.get("id"))[:_NAMES]
            call.name = call.name or _string(function.get("name"))[:_NAMES]
            more = _string(function.get("arguments"))
            self._arguments += len(more)
            if self._arguments > MOST_ARGUMENTS or len(self._calls) > MOST_CALLS:
                raise Unreadable("it calls too much")
            call.arguments.append(more)

    def _call(self, piece: Mapping[str, Any]) -> _Call:
        """Which call a piece is of: by its number, or where there is none its id, or else the last one."""
        number: object = piece.get("index")
        if not isinstance(number, int):
            number = _string(piece.get("id"))
            if not number and self._calls:
                return next(reversed(self._calls.values()))
        return self._calls.setdefault(number, _Call())


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


def _text(value: object) -> str:
    """The text of a content; Mistral has lists of parts, of which some are thoughts."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(_string(each.get("text")) for each in value if isinstance(each, dict))
    return ""


def _usage(value: object) -> Usage | None:
    if not isinstance(value, dict):
        return None
    counts = [value.get("prompt_tokens"), value.get("completion_tokens")]
    if not all(isinstance(each, int) and 0 <= each < _MOST_TOKENS for each in counts):
        return None
    return Usage(int(counts[0]), int(counts[1]))  # type: ignore[arg-type]
