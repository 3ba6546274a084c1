"""The CoordinAItor API's shapes of people: users, logins, and what logins give."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from google.protobuf.message import Message
from orchestrator.wire.coordinaitor.v1 import auth_service_pb2 as auth
from orchestrator.wire.coordinaitor.v1 import user_pb2 as pb
from orchestrator.wire.coordinaitor.v1 import user_service_pb2 as service

from server import values
from server.apikit.projection import project
from server.apis.coordinaitor.envelope import is_unversioned, meta
from server.apis.coordinaitor.shape import nullable, nullable_id, nullable_time, shown_id
from server.core.identity.logins import Granted
from server.core.shared.call_context import Call
from server.model import ApiKey, Invitation, Login, User

M = TypeVar("M", bound=Message)
# What a person likes who has not said so.
DEFAULTS: Mapping[str, Any] = {"theme": "system", "language": "en", "timezone": "UTC"}
HEARS: Mapping[str, bool] = {"email": True, "push": True, "desktop": True}
# A login's answer is nobody else's.
NOT_STORED = (("cache-control", "no-store"),)


def granted_message(message: type[M], call: Call, granted: Granted) -> M:
    """What a login gives, flat and in `data`."""
    user = granted.user
    given: dict[str, Any] = {
        "access_token": granted.access_token,
        "refresh_token": granted.refresh_token,
        "expires_in": granted.expires_in,
        "user": auth.LoginUser(
            id=shown_id("user", user.id),
            email=user.email,
            name=user.name,
            role=user.role,
            organization_id=shown_id("org", user.organization_id),
        ),
    }
    call.response_headers = (*call.response_headers, *NOT_STORED)
    more = {"token": granted.access_token} if is_unversioned(call) else {}
    return message(success=True, data=auth.LoginData(**given), meta=meta(call), **given, **more)


def user_message(
    user: User, *, permissions: Iterable[str] = (), stats: pb.UserStats | None = None, base: str = ""
) -> pb.User:
    """A user; `base` is where this API is, for the address of the picture."""
    liked = json.loads(user.preferences)
    return project(
        user,
        pb.User,
        id=shown_id("user", user.id),
        organization_id=shown_id("org", user.organization_id),
        avatar=values.encode(f"{base}/api/v1/avatars/{user.avatar_token}") if user.avatar_token else values.NULL,
        preferences=pb.Preferences(
            **{**DEFAULTS, **{name: liked[name] for name in DEFAULTS if name in liked}},
            notifications=pb.NotificationPreferences(**{**HEARS, **liked.get("notifications", {})}),
        ),
        stats=stats,
        last_login_at=nullable_time(user.last_login_at),
        disabled=user.disabled_at is not None,
        permissions=sorted(permissions),
    )


def base_of(call: Call, scheme: str) -> str:
    """Where this API is for the caller, empty where the gateway does not say: addresses are then paths alone."""
    host = call.headers.get("x-requested-host", "")
    return f"{scheme}://{host}" if host else ""


def key_message(key: ApiKey, secret: str | None = None) -> auth.ApiKey:
    """An API key; `secret` is the key itself, for who has just made it."""
    return project(
        key,
        auth.ApiKey,
        id=shown_id("key", key.id),
        permissions=key.scopes.split(),
        user_id=shown_id("user", key.user_id),
        project_ids=[shown_id("proj", each) for each in json.loads(key.projects)],
        requests_per_hour=nullable(key.hourly_limit),
        requests_per_minute=nullable(key.minute_limit),
        expires_at=nullable_time(key.expires_at),
        key=secret,
    )


def invitation_message(invitation: Invitation, token: str | None = None) -> service.Invitation:
    """An invitation; `token` is what it is accepted with, for who has just made it."""
    return project(
        invitation,
        service.Invitation,
        id=shown_id("inv", invitation.id),
        invited_by=shown_id("user", invitation.invited_by),
        token=token,
    )


def login_message(login: Login, call: Call) -> auth.UserLogin:
    """A login."""
    return project(
        login,
        auth.UserLogin,
        id=shown_id("login", login.id),
        client_id=nullable_id("client", login.client_id),
        current=login.id == call.caller.login_id,
    )
