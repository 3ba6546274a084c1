"""Who acts: whoever's call changes are made in is noted with the events that they make."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Actor:
    """A caller, as events remember him; all of it is empty where the server acts by itself."""

    organization_id: str = ""
    # `user_…`, or `agent_…` where an agent's own credential was used.
    name: str = ""
    # The id of the key, client or login that he came with.
    credential: str = ""
    # The name of the API's folder.
    via: str = ""
    # The address that he came from, as far as that is known.
    address: str = ""
    # The W3C trace context of his call; empty where there is none.
    traceparent: str = ""

    def as_user(self, organization_id: str, user_id: str, credential: str) -> Actor:
        """The same, once it is known that it is this user."""
        return replace(self, organization_id=organization_id, name=f"user_{user_id}", credential=credential)


NOBODY = Actor()


def agent_of(actor: Actor, organization: str, agent_id: str | None) -> Actor:
    """An agent, who says something of his task through whoever calls for him; the caller where there is none."""
    if agent_id is None:
        return actor
    return Actor(organization, f"agent_{agent_id}", actor.credential, actor.via, actor.address, actor.traceparent)


acting: ContextVar[Actor] = ContextVar("acting", default=NOBODY)
