"""Refusals: which of them the audit log remembers, and of whom."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from server.core.identity.access_tokens import digest_of, looks_like_token
from server.core.shared.audit import Audit
from server.core.shared.call_context import Call
from server.errors import ServiceError
from server.rpc.actors import actor_of, address_of
from server.rpc.credentials import credential, gives_credential
from server.rpc.method import Method
from server.store.acting import NOBODY

# What says something about whoever calls: what is wrong or not there says more about the program.
KINDS = frozenset({"unauthenticated", "forbidden", "conflict", "precondition", "exhausted"})


def remember(audit: Audit, method: Method, call: Call, context: Any, error: ServiceError) -> None:
    """Notes that a call was refused, where it is known whose it was: by its caller, or by a key that was good once."""
    if error.kind not in KINDS:
        return
    actor, digest = actor_of(call, method, context), ""
    if actor == NOBODY:
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
        actor = replace(actor, via=method.api.declaration.name, address=address_of(call, context))
    audit.note(
        actor,
        method.name,
        outcome=error.reason,
        request_id=call.request_id,
        detail=error.message,
        digest=digest,
    )
