"""Actors: callers as events and the audit log remember them, and which refusals that log remembers."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from server.core.identity.access_tokens import digest_of, looks_like_token
from server.core.shared.audit import Audit
from server.core.shared.call_context import Call
from server.errors import ServiceError
from server.rpc.callers.credentials import credential, gives_credential
from server.rpc.callers.guests import PEER
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
    return Actor(caller.organization_id, name, caller.key_id, via, address, call.traceparent)


def address_of(call: Call, context: Any) -> str:
    """Where a call came from: as the gateway says, or else as gRPC names its peer, without the port."""
    if PEER in call.headers:
        return call.headers[PEER]
    if call.through_gateway:
        # The gateway is elsewhere, and anybody could say what it says.
        return ""
    kind, _, rest = context.peer().partition(":")
    return unquote(rest.rpartition(":")[0]).strip("[]") if kind in ("ipv4", "ipv6") else ""


# What says something about whoever calls: what is wrong or not there says more about the program.
KINDS = frozenset({"unauthenticated", "forbidden", "conflict", "precondition", "exhausted"})


def remember(audit: Audit, method: Method, call: Call, error: ServiceError) -> None:
    """Notes that a call was refused, where it is known whose it was: by its caller, or by a key that was good once."""
    if error.kind not in KINDS:
        return
    actor, digest = actor_of(call, method), ""
    if not actor.organization_id:
        if not gives_credential(call.headers):
            return
        try:
            key = credential(call.headers)
        except ServiceError:
            return
        # A token says whose it is, and anybody can write one.
        if looks_like_token(key):
            return
        digest = digest_of(key)
    audit.note(
        actor,
        method.name,
        outcome=error.reason,
        request_id=call.request_id,
        detail=error.message,
        digest=digest,
    )
