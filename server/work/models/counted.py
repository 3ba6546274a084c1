"""Counts what is asked of models, for Prometheus: by provider, because callers give models any number of names."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from server.core.models.port import ModelEnd, ModelRequest, Models, TextPiece
from server.core.monitoring.metrics import Metrics
from server.errors import ServiceError
from server.work.models.around import AroundModels


class CountedModels(AroundModels):
    """Other models, counted."""

    def __init__(self, models: Models, metrics: Metrics) -> None:
        super().__init__(models)
        self._calls = metrics.counter("model_calls_total", "Calls of language models", ("provider",))
        self._tokens = metrics.counter(
            "model_tokens_total", "Tokens that calls of language models took", ("provider", "direction")
        )
        self._errors = metrics.counter(
            "model_errors_total", "Calls of language models that failed", ("provider", "reason")
        )

    async def stream(self, request: ModelRequest) -> AsyncGenerator[TextPiece | ModelEnd]:
        """The answer as it comes. Raises the port's errors."""
        provider = request.model.partition("/")[0]
        self._calls.add((provider,))
        try:
            async with aclosing(self._models.stream(request)) as pieces:
                async for each in pieces:
                    if isinstance(each, ModelEnd):
                        self._tokens.add((provider, "input"), each.usage.input_tokens)
                        self._tokens.add((provider, "output"), each.usage.output_tokens)
                    yield each
        except ServiceError as error:
            self._errors.add((provider, error.reason))
            raise
