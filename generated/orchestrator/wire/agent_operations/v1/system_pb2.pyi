from orchestrator.wire import struct_pb2 as _struct_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SystemServices(_message.Message):
    __slots__ = ("database", "redis", "message_queue")
    DATABASE_FIELD_NUMBER: _ClassVar[int]
    REDIS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_QUEUE_FIELD_NUMBER: _ClassVar[int]
    database: DatabaseHealth
    redis: RedisHealth
    message_queue: QueueHealth
    def __init__(self, database: _Optional[_Union[DatabaseHealth, _Mapping]] = ..., redis: _Optional[_Union[RedisHealth, _Mapping]] = ..., message_queue: _Optional[_Union[QueueHealth, _Mapping]] = ...) -> None: ...

class DatabaseHealth(_message.Message):
    __slots__ = ("status", "response_time")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_TIME_FIELD_NUMBER: _ClassVar[int]
    status: str
    response_time: float
    def __init__(self, status: _Optional[str] = ..., response_time: _Optional[float] = ...) -> None: ...

class RedisHealth(_message.Message):
    __slots__ = ("status", "response_time")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_TIME_FIELD_NUMBER: _ClassVar[int]
    status: str
    response_time: float
    def __init__(self, status: _Optional[str] = ..., response_time: _Optional[float] = ...) -> None: ...

class QueueHealth(_message.Message):
    __slots__ = ("status", "pending_messages", "oldest_age_seconds")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    PENDING_MESSAGES_FIELD_NUMBER: _ClassVar[int]
    OLDEST_AGE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    status: str
    pending_messages: int
    oldest_age_seconds: float
    def __init__(self, status: _Optional[str] = ..., pending_messages: _Optional[int] = ..., oldest_age_seconds: _Optional[float] = ...) -> None: ...

class SystemFigures(_message.Message):
    __slots__ = ("active_agents", "running_tasks", "completed_tasks_today", "system_load", "memory_usage", "disk_usage")
    ACTIVE_AGENTS_FIELD_NUMBER: _ClassVar[int]
    RUNNING_TASKS_FIELD_NUMBER: _ClassVar[int]
    COMPLETED_TASKS_TODAY_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_LOAD_FIELD_NUMBER: _ClassVar[int]
    MEMORY_USAGE_FIELD_NUMBER: _ClassVar[int]
    DISK_USAGE_FIELD_NUMBER: _ClassVar[int]
    active_agents: int
    running_tasks: int
    completed_tasks_today: int
    system_load: float
    memory_usage: float
    disk_usage: float
    def __init__(self, active_agents: _Optional[int] = ..., running_tasks: _Optional[int] = ..., completed_tasks_today: _Optional[int] = ..., system_load: _Optional[float] = ..., memory_usage: _Optional[float] = ..., disk_usage: _Optional[float] = ...) -> None: ...

class SystemMetrics(_message.Message):
    __slots__ = ("period", "metrics")
    PERIOD_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    period: str
    metrics: bytes
    def __init__(self, period: _Optional[str] = ..., metrics: _Optional[bytes] = ...) -> None: ...
