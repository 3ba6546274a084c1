"""The condition of everybody's system: a word for each component, and what they come to together."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from server.store.full_text import chunk_index
from server.store.statement import Statement

# What the machine and its services are; the others are what one document calls parts of the same.
SERVICES = ("database", "queue", "cache", "sandbox")
# Without these nothing can be answered.
VITAL = frozenset({"database", "memory_system"})
WELL = frozenset({"healthy", "not_configured"})
# What no index has: it is about whether there is an answer.
_NO_TERM = "xhealthx"
FULL_TEXT: Statement[Any] = chunk_index.COUNT
FULL_TEXT_PARAMETERS: Mapping[str, Mapping[str, Any]] = {
    "sqlite": {"query": f'scope:"{_NO_TERM}"', "most": 1},
    "postgresql": {"query": f"'{_NO_TERM}'", "most": 1},
}


class ProviderState(Protocol):
    """A provider of language models that is configured, and how its calls went of late."""

    @property
    def provider(self) -> str:
        """Its name."""

    @property
    def circuit(self) -> str:
        """`closed` while it is asked, `open` while it is not, `half_open` while that is tried."""


@dataclass(frozen=True, slots=True)
class Condition:
    """How everybody's system is, for whoever asks, with a word for each component."""

    # Seconds that this process has been up.
    uptime: float
    # healthy, degraded, unhealthy or not_configured.
    components: Mapping[str, str]

    @property
    def status(self) -> str:
        """healthy, degraded or unhealthy, of all of them together."""
        if any(self.components[name] == "unhealthy" for name in VITAL & self.components.keys()):
            return "unhealthy"
        return "healthy" if all(word in WELL for word in self.components.values()) else "degraded"

    def of(self, names: Collection[str]) -> Condition:
        """The same of some components alone."""
        return Condition(self.uptime, {name: self.components[name] for name in names})


def memory_word(*, answers: bool, takes: bool) -> str:
    """How what is remembered is: whether the full-text index answers, and whether the database takes more."""
    if not answers:
        return "unhealthy"
    return "healthy" if takes else "degraded"


def models_word(states: Sequence[ProviderState]) -> str:
    """How language models are, by their providers' circuits."""
    if not states:
        return "not_configured"
    closed = sum(each.circuit == "closed" for each in states)
    if closed == len(states):
        return "healthy"
    return "degraded" if can_be_asked(states) else "unhealthy"


def can_be_asked(states: Sequence[ProviderState]) -> bool:
    """Whether some model can be asked, or none is configured, so that nobody expects it."""
    return not states or any(each.circuit != "open" for each in states)
