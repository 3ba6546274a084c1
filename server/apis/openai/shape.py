"""OpenAI: completions and chunks as its clients read them, and what is raised where there is no answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from server.apis.openai.errors import AnswerCancelled, ModelNotFound, RequestRefused
from server.core.chat.failures import failure_of
from server.core.models.port import ModelRefused
from server.errors import ServiceError
from server.model import Answer, AnswerStatus

SECOND = 1_000_000
# What a provider answers that does not have the model.
NOT_FOUND = 404
DONE = "data: [DONE]\n\n"
_REASONS = frozenset({"length", "tool_calls", "content_filter"})


def error_of(answer: Answer) -> ServiceError | None:
    """What is told of an answer that failed, or that somebody has ended; None where it is there."""
    if answer.status == AnswerStatus.CANCELLED:
        return AnswerCancelled("the answer was cancelled")
    error = failure_of(answer, {})
    if not isinstance(error, ModelRefused):
        return error
    if error.details.get("status") == NOT_FOUND:
        return ModelNotFound(answer.answered_by)
    return RequestRefused(error.message)


def completion(answer: Answer, model: str) -> bytes:
    """The whole answer."""
    message: dict[str, Any] = {"role": "assistant", "content": answer.text or None, "refusal": None}
    calls = tool_calls(answer)
    if calls:
        message["tool_calls"] = calls
    else:
        message["content"] = answer.text
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish(answer)}
    about = {"id": _id(answer), "object": "chat.completion", "created": _created(answer), "model": model}
    return json.dumps({**about, "choices": [choice], "usage": usage(answer), **_beside(answer)}).encode()


def usage(answer: Answer) -> Mapping[str, int]:
    """Tokens, of all calls that the answer took."""
    read, written = answer.input_tokens, answer.output_tokens
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


def tool_calls(answer: Answer) -> list[dict[str, Any]]:
    """What the model wants called."""
    return [
        {"id": each["id"], "type": "function", "function": {"name": each["name"], "arguments": each["arguments"]}}
        for each in json.loads(answer.tool_calls or "[]")
    ]


class Chunks:
    """The chunks of one answer as server-sent events."""

    def __init__(self, answer: Answer, model: str, *, include_usage: bool) -> None:
        self._include_usage = include_usage
        about = {"id": _id(answer), "object": "chat.completion.chunk", "created": _created(answer), "model": model}
        self._about = json.dumps(about, separators=(",", ":"))[:-1]
        # Where usage is told at the end, all others say that they have none.
        rest = ',"usage":null}\n\n' if include_usage else "}\n\n"
        self._before = f'data: {self._about},"choices":[{{"index":0,"delta":{{"content":'
        self._after = '},"logprobs":null,"finish_reason":null}]' + rest

    def first(self) -> str:
        """Who speaks."""
        return self._delta({"role": "assistant", "content": "", "refusal": None})

    def text(self, text: str) -> str:
        """Some of the answer's text."""
        return f"{self._before}{json.dumps(text)}{self._after}"

    def last(self, answer: Answer) -> str:
        """What the model wants called, how the answer ended, and that it has."""
        calls = tool_calls(answer)
        told = ""
        if calls:
            told = self._delta({"tool_calls": [{"index": index, **each} for index, each in enumerate(calls)]})
        told += self._delta({}, _finish(answer), _beside(answer))
        if self._include_usage:
            told += f'data: {self._about},"choices":[],"usage":{json.dumps(usage(answer))}}}\n\n'
        return told

    def _delta(
        self, delta: Mapping[str, Any], finish: str | None = None, beside: Mapping[str, Any] | None = None
    ) -> str:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        more: dict[str, Any] = {"choices": [choice], **(beside or {})}
        if self._include_usage:
            more["usage"] = None
        return f"data: {self._about},{json.dumps(more, separators=(',', ':'))[1:]}\n\n"


def _beside(answer: Answer) -> Mapping[str, Any]:
    """What OpenAI has no word for: who gave the answer, which may be nobody but `builtin-extractive-1`, and how."""
    told: dict[str, Any] = {"answered_by": answer.answered_by, "execution_mode": answer.execution_mode}
    return {**told, "fallback": answer.fallback} if answer.fallback else told


def _id(answer: Answer) -> str:
    return f"chatcmpl-{answer.id}"


def _created(answer: Answer) -> int:
    return answer.created_at // SECOND


def _finish(answer: Answer) -> str:
    return answer.stop_reason if answer.stop_reason in _REASONS else "stop"
