"""Actors: callers as events and the audit log remember them."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from server.core.shared.call_context import Call
from server.rpc.guests import PEER
from server.rpc.method import Method
from server.store.acting import Actor


def actor_of(call: Call, method: Method) -> Actor:
    """Whoever calls, as events remember him."""
    caller = call.caller
    via, address = method.api.declaration.name, call.address
    if not caller.organization_id:
        # He may turn out to be somebody.
        return Actor(via=via, address=address)
    name = f"agent_{caller.agent_id}" if caller.agent_id else f"user_{caller.user_id}"
    return Actor(caller.organization_id, name, caller.key_id, via, address)


def address_of(call: Call, context: Any) -> str:
    """Where a call came from: as the gateway says, or else as gRPC names its peer, without the port."""
    if PEER in call.headers:
        return call.headers[PEER]
    if call.through_gateway:
        # The gateway is elsewhere, and anybody could say what it says.
        return ""
    kind, _, rest = context.peer().partition(":")
    return unquote(rest.rpartition(":")[0]).strip("[]") if kind in ("ipv4", "ipv6") else ""
