"""Wording: how an API names events and shows what they are about; each API brings one, and core knows none by name."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from server.core.shared.names import NamesById, Reference
from server.core.webhooks.javascript import stringify
from server.errors import InvalidRequest
from server.model import Event

MOST = 100
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Wording(Protocol):
    """One API's."""

    @property
    def api(self) -> str:
        """The name of the API."""

    @property
    def names(self) -> Collection[str]:
        """Every name of an event that it gives."""

    def name(self, event: Event) -> str | None:
        """What it calls an event; None where it does not show it."""

    def references(self, event: Event) -> Collection[Reference]:
        """Whose names it shows with an event."""

    def data(self, event: Event, names: NamesById, /) -> Mapping[str, Any]:
        """What it shows of an event, as plain JSON; `names` are those of what it refers to, as far as there are any."""

    def organization(self, identifier: str) -> str:
        """How it writes the id of an organization."""


class EventPatterns:
    """Which events are wanted: by name, by the beginning of it (`task.*`), or all (`*`)."""

    def __init__(self, patterns: Iterable[str]) -> None:
        patterns = list(patterns)
        self._names = frozenset(patterns)
        self._prefixes = tuple(each[:-1] for each in patterns if each.endswith("*"))

    def takes(self, name: str) -> bool:
        """Whether an event of this name is wanted."""
        return name in self._names or (bool(self._prefixes) and name.startswith(self._prefixes))


def check_events(patterns: Sequence[str], wording: Wording) -> list[str]:
    """The patterns, each once. Raises InvalidRequest where one of them can never take an event."""
    if not patterns or len(patterns) > MOST:
        raise InvalidRequest("events", f"must name 1 to {MOST} events, such as session.completed, session.* or *")
    unknown = [each for each in dict.fromkeys(patterns) if not _is_known(each, wording)]
    if unknown:
        raise InvalidRequest(
            "events",
            f"unknown: {', '.join(unknown)[:200]}",
            details={"unknown": [each[:100] for each in unknown], "known": sorted(wording.names)},
        )
    return list(dict.fromkeys(patterns))


def _is_known(pattern: str, wording: Wording) -> bool:
    if not pattern.endswith("*"):
        return pattern in wording.names
    stem = pattern[:-1]
    # A prefix ends with the point, so that `task*` is not mistaken for one.
    return not stem or (stem.endswith(".") and any(name.startswith(stem) for name in wording.names))


def body_of(
    wording: Wording, organization: str, organization_name: str, event: str, microseconds: int, data: Any
) -> str:
    """What is sent of an event."""
    return stringify(
        {
            "event": event,
            "timestamp": _moment(microseconds),
            "data": data,
            "organization": {"id": wording.organization(organization), "name": organization_name},
        }
    )


def _moment(microseconds: int) -> str:
    """A time as protobuf's JSON has it: with as many digits as it needs, three at a time."""
    digits = "microseconds" if microseconds % 1000 else "milliseconds" if microseconds % 1_000_000 else "seconds"
    moment = _EPOCH + timedelta(microseconds=microseconds)
    return moment.isoformat(timespec=digits).replace("+00:00", "Z")
