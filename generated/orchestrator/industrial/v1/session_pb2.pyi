import datetime

from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Session(_message.Message):
    __slots__ = ("id", "title", "status", "type", "priority", "initial_prompt", "parent_session_id", "max_duration_seconds", "result", "error", "retry_count", "checkpoint_count", "metrics", "created_at", "updated_at", "started_at", "completed_at", "checkpoints", "truncated_fields")
    ID_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    INITIAL_PROMPT_FIELD_NUMBER: _ClassVar[int]
    PARENT_SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    MAX_DURATION_SECONDS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    RETRY_COUNT_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_COUNT_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    COMPLETED_AT_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINTS_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELDS_FIELD_NUMBER: _ClassVar[int]
    id: str
    title: str
    status: str
    type: str
    priority: str
    initial_prompt: str
    parent_session_id: _struct_pb2.Value
    max_duration_seconds: int
    result: _struct_pb2.Value
    error: str
    retry_count: int
    checkpoint_count: int
    metrics: SessionMetrics
    created_at: _timestamp_pb2.Timestamp
    updated_at: _timestamp_pb2.Timestamp
    started_at: _struct_pb2.Value
    completed_at: _struct_pb2.Value
    checkpoints: _containers.RepeatedCompositeFieldContainer[CheckpointSummary]
    truncated_fields: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, id: _Optional[str] = ..., title: _Optional[str] = ..., status: _Optional[str] = ..., type: _Optional[str] = ..., priority: _Optional[str] = ..., initial_prompt: _Optional[str] = ..., parent_session_id: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., max_duration_seconds: _Optional[int] = ..., result: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., error: _Optional[str] = ..., retry_count: _Optional[int] = ..., checkpoint_count: _Optional[int] = ..., metrics: _Optional[_Union[SessionMetrics, _Mapping]] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., started_at: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., completed_at: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., checkpoints: _Optional[_Iterable[_Union[CheckpointSummary, _Mapping]]] = ..., truncated_fields: _Optional[_Iterable[str]] = ...) -> None: ...

class SessionMetrics(_message.Message):
    __slots__ = ("total_tasks", "completed_tasks", "failed_tasks", "execution_time_ms", "tokens_used")
    TOTAL_TASKS_FIELD_NUMBER: _ClassVar[int]
    COMPLETED_TASKS_FIELD_NUMBER: _ClassVar[int]
    FAILED_TASKS_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_TIME_MS_FIELD_NUMBER: _ClassVar[int]
    TOKENS_USED_FIELD_NUMBER: _ClassVar[int]
    total_tasks: int
    completed_tasks: int
    failed_tasks: int
    execution_time_ms: float
    tokens_used: float
    def __init__(self, total_tasks: _Optional[int] = ..., completed_tasks: _Optional[int] = ..., failed_tasks: _Optional[int] = ..., execution_time_ms: _Optional[float] = ..., tokens_used: _Optional[float] = ...) -> None: ...

class Checkpoint(_message.Message):
    __slots__ = ("id", "session_id", "sequence", "name", "data", "created_at", "trigger", "truncated_fields")
    ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    TRIGGER_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELDS_FIELD_NUMBER: _ClassVar[int]
    id: str
    session_id: str
    sequence: int
    name: str
    data: _struct_pb2.Value
    created_at: _timestamp_pb2.Timestamp
    trigger: str
    truncated_fields: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, id: _Optional[str] = ..., session_id: _Optional[str] = ..., sequence: _Optional[int] = ..., name: _Optional[str] = ..., data: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., trigger: _Optional[str] = ..., truncated_fields: _Optional[_Iterable[str]] = ...) -> None: ...

class CheckpointSummary(_message.Message):
    __slots__ = ("id", "sequence", "created_at", "trigger")
    ID_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    TRIGGER_FIELD_NUMBER: _ClassVar[int]
    id: str
    sequence: int
    created_at: _timestamp_pb2.Timestamp
    trigger: str
    def __init__(self, id: _Optional[str] = ..., sequence: _Optional[int] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., trigger: _Optional[str] = ...) -> None: ...
