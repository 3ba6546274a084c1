"""What is traced, where somebody is told; what is not, stays as it is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import structlog

from server.core.models.port import Models
from server.core.webhooks.sending import Sending
from server.errors import Misconfigured
from server.spans import Spans
from server.store.feed import Feeds
from server.work.runners import Runner
from server.work.telemetry.deliveries import TracedSending
from server.work.telemetry.models import TracedModels
from server.work.telemetry.runs import TracedRunner, tell_of_workers

if TYPE_CHECKING:
    from server.work.telemetry.exporter import ExportedSpans

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
log = structlog.get_logger()


class Telemetry:
    """That of a server process."""

    def __init__(self, spans: ExportedSpans | None = None) -> None:
        self._exported = spans

    @classmethod
    def of(cls, feeds: Feeds, environment: Mapping[str, str] = os.environ) -> Telemetry:
        """As the standard variables say; none where they name no collector, or the extra is not installed.

        Raises Misconfigured.
        """
        off = environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
        if off or environment.get("OTEL_TRACES_EXPORTER") == "none" or not any(map(environment.get, ENDPOINTS)):
            return cls()
        try:
            from server.work.telemetry.exporter import ExportedSpans  # noqa: PLC0415 — only who wants it has it
        except ImportError as error:
            told = (
                "a collector of traces is configured, and what sends them is not installed: orchestrator[opentelemetry]"
            )
            log.warning(told, missing=error.name)
            return cls()
        try:
            spans = ExportedSpans()
        except ValueError as error:
            raise Misconfigured(f"a variable OTEL_… cannot be used: {error}") from None
        feeds.on_change.append(partial(tell_of_workers, spans))
        return cls(spans)

    @property
    def spans(self) -> Spans | None:
        """Who is told; None where nobody is."""
        return self._exported

    def models(self, models: Models) -> Models:
        """Models whose calls are traced."""
        return models if self._exported is None else TracedModels(models, self._exported)

    def runners(self, runners: list[Runner]) -> list[Runner]:
        """Runners whose runs are traced."""
        return runners if self._exported is None else [TracedRunner(each, self._exported) for each in runners]

    def sending(self, sending: Sending) -> Sending:
        """Deliveries that are traced."""
        return sending if self._exported is None else TracedSending(sending, self._exported)

    async def close(self) -> None:
        """Sends what is left."""
        if self._exported is not None:
            await self._exported.close()
