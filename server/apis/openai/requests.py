"""OpenAI: the body of a request for a completion, as the prompt that it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from server.apis.openai.messages import messages_of
from server.core.chat.prompts import Prompt
from server.core.chat.questions import MAX_MODEL, MAX_TOKENS
from server.errors import InvalidRequest
from server.raw_json import MOST_DEPTH, is_deep, parsed

MOST_STOPS, MOST_TOOLS, MOST_TEXT = 16, 128, 1000
Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a request asks for."""

    # As it says it; empty where it does not.
    model: str
    prompt: Prompt
    stream: bool
    include_usage: bool


async def asked_of(data: bytes) -> Asked:
    """Reads a body. Raises InvalidRequest, whose field is what OpenAI calls `param`."""
    try:
        body = await parsed(data)
    except ValueError as error:
        raise InvalidRequest("body", str(error)) from None
    if not isinstance(body, dict):
        raise InvalidRequest("body", "must be a JSON object")
    for name in ("tools", "tool_choice", "response_format", "messages"):
        if is_deep(body.get(name)):
            raise InvalidRequest(name, f"is nested more than {MOST_DEPTH} deep")
    if _number(body, "n", 1, 128, whole=True) not in (None, 1):
        raise InvalidRequest("n", "must be 1: there is one answer")
    for name in ("functions", "function_call"):
        if body.get(name) is not None:
            raise InvalidRequest(name, "is no longer taken: use tools and tool_choice")
    model = body.get("model")
    if model is not None and (not isinstance(model, str) or len(model) > MAX_MODEL or not model.isprintable()):
        raise InvalidRequest("model", f"must be a string of at most {MAX_MODEL} characters")
    prompt = Prompt(
        messages=messages_of(body.get("messages")),
        max_tokens=_most(body),
        temperature=_number(body, "temperature", 0, 2),
        top_p=_number(body, "top_p", 0, 1),
        stop=_stops(body),
        seed=_seed(body),
        tools=_tools(body),
        tool_choice=_choice(body),
        parallel_tool_calls=_flag(body, "parallel_tool_calls"),
        response_format=_typed(body, "response_format"),
    )
    options = body.get("stream_options")
    if options is not None and not isinstance(options, dict):
        raise InvalidRequest("stream_options", "must be an object")
    return Asked(
        model=model or "",
        prompt=prompt,
        stream=bool(_flag(body, "stream")),
        include_usage=bool(_flag(options or {}, "include_usage", "stream_options.include_usage")),
    )


def _most(body: Body) -> int | None:
    """The newer name counts where both are given."""
    found = [_number(body, name, 1, MAX_TOKENS, whole=True) for name in ("max_completion_tokens", "max_tokens")]
    most = found[0] if found[0] is not None else found[1]
    return None if most is None else int(most)


def _number(body: Body, name: str, least: float, most: float, *, whole: bool = False) -> float | None:
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or (whole and value != value // 1):
        raise InvalidRequest(name, "must be a whole number" if whole else "must be a number")
    if not least <= value <= most:
        raise InvalidRequest(name, f"must be from {least:g} to {most:g}")
    return value


def _seed(body: Body) -> int | None:
    seed = _number(body, "seed", -(1 << 63), (1 << 63) - 1, whole=True)
    return None if seed is None else int(seed)


def _flag(body: Body, name: str, path: str = "") -> bool | None:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise InvalidRequest(path or name, "must be true or false")
    return value


def _stops(body: Body) -> Sequence[str]:
    value = body.get("stop")
    stops = [value] if isinstance(value, str) else value or []
    if not isinstance(stops, list) or not all(isinstance(each, str) and 0 < len(each) <= MOST_TEXT for each in stops):
        raise InvalidRequest("stop", f"must be a string, or a list of strings, of at most {MOST_TEXT} characters")
    if len(stops) > MOST_STOPS:
        raise InvalidRequest("stop", f"must have at most {MOST_STOPS} strings")
    return stops


def _tools(body: Body) -> Sequence[Mapping[str, Any]]:
    tools = body.get("tools") or []
    if not isinstance(tools, list) or len(tools) > MOST_TOOLS:
        raise InvalidRequest("tools", f"must be a list of at most {MOST_TOOLS} tools")
    for number, each in enumerate(tools):
        function = each.get("function") if isinstance(each, dict) else None
        if not isinstance(function, dict) or each.get("type") != "function":
            raise InvalidRequest(f"tools[{number}]", "must be an object of type function; there are no others")
        if not isinstance(function.get("name"), str) or not function["name"]:
            raise InvalidRequest(f"tools[{number}].function.name", "Required field missing")
    return tools


def _choice(body: Body) -> Any:
    choice = body.get("tool_choice")
    if isinstance(choice, dict | None):
        return choice
    if choice not in ("none", "auto", "required"):
        raise InvalidRequest("tool_choice", "must be none, auto, required, or an object that names a function")
    return choice


def _typed(body: Body, name: str) -> Mapping[str, Any] | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        raise InvalidRequest(name, "must be an object with a type")
    return value
