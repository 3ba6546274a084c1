"""Counts what is asked of models, for Prometheus: by provider, because callers give models any number of names."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from server.core.models.port import ModelEnd, ModelInfo, ModelRequest, Models, ProviderState, TextPiece
from server.core.monitoring.metrics import Metrics
from server.errors import ServiceError


class CountedModels:
    """Other models, counted."""

    def __init__(self, models: Models, metrics: Metrics) -> None:
        self._models = models
        self._calls = metrics.counter("model_calls_total", "Calls of language models", ("provider",))
        self._tokens = metrics.counter(
            "model_tokens_total", "Tokens that calls of language models took", ("provider", "direction")
        )
        self._errors = metrics.counter(
            "model_errors_total", "Calls of language models that failed", ("provider", "reason")
        )

    @property
    def default(self) -> str:
        """The model that is asked where none is named."""
        return self._models.default

    def known(self, name: str, provider: str = "") -> str | None:
        """`provider/model` for what somebody calls it."""
        return self._models.known(name, provider)

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

    async def list(self) -> Sequence[ModelInfo]:
        """Models that providers say they have."""
        return await self._models.list()

    def states(self) -> Sequence[ProviderState]:
        """The configured providers."""
        return self._models.states()
