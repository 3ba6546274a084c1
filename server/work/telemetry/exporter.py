"""Spans by the OpenTelemetry SDK, sent by OTLP over HTTP in batches, by a thread of the SDK's."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from contextlib import suppress
from threading import Thread

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from server.spans import Attribute, Kind

# How long the last batch may take when the server stops.
CLOSE_SECONDS = 3.0
_KINDS = {"server": SpanKind.SERVER, "client": SpanKind.CLIENT, "consumer": SpanKind.CONSUMER}


class ExportedSpan:
    """A span of the SDK's."""

    __slots__ = ("_span",)

    def __init__(self, span: Span) -> None:
        self._span = span

    @property
    def traceparent(self) -> str:
        """The W3C trace context of what is done for it."""
        context = self._span.get_span_context()
        return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags & 1:02x}"

    def note(self, attributes: Mapping[str, Attribute]) -> None:
        """Says more of it."""
        self._span.set_attributes(attributes)

    def end(self, problem: str = "", *, at: int | None = None) -> None:
        """It has ended."""
        if problem:
            self._span.set_attribute("error.type", problem)
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end(None if at is None else at * 1000)


class ExportedSpans:
    """All of a process. A full queue (OTEL_BSP_MAX_QUEUE_SIZE, 2,048) drops spans, and holds nobody up."""

    def __init__(self) -> None:
        named = "OTEL_SERVICE_NAME" in os.environ or "service.name=" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
        resource = Resource.create({} if named else {SERVICE_NAME: "orchestrator"})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("orchestrator")

    def begin(
        self,
        name: str,
        kind: Kind,
        traceparent: str,
        attributes: Mapping[str, Attribute],
        *,
        at: int | None = None,
    ) -> ExportedSpan:
        """A piece of work begins."""
        start = None if at is None else at * 1000
        parent = _parent(traceparent)
        return ExportedSpan(
            self._tracer.start_span(name, parent, kind=_KINDS[kind], attributes=attributes, start_time=start)
        )

    async def close(self) -> None:
        """Sends what is left, as far as the collector takes it soon."""
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        def close() -> None:
            self._provider.shutdown()
            # Nobody waits any more where that took long.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(done.set)

        Thread(target=close, daemon=True).start()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await done.wait()


def _parent(traceparent: str) -> Context:
    """The context of a span whose parent is elsewhere; `traceparent` has been checked."""
    if not traceparent:
        return Context()
    _, trace, parent, flags = traceparent.split("-")
    context = SpanContext(int(trace, 16), int(parent, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))
    return set_span_in_context(NonRecordingSpan(context), Context())
