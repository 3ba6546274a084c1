"""Users: who belongs to an organization, what they say of themselves, and what administrators say of them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import bindparam, func, or_, select

from server.core.identity.logins import Logins
from server.core.identity.organizations import LOCK_ORGANIZATION
from server.core.identity.roles import covers, scopes_of
from server.core.shared.call_context import Call, Caller
from server.core.shared.count_cache import CountCache
from server.core.shared.pagination import Listing, Page
from server.core.shared.resource import Resource, change
from server.errors import Conflict, Forbidden, InvalidRequest
from server.model import Project, ProjectMember, ProjectStatus, Role, Task, TaskKind, TaskStatus, User
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

USERS = Resource(User, "user")
THEMES = ("light", "dark", "system")
MAX_NAME = 200
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")
_WORDS = ("theme", "language", "timezone")
_CHANNELS = ("email", "push", "desktop")

_users = User.table().c
_pattern: Any = bindparam("search")
_LIST = Listing(
    User,
    [],
    ["role"],
    spans={
        "search": or_(func.lower(_users.name).like(_pattern, escape="\\"), _users.email.like(_pattern, escape="\\"))
    },
)
_ADMINS = Statement[Any](
    select(func.count())
    .select_from(User.table())
    .where(
        _users.organization_id == bindparam("organization"),
        _users.role == Role.ADMIN.value,
        _users.disabled_at.is_(None),
        _users.password != "",
        _users.id != bindparam("but"),
    )
)
_tasks = Task.table().c
_TASKS = Statement[Any](
    select(func.count(), func.count().filter(_tasks.status == TaskStatus.COMPLETED.value))
    .select_from(Task.table())
    .where(
        _tasks.created_by == bindparam("user"),
        _tasks.created_by.is_not(None),
        _tasks.kind == TaskKind.EXECUTION.value,
    )
)
_projects, _members = Project.table().c, ProjectMember.table().c
_PROJECTS = Statement[Any](
    select(func.count())
    .select_from(ProjectMember.table().join(Project.table(), _projects.id == _members.project_id))
    .where(
        _members.user_id == bindparam("user"),
        _projects.status == ProjectStatus.ACTIVE.value,
        _projects.deleted_at.is_(None),
    )
)


@dataclass(frozen=True, slots=True)
class UserStats:
    """What a person has done."""

    tasks_created: int
    tasks_completed: int
    projects_active: int


class Users:
    """Finds users and changes them."""

    def __init__(self, database: Database, counts: CountCache, logins: Logins) -> None:
        self._database = database
        self._counts = counts
        self._logins = logins

    async def me(self, call: Call) -> User:
        """Whoever calls."""
        return await USERS.get(self._database, call, call.caller.user_id)

    async def get(self, call: Call, identifier: str) -> User:
        """One user. Raises NotFound."""
        return await USERS.get(self._database, call, identifier)

    async def slice(self, call: Call, *, limit: int, offset: int, role: str = "", search: str = "") -> Page[User]:
        """Users newest first, from an offset, with their number. Raises InvalidRequest."""
        if role:
            check_role("role", role)
        return await _LIST.slice(
            self._database,
            self._counts,
            call.organization_id,
            limit=limit,
            offset=offset,
            role=role or None,
            search=_like(search) if search.strip() else None,
        )

    async def page(self, call: Call, *, size: int, token: str, role: str = "") -> Page[User]:
        """Users newest first, by page token. Raises InvalidRequest."""
        return await _LIST.page(self._database, call.organization_id, size=size, token=token, role=role or None)

    async def stats(self, call: Call) -> UserStats:
        """What the caller has done, counted now."""
        user = call.caller.user_id
        created, completed = (await self._database.scan(_TASKS, user=user))[0]
        projects = (await self._database.scan(_PROJECTS, user=user))[0][0]
        return UserStats(created, completed, projects)

    async def update_me(
        self, call: Call, *, name: str | None = None, preferences: Mapping[str, Any] | None = None
    ) -> User:
        """Changes what the caller says of himself; preferences that are not named stay. Raises InvalidRequest."""
        wanted = check_preferences(preferences or {})
        if name is not None:
            check_name(name)

        async def act(transaction: Transaction, user: User) -> User:
            kept = json.loads(user.preferences)
            heard = {**kept.get("notifications", {}), **wanted.get("notifications", {})}
            merged = {**kept, **wanted, **({"notifications": heard} if heard else {})}
            if (name is None or name == user.name) and merged == kept:
                return user
            user = await change(
                transaction, user, name=user.name if name is None else name.strip(), preferences=json.dumps(merged)
            )
            transaction.emit("user.updated", user)
            return user

        return await USERS.once(self._database, call, call.caller.user_id, act)

    async def update(
        self,
        call: Call,
        identifier: str,
        *,
        role: str | None = None,
        disabled: bool | None = None,
        name: str | None = None,
    ) -> User:
        """Changes a user as an administrator does; who is disabled is out at once.

        Raises NotFound, InvalidRequest, VersionMismatch, and Conflict where no administrator would be left.
        """
        if role is not None:
            check_role("role", role)
            check_may_give(call.caller, role)
        if name is not None:
            check_name(name)

        async def act(transaction: Transaction, user: User) -> User:
            # Two administrators must not demote each other at once.
            await transaction.one(LOCK_ORGANIZATION, organization=user.organization_id)
            was = user.disabled_at is not None
            out = was if disabled is None else disabled
            new_role = user.role if role is None else role
            new_name = user.name if name is None else name.strip()
            loses = user.role == Role.ADMIN.value and not was and (out or new_role != Role.ADMIN.value)
            if loses:
                others = await transaction.one(_ADMINS, organization=user.organization_id, but=user.id)
                if others is None or not others[0]:
                    raise Conflict(
                        "an organization needs an administrator, and this is the last one", reason="LAST_ADMIN"
                    )
            if (out, new_role, new_name) == (was, user.role, user.name):
                return user
            until = (user.disabled_at if was else transaction.now) if out else None
            user = await change(transaction, user, role=new_role, name=new_name, disabled_at=until)
            if out and not was:
                await self._logins.end_all(transaction, user.id)
            word = "updated" if out == was else ("disabled" if out else "enabled")
            transaction.emit(_EVENTS[word], user)
            return user

        found = await USERS.once(self._database, call, identifier, act)
        self._logins.tell(found.id)
        return found


_EVENTS = {"updated": "user.updated", "disabled": "user.disabled", "enabled": "user.enabled"}


def check_role(field: str, role: str) -> None:
    """Raises InvalidRequest where there is no such role."""
    if role not in list(Role):
        raise InvalidRequest(field, f"must be one of: {', '.join(Role)}")


def check_may_give(caller: Caller, role: str) -> None:
    """Raises Forbidden where the caller would make somebody more than he is himself."""
    lacking = sorted(scope for scope in scopes_of(role) if not covers(caller.scopes, scope))
    if lacking or caller.projects is not None:
        raise Forbidden(
            f"you lack permissions that the role {role} has", details={"scope": lacking[0] if lacking else "*"}
        )


def check_name(name: str) -> None:
    """Raises InvalidRequest where nobody is called that."""
    if not name.strip() or len(name) > MAX_NAME:
        raise InvalidRequest("name", f"must have 1 to {MAX_NAME} characters")


def check_preferences(given: Mapping[str, Any]) -> dict[str, Any]:
    """The preferences that are named, which all are known. Raises InvalidRequest."""
    _check_named("preferences", given, (*_WORDS, "notifications"))
    for name in _WORDS:
        if not isinstance(given.get(name, ""), str):
            raise InvalidRequest(f"preferences.{name}", "must be a text")
    told = given.get("notifications", {})
    _check_named("preferences.notifications", told, _CHANNELS)
    for name, value in told.items():
        if not isinstance(value, bool):
            raise InvalidRequest(f"preferences.notifications.{name}", "must be true or false")
    if "theme" in given and given["theme"] not in THEMES:
        raise InvalidRequest("preferences.theme", f"must be one of: {', '.join(THEMES)}")
    if "language" in given and not _LANGUAGE.fullmatch(given["language"]):
        raise InvalidRequest("preferences.language", "must be a language as browsers name it, such as en or pt-BR")
    if "timezone" in given and not _is_zone(given["timezone"]):
        raise InvalidRequest("preferences.timezone", "must be a time zone of the IANA, such as America/New_York")
    known = {name: given[name] for name in _WORDS if name in given}
    return {**known, "notifications": dict(told)} if told else known


def _check_named(field: str, given: object, known: Sequence[str]) -> None:
    if not isinstance(given, Mapping):
        raise InvalidRequest(field, f"must be an object with some of {', '.join(known)}")
    unknown = sorted(given.keys() - set(known))
    if unknown:
        raise InvalidRequest(f"{field}.{unknown[0][:100]}", f"is unknown; there are {', '.join(known)}")


def _is_zone(name: str) -> bool:
    # One file is looked for: to list all that there are takes a while.
    try:
        ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        return False
    return True


def _like(search: str) -> str:
    escaped = re.sub(r"([%_\\])", r"\\\1", search.strip().lower())
    return f"%{escaped}%"
