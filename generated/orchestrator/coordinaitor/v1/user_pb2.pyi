import datetime

from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class User(_message.Message):
    __slots__ = ("id", "email", "name", "role", "organization_id", "avatar", "preferences", "stats", "created_at", "last_login_at", "disabled", "permissions")
    ID_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    ORGANIZATION_ID_FIELD_NUMBER: _ClassVar[int]
    AVATAR_FIELD_NUMBER: _ClassVar[int]
    PREFERENCES_FIELD_NUMBER: _ClassVar[int]
    STATS_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    LAST_LOGIN_AT_FIELD_NUMBER: _ClassVar[int]
    DISABLED_FIELD_NUMBER: _ClassVar[int]
    PERMISSIONS_FIELD_NUMBER: _ClassVar[int]
    id: str
    email: str
    name: str
    role: str
    organization_id: str
    avatar: _struct_pb2.Value
    preferences: Preferences
    stats: UserStats
    created_at: _timestamp_pb2.Timestamp
    last_login_at: _struct_pb2.Value
    disabled: bool
    permissions: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, id: _Optional[str] = ..., email: _Optional[str] = ..., name: _Optional[str] = ..., role: _Optional[str] = ..., organization_id: _Optional[str] = ..., avatar: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., preferences: _Optional[_Union[Preferences, _Mapping]] = ..., stats: _Optional[_Union[UserStats, _Mapping]] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_login_at: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., disabled: _Optional[bool] = ..., permissions: _Optional[_Iterable[str]] = ...) -> None: ...

class Preferences(_message.Message):
    __slots__ = ("theme", "language", "timezone", "notifications")
    THEME_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    TIMEZONE_FIELD_NUMBER: _ClassVar[int]
    NOTIFICATIONS_FIELD_NUMBER: _ClassVar[int]
    theme: str
    language: str
    timezone: str
    notifications: NotificationPreferences
    def __init__(self, theme: _Optional[str] = ..., language: _Optional[str] = ..., timezone: _Optional[str] = ..., notifications: _Optional[_Union[NotificationPreferences, _Mapping]] = ...) -> None: ...

class NotificationPreferences(_message.Message):
    __slots__ = ("email", "push", "desktop")
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    PUSH_FIELD_NUMBER: _ClassVar[int]
    DESKTOP_FIELD_NUMBER: _ClassVar[int]
    email: bool
    push: bool
    desktop: bool
    def __init__(self, email: _Optional[bool] = ..., push: _Optional[bool] = ..., desktop: _Optional[bool] = ...) -> None: ...

class UserStats(_message.Message):
    __slots__ = ("tasks_created", "tasks_completed", "projects_active")
    TASKS_CREATED_FIELD_NUMBER: _ClassVar[int]
    TASKS_COMPLETED_FIELD_NUMBER: _ClassVar[int]
    PROJECTS_ACTIVE_FIELD_NUMBER: _ClassVar[int]
    tasks_created: int
    tasks_completed: int
    projects_active: int
    def __init__(self, tasks_created: _Optional[int] = ..., tasks_completed: _Optional[int] = ..., projects_active: _Optional[int] = ...) -> None: ...
