"""Organizations with a key, and the calls that they make."""

from __future__ import annotations

import uuid
from typing import Any

from server.core.identity import api_keys
from server.core.shared.call_context import Call, Caller
from server.store.database import Database


class Tenant:
    """An organization with a key, and calls as it makes them."""

    def __init__(self, caller: Caller, key: str) -> None:
        self.caller = caller
        self.key = key

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        return (("authorization", f"Bearer {self.key}"),)

    def call(self, *, key: str = "", digest: str = "digest", if_match: int = 0) -> Call:
        call = Call(self.caller, "request", "method")
        call.idempotency_key, call.digest = key, digest
        call.require_version(if_match)
        return call


async def make_tenant(database: Database, **options: Any) -> Tenant:
    key, secret = await api_keys.create_key(database, organization=f"Org {uuid.uuid4().hex}", name="test", **options)
    caller = Caller(key.organization_id, key.user_id, key.id, frozenset(key.scopes.split()), key.hourly_limit)
    return Tenant(caller, secret)
