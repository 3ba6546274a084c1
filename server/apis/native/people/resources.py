"""The native API's people: logins, invitations and keys."""

from __future__ import annotations

import json
from typing import Any

from orchestrator.wire.v1.user_pb2 import ApiKey as ApiKeyMessage
from orchestrator.wire.v1.user_pb2 import Invitation as InvitationMessage
from orchestrator.wire.v1.user_pb2 import UserLogin

from server.apikit.projection import timestamp
from server.core.shared.call_context import Call
from server.model import ApiKey, Invitation, Login


def login_message(login: Login, call: Call) -> UserLogin:
    """A login, as its person sees it."""
    return UserLogin(
        id=f"login_{login.id}",
        user_agent=login.user_agent,
        address=login.address,
        client_id=f"client_{login.client_id}" if login.client_id else "",
        current=login.id == call.caller.login_id,
        create_time=timestamp(login.created_at),
        last_use_time=timestamp(login.last_used_at),
        expire_time=timestamp(login.expires_at),
    )


def invitation_message(invitation: Invitation) -> InvitationMessage:
    """An invitation, without its token."""
    return InvitationMessage(
        id=f"invitation_{invitation.id}",
        email=invitation.email,
        role=invitation.role,
        inviter_id=f"user_{invitation.invited_by}",
        create_time=timestamp(invitation.created_at),
        expire_time=timestamp(invitation.expires_at),
    )


def key_message(key: ApiKey) -> ApiKeyMessage:
    """A key, without the key itself."""
    return ApiKeyMessage(
        id=f"key_{key.id}",
        name=key.name,
        prefix=key.prefix,
        user_id=f"user_{key.user_id}",
        scopes=key.scopes.split(),
        create_time=timestamp(key.created_at),
        expire_time=_time(key.expires_at),
        project_ids=[f"proj_{each}" for each in json.loads(key.projects)],
    )


def _time(microseconds: int | None) -> Any:
    return timestamp(microseconds) if microseconds is not None else None
