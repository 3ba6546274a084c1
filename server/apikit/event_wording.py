"""How an API speaks of events to its webhooks: which it shows, by which names, and what of each resource.

An API that has webhooks has a module `wording` with one of these, as `WORDING`; nothing else lists it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

from server.core.shared.names import NamesById, Reference
from server.model import EVENT_TYPES, Event, Record, resource_of

Payload = Mapping[str, Any]
NO_NAMES: NamesById = {}
log = structlog.get_logger()


def by_kind(kinds: Mapping[str, str]) -> Mapping[str, str]:
    """Names by type for an API that has a first word of its own for these kinds of events, and shows no others."""
    words = (type.partition(".") for type in EVENT_TYPES)
    return {f"{kind}.{what}": f"{kinds[kind]}.{what}" for kind, _, what in words if kind in kinds}


def _prefixed(identifier: str) -> str:
    return f"org_{identifier}"


@dataclass(frozen=True, slots=True)
class Named:
    """What is shown of a resource together with the names of what it refers to."""

    # The kind of what a column names, as `server.core.shared.names` has it.
    columns: Mapping[str, str]
    shape: Callable[[Any, NamesById], Payload]

    def references(self, resource: Record) -> Collection[Reference]:
        """Whose names are shown with it."""
        columns = resource.values()
        return [(kind, columns[name]) for name, kind in self.columns.items() if columns[name]]


@dataclass(frozen=True, slots=True)
class EventWording:
    """One API's; core asks it through `server.core.webhooks.wording.Wording`."""

    # The name of the API's folder.
    api: str
    # What it calls events, by their type (`EVENT_TYPES`); several may have one name, and others are not sent.
    by_type: Mapping[str, str]
    # What it shows of a resource, by its class.
    shapes: Mapping[type[Record], Callable[[Any], Payload]]
    # The same of those that are shown with names.
    named: Mapping[type[Record], Named] = field(default_factory=dict)
    # How it writes the id of an organization.
    organization: Callable[[str], str] = _prefixed

    @property
    def names(self) -> Collection[str]:
        """Every name of an event that it gives."""
        return frozenset(self.by_type.values())

    def name(self, event: Event) -> str | None:
        """What it calls an event; None where it does not show it."""
        return self.by_type.get(event.type)

    def references(self, event: Event) -> Collection[Reference]:
        """Whose names it shows with an event."""
        if not self.named:
            return ()
        try:
            resource = resource_of(event)
        except Exception:
            # `data` says so.
            return ()
        named = self.named.get(type(resource))
        return named.references(resource) if named is not None else ()

    def data(self, event: Event, names: NamesById = NO_NAMES, /) -> Payload:
        """What it shows of the resource of an event, as it was then, with what others are called now."""
        try:
            resource = resource_of(event)
            named = self.named.get(type(resource))
            return named.shape(resource, names) if named is not None else self.shapes[type(resource)](resource)
        except Exception:
            # One event that cannot be shown must not hold up all that follow it.
            log.exception("bug", event_type=event.type, number=event.number)
            return {"id": event.resource_id}
