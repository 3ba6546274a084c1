"""The toolbox: which tools an agent's model has for a task, and what each call of one comes to.

What a model writes is believed of nothing: an unknown tool, arguments of another shape and results that are too long
are all told to it, in bounded words.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from server import values
from server.contents import json_text
from server.core.model_work.conversation import Conversation, Effect
from server.core.shared.plain_text import is_text
from server.errors import Forbidden, InvalidRequest, NotFound, TooMany
from server.model import Agent, Task
from server.pace import Pace
from server.work.model_agents.prompt import settings_of

# What a model is told of one call, and may say with one, in characters.
MOST_RESULT, MOST_ARGUMENTS = 16_000, 120_000
# So much of a value is read in a few milliseconds.
SHORT_BYTES = 32 << 10
_TYPES: Mapping[str, type] = {"string": str, "integer": int}
# After these nothing was done, and the model may do better.
REFUSALS = (Forbidden, InvalidRequest, NotFound, TooMany)


class ToolRefused(Exception):
    """Why a tool was not used, as the model is told it."""


@dataclass(frozen=True, slots=True)
class Work:
    """A task that a model does, and whose model it is."""

    task: Task
    agent: Agent
    conversation: Conversation


class Tool(Protocol):
    """One of the tools."""

    name: str
    description: str
    # The JSON schemas of its arguments by their names, of which some are required.
    parameters: Mapping[str, Mapping[str, Any]]
    required: Sequence[str]

    def obstacle(self, work: Work) -> str | None:
        """Why this task's model may not use it; None where it may."""

    async def call(self, work: Work, arguments: Mapping[str, Any]) -> Mapping[str, Any] | Effect:
        """What the call gives, or what it changes, which is then done with its record.

        Raises ToolRefused, Forbidden, InvalidRequest, NotFound, TooMany.
        """


class Toolbox:
    """The tools of one task."""

    def __init__(self, tools: Sequence[Tool], work: Work) -> None:
        allowed = _allowed(work.agent)
        self._work = work
        self._tools = {each.name: each for each in tools if allowed is None or each.name in allowed}

    @property
    def offered(self) -> Sequence[Mapping[str, Any]]:
        """Those that the model may use, as OpenAI's chat completions have them."""
        return [
            {
                "type": "function",
                "function": {
                    "name": each.name,
                    "description": each.description,
                    "parameters": {
                        "type": "object",
                        "properties": dict(each.parameters),
                        "required": list(each.required),
                        "additionalProperties": False,
                    },
                },
            }
            for each in self._tools.values()
            if each.obstacle(self._work) is None
        ]

    async def call(self, name: str, arguments: str) -> Mapping[str, Any] | Effect:
        """What a call gives, or changes. Raises ToolRefused."""
        tool = self._tools.get(name)
        if tool is None:
            known = ", ".join(each["function"]["name"] for each in self.offered)
            raise ToolRefused(f"there is no tool {name[:100]!r}; there are: {known or 'none'}")
        if (obstacle := tool.obstacle(self._work)) is not None:
            raise ToolRefused(obstacle)
        try:
            return await tool.call(self._work, _checked(tool, arguments))
        except REFUSALS as error:
            raise ToolRefused(error.message) from error


def shown(result: Mapping[str, Any]) -> str:
    """What the model is told of a result: JSON, of a long one the beginning."""
    text = json.dumps(result, ensure_ascii=False, separators=(",", ":"))
    if len(text) <= MOST_RESULT:
        return text
    return json.dumps({"truncated": True, "characters": len(text), "beginning": text[:MOST_RESULT]}, ensure_ascii=False)


async def as_output(value: bytes | None) -> Mapping[str, Any]:
    """What the model is told of what somebody has given, of a long value the beginning."""
    if value is None or len(value) <= SHORT_BYTES:
        return {"output": values.decode(value) if value is not None else None}
    text, _ = await json_text(values.Value.FromString(value), Pace(), values.MAX_BYTES)
    return {"truncated": True, "characters": len(text), "output_begins": text[: MOST_RESULT // 2]}


def _allowed(agent: Agent) -> set[str] | None:
    """The tools that an agent's configuration names; None for all. What is no list of names allows none."""
    settings = settings_of(agent)
    if "tools" not in settings:
        return None
    named = settings["tools"]
    return {each for each in named if isinstance(each, str)} if isinstance(named, list) else set()


def _checked(tool: Tool, written: str) -> Mapping[str, Any]:
    """The arguments that a model has written. Raises ToolRefused."""
    if len(written) > MOST_ARGUMENTS:
        raise ToolRefused(f"the arguments have {len(written)} characters, and {MOST_ARGUMENTS} is the limit")
    try:
        given = json.loads(written or "{}")
    except (ValueError, RecursionError):
        raise ToolRefused("the arguments are no JSON") from None
    if not isinstance(given, dict):
        raise ToolRefused("the arguments are no JSON object")
    unknown = sorted(given.keys() - tool.parameters.keys())
    missing = [name for name in tool.required if name not in given]
    if unknown or missing:
        wrong = [f"unknown: {', '.join(unknown[:5])[:200]}"] if unknown else []
        wrong += [f"missing: {', '.join(missing)}"] if missing else []
        raise ToolRefused(f"{tool.name} takes {', '.join(tool.parameters)}; {'; '.join(wrong)}")
    for name, value in given.items():
        schema = tool.parameters[name]
        wanted = _TYPES.get(schema.get("type", ""))
        if wanted is not None and (not isinstance(value, wanted) or isinstance(value, bool)):
            raise ToolRefused(f"{name} must be of the type {schema['type']}")
        if isinstance(value, str) and not is_text(value):
            raise ToolRefused(f"{name} has a character that is no text")
    return given
