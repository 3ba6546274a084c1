"""How an API speaks of events to its webhooks: which it shows, by which names, and what of each resource.

An API that has webhooks has a module `wording` with one of these, as `WORDING`; nothing else lists it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

from server.model import EVENT_TYPES, Event, Record, resource_of

Payload = Mapping[str, Any]
log = structlog.get_logger()


def _prefixed(identifier: str) -> str:
    return f"org_{identifier}"


@dataclass(frozen=True, slots=True)
class EventWording:
    """One API's; core asks it through `server.core.webhooks.wording.Wording`."""

    # The name of the API's folder.
    api: str
    # What the API shows of a resource, by its class; events of others are not sent.
    shapes: Mapping[type[Record], Callable[[Any], Payload]]
    # The first words of types of events, by what the API has in their place.
    kinds: Mapping[str, str]
    # How it writes the id of an organization.
    organization: Callable[[str], str] = _prefixed
    _names: dict[str, str] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        for type in EVENT_TYPES:
            kind, _, what = type.partition(".")
            if kind in self.kinds:
                self._names[type] = f"{self.kinds[kind]}.{what}"

    @property
    def names(self) -> Collection[str]:
        """Every name of an event that it gives."""
        return self._names.values()

    def name(self, event: Event) -> str | None:
        """What it calls an event; None where it does not show it."""
        return self._names.get(event.type)

    def data(self, event: Event) -> Payload:
        """What it shows of the resource of an event, as it was then."""
        try:
            resource = resource_of(event)
            return self.shapes[type(resource)](resource)
        except Exception:
            # One event that cannot be shown must not hold up all that follow it.
            log.exception("bug", event_type=event.type, number=event.number)
            return {"id": event.resource_id}
