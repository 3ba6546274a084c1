"""What pydantic-ai is given for a request."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelRequestPart,
    ModelResponse,
    ModelResponsePart,
    SystemPromptPart,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.output import OutputObjectDefinition
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition

from server.core.models.port import ModelMessage as Said
from server.core.models.port import ModelRequest as Asked
from server.work.models.asking import headers_of

# What is written at most where nobody says a bound: Anthropic wants one.
MOST_OUTPUT = 4096


def messages_of(said: Sequence[Said]) -> list[ModelMessage]:
    """The messages; those that are no answers of the model go together."""
    messages: list[ModelMessage] = []
    names: dict[str, str] = {}
    parts: list[ModelRequestPart] = []
    for each in said:
        if each.role != "assistant":
            parts.append(_part(each, names))
            continue
        if parts:
            messages.append(ModelRequest(parts=parts))
            parts = []
        answer: list[ModelResponsePart] = [TextPart(each.content)] if each.content else []
        for call in each.tool_calls:
            names[call.id] = call.name
            answer.append(ToolCallPart(call.name, call.arguments, call.id))
        messages.append(ModelResponse(parts=answer))
    if parts:
        messages.append(ModelRequest(parts=parts))
    return messages


def settings_of(request: Asked) -> ModelSettings:
    """Only what was asked for, because some models refuse the rest."""
    settings = ModelSettings(max_tokens=request.max_output_tokens or MOST_OUTPUT)
    if request.temperature is not None:
        settings["temperature"] = request.temperature
    if request.top_p is not None:
        settings["top_p"] = request.top_p
    if request.seed is not None:
        settings["seed"] = request.seed
    if request.stop:
        settings["stop_sequences"] = list(request.stop)
    if request.parallel_tool_calls is not None:
        settings["parallel_tool_calls"] = request.parallel_tool_calls
    if request.tools and request.tool_choice is not None:
        settings["tool_choice"] = _choice(request.tool_choice)
    if headers := headers_of(request):
        settings["extra_headers"] = headers
    return settings


def parameters_of(request: Asked, model: Model) -> ModelRequestParameters:
    """The tools, and the form of the answer where the model can be held to it."""
    tools = [
        ToolDefinition(
            name=each["function"]["name"],
            description=each["function"].get("description"),
            parameters_json_schema=each["function"].get("parameters") or {"type": "object", "properties": {}},
        )
        for each in request.tools
    ]
    schema = _schema(request.response_format)
    if schema is None or not model.profile.get("supports_json_schema_output"):
        return ModelRequestParameters(function_tools=tools)
    form = OutputObjectDefinition(json_schema=dict(schema), name="result")
    return ModelRequestParameters(function_tools=tools, output_mode="native", output_object=form)


def _part(message: Said, names: Mapping[str, str]) -> ModelRequestPart:
    if message.role == "system":
        return SystemPromptPart(message.content)
    if message.role == "user":
        return UserPromptPart(message.content)
    name = names.get(message.tool_call_id, "unknown")
    return ToolReturnPart(tool_name=name, content=message.content, tool_call_id=message.tool_call_id)


def _choice(choice: Any) -> Any:
    """As OpenAI's chat completions have it: a word, or an object that names a function."""
    if isinstance(choice, Mapping):
        function = choice.get("function")
        named = function.get("name") if isinstance(function, Mapping) else None
        return [named] if isinstance(named, str) else "auto"
    return choice


def _schema(form: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    described = form.get("json_schema") if form else None
    schema = described.get("schema") if isinstance(described, Mapping) else None
    return schema if isinstance(schema, Mapping) else None


def written(arguments: str | Mapping[str, Any] | None) -> str:
    """The arguments of a call as text; some give an object."""
    if isinstance(arguments, str):
        return arguments
    return json.dumps(arguments) if arguments else ""
