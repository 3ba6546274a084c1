"""Spans: what those who follow requests through systems are told of each piece of work, by `work/telemetry`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

Attribute = str | int | float | bool | list[str]
# Whose side of a call it is: a request that came, one that was sent, or work that came out of the queue.
Kind = Literal["server", "client", "consumer"]


class Span(Protocol):
    """A piece of work that has begun."""

    @property
    def traceparent(self) -> str:
        """The W3C trace context of what is done for it."""

    def note(self, attributes: Mapping[str, Attribute]) -> None:
        """Says more of it."""

    def end(self, problem: str = "", *, at: int | None = None) -> None:
        """It has ended, now or at a time (microseconds); `problem` is a word for what went wrong."""


class Spans(Protocol):
    """Whoever is told."""

    def begin(
        self,
        name: str,
        kind: Kind,
        traceparent: str,
        attributes: Mapping[str, Attribute],
        *,
        at: int | None = None,
    ) -> Span:
        """A piece of work begins, now or at a time (microseconds), for what has this trace context, or for nobody."""
