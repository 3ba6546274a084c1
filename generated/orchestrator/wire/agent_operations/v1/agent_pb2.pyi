import datetime

from orchestrator.wire import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Agent(_message.Message):
    __slots__ = ("id", "name", "type", "status", "status_message", "description", "environment", "runtime", "capabilities", "configuration", "health", "metrics", "created_at", "updated_at", "version")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    STATUS_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    RUNTIME_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    CONFIGURATION_FIELD_NUMBER: _ClassVar[int]
    HEALTH_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    type: str
    status: str
    status_message: str
    description: str
    environment: str
    runtime: str
    capabilities: _containers.RepeatedScalarFieldContainer[str]
    configuration: bytes
    health: AgentHealth
    metrics: AgentMetrics
    created_at: _timestamp_pb2.Timestamp
    updated_at: _timestamp_pb2.Timestamp
    version: int
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., type: _Optional[str] = ..., status: _Optional[str] = ..., status_message: _Optional[str] = ..., description: _Optional[str] = ..., environment: _Optional[str] = ..., runtime: _Optional[str] = ..., capabilities: _Optional[_Iterable[str]] = ..., configuration: _Optional[bytes] = ..., health: _Optional[_Union[AgentHealth, _Mapping]] = ..., metrics: _Optional[_Union[AgentMetrics, _Mapping]] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., version: _Optional[int] = ...) -> None: ...

class AgentHealth(_message.Message):
    __slots__ = ("status", "last_check", "uptime")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    LAST_CHECK_FIELD_NUMBER: _ClassVar[int]
    UPTIME_FIELD_NUMBER: _ClassVar[int]
    status: str
    last_check: _timestamp_pb2.Timestamp
    uptime: float
    def __init__(self, status: _Optional[str] = ..., last_check: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., uptime: _Optional[float] = ...) -> None: ...

class AgentMetrics(_message.Message):
    __slots__ = ("tasks_completed", "tasks_failed", "success_rate", "avg_response_time", "memory_usage", "cpu_usage")
    TASKS_COMPLETED_FIELD_NUMBER: _ClassVar[int]
    TASKS_FAILED_FIELD_NUMBER: _ClassVar[int]
    SUCCESS_RATE_FIELD_NUMBER: _ClassVar[int]
    AVG_RESPONSE_TIME_FIELD_NUMBER: _ClassVar[int]
    MEMORY_USAGE_FIELD_NUMBER: _ClassVar[int]
    CPU_USAGE_FIELD_NUMBER: _ClassVar[int]
    tasks_completed: int
    tasks_failed: int
    success_rate: float
    avg_response_time: float
    memory_usage: float
    cpu_usage: float
    def __init__(self, tasks_completed: _Optional[int] = ..., tasks_failed: _Optional[int] = ..., success_rate: _Optional[float] = ..., avg_response_time: _Optional[float] = ..., memory_usage: _Optional[float] = ..., cpu_usage: _Optional[float] = ...) -> None: ...
