"""The native API's people, and what they are told."""

from __future__ import annotations

import json
from typing import TypeVar

from google.protobuf.message import Message
from orchestrator.wire.v1.notification_pb2 import Notification as NotificationMessage
from orchestrator.wire.v1.user_pb2 import Invitation as InvitationMessage
from orchestrator.wire.v1.user_pb2 import User as UserMessage

from server import values
from server.apikit.projection import timestamp
from server.model import Notification, User

M = TypeVar("M", bound=Message)


def user_message(user: User) -> UserMessage:
    """A person, without what lets him in."""
    message = UserMessage(
        id=f"user_{user.id}",
        etag=str(user.version),
        email=user.email,
        name=user.name,
        disabled=user.disabled_at is not None,
        role=user.role,
        preferences=values.struct_of(values.encode(json.loads(user.preferences))),
        create_time=timestamp(user.created_at),
        avatar_path=f"/api/v1/avatars/{user.avatar_token}" if user.avatar_token else "",
    )
    for field, time in (
        (message.last_login_time, user.last_login_at),
        (message.disable_time, user.disabled_at),
        (message.update_time, user.updated_at),
    ):
        if time is not None:
            field.CopyFrom(timestamp(time))
    return message


def in_public(message: M) -> M:
    """A message for webhooks, whose managers need not be those who may see users: without where mail reaches these."""
    if isinstance(message, UserMessage | InvitationMessage):
        for name in ("email", "preferences", "last_login_time"):
            if name in message.DESCRIPTOR.fields_by_name:
                message.ClearField(name)
    return message


def notification_message(notification: Notification) -> NotificationMessage:
    """What a person is told."""
    kind = notification.type.partition(".")[0]
    message = NotificationMessage(
        id=f"notification_{notification.id}",
        user_id=f"user_{notification.user_id}",
        type=notification.type,
        title=notification.title,
        message=notification.message,
        resource_id=f"{kind}_{notification.resource_id}",
        event_number=notification.event_number,
        create_time=timestamp(notification.created_at),
    )
    if notification.read_at is not None:
        message.read_time.CopyFrom(timestamp(notification.read_at))
    return message
