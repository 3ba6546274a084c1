import datetime

from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SystemHealth(_message.Message):
    __slots__ = ("status", "timestamp", "uptime", "version", "environment", "services", "metrics")
    class Database(_message.Message):
        __slots__ = ("status", "latency", "connections")
        STATUS_FIELD_NUMBER: _ClassVar[int]
        LATENCY_FIELD_NUMBER: _ClassVar[int]
        CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
        status: str
        latency: float
        connections: int
        def __init__(self, status: _Optional[str] = ..., latency: _Optional[float] = ..., connections: _Optional[int] = ...) -> None: ...
    class Redis(_message.Message):
        __slots__ = ("status", "latency", "memory")
        STATUS_FIELD_NUMBER: _ClassVar[int]
        LATENCY_FIELD_NUMBER: _ClassVar[int]
        MEMORY_FIELD_NUMBER: _ClassVar[int]
        status: str
        latency: float
        memory: str
        def __init__(self, status: _Optional[str] = ..., latency: _Optional[float] = ..., memory: _Optional[str] = ...) -> None: ...
    class Agents(_message.Message):
        __slots__ = ("status", "total", "available", "busy")
        STATUS_FIELD_NUMBER: _ClassVar[int]
        TOTAL_FIELD_NUMBER: _ClassVar[int]
        AVAILABLE_FIELD_NUMBER: _ClassVar[int]
        BUSY_FIELD_NUMBER: _ClassVar[int]
        status: str
        total: int
        available: int
        busy: int
        def __init__(self, status: _Optional[str] = ..., total: _Optional[int] = ..., available: _Optional[int] = ..., busy: _Optional[int] = ...) -> None: ...
    class Services(_message.Message):
        __slots__ = ("database", "redis", "agents")
        DATABASE_FIELD_NUMBER: _ClassVar[int]
        REDIS_FIELD_NUMBER: _ClassVar[int]
        AGENTS_FIELD_NUMBER: _ClassVar[int]
        database: SystemHealth.Database
        redis: SystemHealth.Redis
        agents: SystemHealth.Agents
        def __init__(self, database: _Optional[_Union[SystemHealth.Database, _Mapping]] = ..., redis: _Optional[_Union[SystemHealth.Redis, _Mapping]] = ..., agents: _Optional[_Union[SystemHealth.Agents, _Mapping]] = ...) -> None: ...
    class Metrics(_message.Message):
        __slots__ = ("active_tasks", "completed_today", "average_response_time", "error_rate")
        ACTIVE_TASKS_FIELD_NUMBER: _ClassVar[int]
        COMPLETED_TODAY_FIELD_NUMBER: _ClassVar[int]
        AVERAGE_RESPONSE_TIME_FIELD_NUMBER: _ClassVar[int]
        ERROR_RATE_FIELD_NUMBER: _ClassVar[int]
        active_tasks: int
        completed_today: int
        average_response_time: float
        error_rate: float
        def __init__(self, active_tasks: _Optional[int] = ..., completed_today: _Optional[int] = ..., average_response_time: _Optional[float] = ..., error_rate: _Optional[float] = ...) -> None: ...
    STATUS_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    UPTIME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    SERVICES_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    status: str
    timestamp: _timestamp_pb2.Timestamp
    uptime: float
    version: str
    environment: str
    services: SystemHealth.Services
    metrics: SystemHealth.Metrics
    def __init__(self, status: _Optional[str] = ..., timestamp: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., uptime: _Optional[float] = ..., version: _Optional[str] = ..., environment: _Optional[str] = ..., services: _Optional[_Union[SystemHealth.Services, _Mapping]] = ..., metrics: _Optional[_Union[SystemHealth.Metrics, _Mapping]] = ...) -> None: ...

class SystemMetrics(_message.Message):
    __slots__ = ("period", "timestamp", "tasks", "agents", "api", "machine", "series")
    PERIOD_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    TASKS_FIELD_NUMBER: _ClassVar[int]
    AGENTS_FIELD_NUMBER: _ClassVar[int]
    API_FIELD_NUMBER: _ClassVar[int]
    MACHINE_FIELD_NUMBER: _ClassVar[int]
    SERIES_FIELD_NUMBER: _ClassVar[int]
    period: str
    timestamp: _timestamp_pb2.Timestamp
    tasks: _struct_pb2.Struct
    agents: _struct_pb2.Struct
    api: _struct_pb2.Struct
    machine: _struct_pb2.Struct
    series: _struct_pb2.Struct
    def __init__(self, period: _Optional[str] = ..., timestamp: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., tasks: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., agents: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., api: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., machine: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., series: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class SystemStatus(_message.Message):
    __slots__ = ("status", "timestamp", "uptime", "environment", "components", "versions", "queue", "workers", "process", "events", "machine")
    class ComponentsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class VersionsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    STATUS_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    UPTIME_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    COMPONENTS_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    PROCESS_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    MACHINE_FIELD_NUMBER: _ClassVar[int]
    status: str
    timestamp: _timestamp_pb2.Timestamp
    uptime: float
    environment: str
    components: _containers.ScalarMap[str, str]
    versions: _containers.ScalarMap[str, str]
    queue: _struct_pb2.Struct
    workers: _struct_pb2.Struct
    process: _struct_pb2.Struct
    events: _struct_pb2.Struct
    machine: _struct_pb2.Struct
    def __init__(self, status: _Optional[str] = ..., timestamp: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., uptime: _Optional[float] = ..., environment: _Optional[str] = ..., components: _Optional[_Mapping[str, str]] = ..., versions: _Optional[_Mapping[str, str]] = ..., queue: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., workers: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., process: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., events: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., machine: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class SystemLog(_message.Message):
    __slots__ = ("id", "timestamp", "level", "service", "message", "fields")
    ID_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    id: str
    timestamp: _timestamp_pb2.Timestamp
    level: str
    service: str
    message: str
    fields: _struct_pb2.Struct
    def __init__(self, id: _Optional[str] = ..., timestamp: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., level: _Optional[str] = ..., service: _Optional[str] = ..., message: _Optional[str] = ..., fields: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...
