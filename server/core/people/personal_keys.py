"""API keys that people make for their programs: never good for more than the person is."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence

from sqlalchemy import bindparam, func, select

from server.core.identity.access_tokens import digest_of
from server.core.identity.organizations import LOCK_USER
from server.core.identity.roles import covers
from server.core.identity.scopes import SCOPES
from server.core.shared.call_context import Call
from server.core.shared.ids import parse_filter
from server.core.shared.pagination import Listing, Page
from server.core.shared.resource import Resource
from server.errors import Forbidden, InvalidRequest, NotFound, TooMany
from server.model import ApiKey, Project, new_id
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

# How many a person may have at a time, and for how many projects one may be.
MOST, MOST_PROJECTS = 100, 50
MAX_NAME = 200
# What an organization's tier allows a key in an hour and a minute at most.
Allowed = tuple[int, int]

_keys = ApiKey.table().c
_PERSONAL = (_keys.personal.is_(True), _keys.revoked_at.is_(None))
KEYS = Resource(ApiKey, "key", _keys.personal.is_(True))
PROJECTS = Resource(Project, "project", Project.table().c.deleted_at.is_(None))
_LIST = Listing(ApiKey, _PERSONAL, ["user_id"], leading=["user_id"])
_COUNT = Statement[tuple[int]](
    select(func.count()).select_from(ApiKey.table()).where(_keys.user_id == bindparam("user"), *_PERSONAL)
)


class PersonalKeys:
    """Makes, lists and ends keys of people."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self,
        call: Call,
        *,
        name: str,
        permissions: Sequence[str],
        expires_at: int | None = None,
        hourly_limit: int | None = None,
        minute_limit: int | None = None,
        projects: Sequence[str] = (),
        allowed: Allowed,
    ) -> tuple[ApiKey, str]:
        """A new key of the caller's, and the key itself, which is shown once.

        Raises InvalidRequest, Forbidden where the caller may not do himself what it should, NotFound, TooMany.
        """
        scopes = _checked(call, name, permissions, expires_at, self._database.clock())
        _check_limits(hourly_limit, minute_limit, allowed)
        digits = sorted({parse_filter("project_ids", "project", each) for each in projects})
        if len(digits) > MOST_PROJECTS:
            raise InvalidRequest("project_ids", f"must name at most {MOST_PROJECTS} projects")
        own = call.caller.projects
        if own is not None and (not digits or not own.issuperset(digits)):
            raise Forbidden("this key is limited to projects, and so are the keys that it makes")
        secret = f"ak_{secrets.token_urlsafe(32)}"

        async def body(transaction: Transaction) -> ApiKey:
            user = await transaction.one(LOCK_USER, id=call.caller.user_id)
            if user is None:
                raise NotFound("user", call.caller.user_id)
            row = await transaction.one(_COUNT, user=user.id)
            if row is not None and row[0] >= MOST:
                raise TooMany(f"this user has {MOST} keys, which is as many as may be", details={"limit": MOST})
            for each in digits:
                if await PROJECTS.find(transaction, call.organization_id, each) is None:
                    raise NotFound("project", each)
            key = ApiKey.new(
                id=new_id(),
                organization_id=user.organization_id,
                user_id=user.id,
                name=name.strip(),
                prefix=secret[:10],
                digest=digest_of(secret),
                scopes=scopes,
                hourly_limit=hourly_limit,
                minute_limit=minute_limit,
                projects=json.dumps(digits),
                personal=True,
                created_at=transaction.now,
                expires_at=expires_at,
            )
            await transaction.insert(key)
            transaction.emit("api_key.created", key)
            return key

        return await self._database.write(body), secret

    async def slice(self, call: Call, *, limit: int, offset: int, everybodys: bool = False) -> Page[ApiKey]:
        """The caller's keys that are not revoked, newest first; or the organization's, for who may see its users."""
        if everybodys and not call.caller.may("users:read"):
            raise Forbidden("this key lacks the scope users:read", details={"scope": "users:read"})
        user = None if everybodys else call.caller.user_id
        return await _LIST.slice(self._database, None, call.organization_id, limit=limit, offset=offset, user_id=user)

    async def page(self, call: Call, *, size: int, token: str) -> Page[ApiKey]:
        """The caller's own by page token. Raises InvalidRequest."""
        return await _LIST.page(
            self._database, call.organization_id, size=size, token=token, user_id=call.caller.user_id
        )

    async def revoke(self, call: Call, identifier: str) -> None:
        """Ends one of the caller's keys for good, or anybody's for who may change users. Raises NotFound."""

        async def body(transaction: Transaction) -> ApiKey:
            key = await KEYS.lock(transaction, call, identifier)
            if key.user_id != call.caller.user_id and not call.caller.may("users:write"):
                raise NotFound("key", identifier)
            if key.revoked_at is None:
                key = await transaction.update(key, revoked_at=transaction.now)
                transaction.emit("api_key.revoked", key)
            return key

        await self._database.write(body)


def _checked(call: Call, name: str, permissions: Sequence[str], expires_at: int | None, now: int) -> str:
    if call.caller.delegated:
        raise Forbidden("a key is made by a person who has logged in, not by a key or a client of his")
    if not name.strip() or len(name) > MAX_NAME:
        raise InvalidRequest("name", f"must have 1 to {MAX_NAME} characters")
    if not permissions:
        raise InvalidRequest("permissions", "must name at least one")
    unknown = sorted(set(permissions) - SCOPES)
    if unknown:
        raise InvalidRequest("permissions", f"unknown: {', '.join(unknown)}; known: {', '.join(sorted(SCOPES))}")
    for each in permissions:
        if not covers(call.caller.scopes, each):
            raise Forbidden(f"you lack the permission {each} that the key should have", details={"scope": each})
    if expires_at is not None and expires_at <= now:
        raise InvalidRequest("expires_at", "must be in the future")
    return " ".join(sorted(set(permissions)))


def _check_limits(hourly: int | None, minute: int | None, allowed: Allowed) -> None:
    for field, given, most in (
        ("requests_per_hour", hourly, allowed[0]),
        ("requests_per_minute", minute, allowed[1]),
    ):
        if given is not None and not 1 <= given <= most:
            raise InvalidRequest(field, f"must be from 1 to {most}, which is what your organization has")
