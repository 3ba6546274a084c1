"""Calls of language models as spans, in the words of OpenTelemetry's conventions for generative AI."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from server.core.models.port import ModelEnd, ModelRequest, Models, TextPiece
from server.errors import ServiceError
from server.spans import Attribute, Spans
from server.work.models.around import AroundModels

# What the conventions call providers that they know by another name.
_NAMES = {
    "azure": "azure.ai.openai",
    "mistral": "mistral_ai",
    "google": "gcp.gemini",
    "bedrock": "aws.bedrock",
}


class TracedModels(AroundModels):
    """Other models, whose calls are told of: their names, bounds and tokens, and nothing that is said."""

    def __init__(self, models: Models, spans: Spans) -> None:
        super().__init__(models)
        self._spans = spans

    async def stream(self, request: ModelRequest) -> AsyncGenerator[TextPiece | ModelEnd]:
        """The answer as it comes. Raises the port's errors."""
        provider, _, model = request.model.partition("/")
        attributes: dict[str, Attribute] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": _NAMES.get(provider, provider),
            "gen_ai.request.model": model,
        }
        for name, value in (
            ("max_tokens", request.max_output_tokens),
            ("temperature", request.temperature),
            ("top_p", request.top_p),
            ("seed", request.seed),
        ):
            if value is not None:
                attributes[f"gen_ai.request.{name}"] = value
        span = self._spans.begin(f"chat {model}", "client", request.traceparent, attributes)
        problem = ""
        try:
            async with aclosing(self._models.stream(replace(request, traceparent=span.traceparent))) as pieces:
                async for each in pieces:
                    if isinstance(each, ModelEnd):
                        span.note(_told(each))
                    yield each
        except (asyncio.CancelledError, GeneratorExit):
            problem = "cancelled"
            raise
        except ServiceError as error:
            problem = error.reason
            raise
        except Exception as error:
            problem = type(error).__name__
            raise
        finally:
            span.end(problem)


def _told(end: ModelEnd) -> dict[str, Attribute]:
    return {
        "gen_ai.response.model": end.model,
        "gen_ai.response.finish_reasons": [end.stop_reason],
        "gen_ai.usage.input_tokens": end.usage.input_tokens,
        "gen_ai.usage.output_tokens": end.usage.output_tokens,
    }
