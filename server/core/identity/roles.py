"""Roles: which scopes a person's role has, and what is left of them in a login or key that was given fewer."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, lru_cache

from server.core.identity.declared_scopes import DECLARED_SCOPES
from server.model import Role

# What only administrators see.
_OF_ADMINS = frozenset({"audit", "invitations", "logs", "organizations", "users"})
# What is a person's own: the profile, the password, the logins and the notifications.
_OWN = frozenset({"account:read", "account:write", "notifications:read", "notifications:write"})
_WORK = frozenset({"chat:write", "comments:write", "files:write", "keys:write", "tasks:write"})
_LEAD = frozenset({"agents:write", "projects:write", "webhooks:write"})


@cache
def scopes_of(role: str) -> frozenset[str]:
    """The scopes of a `Role`; none of a role that there is not."""
    everything = frozenset({"*"})
    readable = frozenset(
        each for each in DECLARED_SCOPES if each.endswith(":read") and each.partition(":")[0] not in _OF_ADMINS
    )
    looks = readable | _OWN
    known = {
        Role.ADMIN.value: everything,
        Role.PROJECT_MANAGER.value: looks | _WORK | _LEAD,
        Role.DEVELOPER.value: looks | _WORK,
        Role.VIEWER.value: looks,
    }
    return known.get(role, frozenset())


def covers(held: Iterable[str], scope: str) -> bool:
    """Whether who holds `held` may do all that `scope` says, which may be `tasks:*` or `*`."""
    owned = frozenset(held)
    return "*" in owned or scope in owned or f"{scope.partition(':')[0]}:*" in owned


@lru_cache(4096)
def scopes_within(role: str, given: str) -> frozenset[str]:
    """What a person with this role holds by a credential that was given these scopes, with spaces between them."""
    allowed, wanted = scopes_of(role), frozenset(given.split())
    return frozenset(
        {
            *(each for each in wanted if covers(allowed, each)),
            *(each for each in allowed if covers(wanted, each)),
        }
    )
