"""How an API speaks of events to its webhooks: which it shows, by which names, and what of each resource.

An API that has webhooks has a module `wording` with one of these, as `WORDING`; nothing else lists it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from server.model import EVENT_TYPES, Event, Record, resource_of

Payload = Mapping[str, Any]
log = structlog.get_logger()


def by_kind(kinds: Mapping[str, str]) -> Mapping[str, str]:
    """Names by type for an API that has a first word of its own for these kinds of events, and shows no others."""
    words = (type.partition(".") for type in EVENT_TYPES)
    return {f"{kind}.{what}": f"{kinds[kind]}.{what}" for kind, _, what in words if kind in kinds}


def _prefixed(identifier: str) -> str:
    return f"org_{identifier}"


@dataclass(frozen=True, slots=True)
class EventWording:
    """One API's; core asks it through `server.core.webhooks.wording.Wording`."""

    # The name of the API's folder.
    api: str
    # What it calls events, by their type (`EVENT_TYPES`); several may have one name, and others are not sent.
    by_type: Mapping[str, str]
    # What it shows of a resource, by its class.
    shapes: Mapping[type[Record], Callable[[Any], Payload]]
    # How it writes the id of an organization.
    organization: Callable[[str], str] = _prefixed

    @property
    def names(self) -> Collection[str]:
        """Every name of an event that it gives."""
        return frozenset(self.by_type.values())

    def name(self, event: Event) -> str | None:
        """What it calls an event; None where it does not show it."""
        return self.by_type.get(event.type)

    def data(self, event: Event) -> Payload:
        """What it shows of the resource of an event, as it was then."""
        try:
            resource = resource_of(event)
            return self.shapes[type(resource)](resource)
        except Exception:
            # One event that cannot be shown must not hold up all that follow it.
            log.exception("bug", event_type=event.type, number=event.number)
            return {"id": event.resource_id}
