"""OpenAI: the messages of a request, each of them text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

from server.core.models.port import ModelMessage, ToolCall
from server.errors import InvalidRequest

MOST_MESSAGES, MOST_CALLS = 5000, 128
Role = Literal["system", "user", "assistant", "tool"]
# Newer programs call what a system message is `developer`; providers know it by its older name.
_ROLES: Mapping[object, str] = {
    "developer": "system",
    **{each: each for each in ("system", "user", "assistant", "tool")},
}


def messages_of(given: object) -> Sequence[ModelMessage]:
    """The messages. Raises InvalidRequest."""
    if given is None:
        raise InvalidRequest("messages", "Required field missing")
    if not isinstance(given, list) or not 0 < len(given) <= MOST_MESSAGES:
        raise InvalidRequest("messages", f"must be a list of 1 to {MOST_MESSAGES} messages")
    return [_message(each, f"messages[{number}]") for number, each in enumerate(given)]


def _message(given: Any, at: str) -> ModelMessage:
    if not isinstance(given, dict):
        raise InvalidRequest(at, "must be an object")
    named = given.get("role")
    role = _ROLES.get(named) if isinstance(named, str) else None
    if role is None:
        raise InvalidRequest(f"{at}.role", "must be one of system, developer, user, assistant, tool")
    calls = _calls(given.get("tool_calls"), f"{at}.tool_calls") if role == "assistant" else ()
    content = given.get("content")
    if content is None and role != "assistant":
        raise InvalidRequest(f"{at}.content", "Required field missing")
    answers = given.get("tool_call_id")
    if role == "tool" and (not isinstance(answers, str) or not answers):
        raise InvalidRequest(f"{at}.tool_call_id", "Required field missing")
    return ModelMessage(
        role=cast("Role", role),
        content="" if content is None else _text(content, f"{at}.content"),
        tool_calls=calls,
        tool_call_id=answers if role == "tool" and isinstance(answers, str) else "",
    )


def _text(content: object, at: str) -> str:
    if isinstance(content, str):
        if "\0" in content:
            raise InvalidRequest(at, "must not contain a NUL character")
        return content
    if not isinstance(content, list):
        raise InvalidRequest(at, "must be a string, or a list of parts")
    parts = []
    for number, part in enumerate(content):
        kind = part.get("type") if isinstance(part, dict) else None
        if kind not in ("text", "refusal"):
            what = f"parts of type {kind[:50]} are" if isinstance(kind, str) else "parts without a type are"
            raise InvalidRequest(f"{at}[{number}].type", f"{what} not taken: this API takes text alone")
        text = part.get(kind)
        if not isinstance(text, str) or "\0" in text:
            raise InvalidRequest(f"{at}[{number}].{kind}", "must be a string without a NUL character")
        parts.append(text)
    return "".join(parts)


def _calls(given: object, at: str) -> Sequence[ToolCall]:
    if given is None:
        return ()
    if not isinstance(given, list) or len(given) > MOST_CALLS:
        raise InvalidRequest(at, f"must be a list of at most {MOST_CALLS} calls")
    calls = []
    for number, each in enumerate(given):
        function = each.get("function") if isinstance(each, dict) else None
        found = (each.get("id"), function.get("name"), function.get("arguments")) if isinstance(function, dict) else ()
        if not found or not all(isinstance(text, str) for text in found):
            raise InvalidRequest(f"{at}[{number}]", "must have an id, and a function with name and arguments")
        calls.append(ToolCall(id=str(found[0]), name=str(found[1]), arguments=str(found[2])))
    return tuple(calls)
