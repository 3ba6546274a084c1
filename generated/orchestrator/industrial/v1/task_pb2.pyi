import datetime

from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Task(_message.Message):
    __slots__ = ("id", "session_id", "parent_task_id", "title", "description", "status", "complexity", "priority", "required_capabilities", "assigned_agent_id", "estimated_minutes", "progress", "subtask_count", "completed_subtasks", "failed_subtasks", "dependencies", "result", "error", "attempt", "tokens_used", "created_at", "updated_at", "started_at", "completed_at", "cancel_requested", "truncated_fields")
    ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    PARENT_TASK_ID_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    COMPLEXITY_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    ASSIGNED_AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_MINUTES_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    SUBTASK_COUNT_FIELD_NUMBER: _ClassVar[int]
    COMPLETED_SUBTASKS_FIELD_NUMBER: _ClassVar[int]
    FAILED_SUBTASKS_FIELD_NUMBER: _ClassVar[int]
    DEPENDENCIES_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    TOKENS_USED_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    COMPLETED_AT_FIELD_NUMBER: _ClassVar[int]
    CANCEL_REQUESTED_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELDS_FIELD_NUMBER: _ClassVar[int]
    id: str
    session_id: _struct_pb2.Value
    parent_task_id: _struct_pb2.Value
    title: str
    description: str
    status: str
    complexity: str
    priority: str
    required_capabilities: _containers.RepeatedScalarFieldContainer[str]
    assigned_agent_id: _struct_pb2.Value
    estimated_minutes: _struct_pb2.Value
    progress: float
    subtask_count: int
    completed_subtasks: int
    failed_subtasks: int
    dependencies: _containers.RepeatedScalarFieldContainer[str]
    result: _struct_pb2.Value
    error: str
    attempt: int
    tokens_used: _struct_pb2.Value
    created_at: _timestamp_pb2.Timestamp
    updated_at: _timestamp_pb2.Timestamp
    started_at: _struct_pb2.Value
    completed_at: _struct_pb2.Value
    cancel_requested: bool
    truncated_fields: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, id: _Optional[str] = ..., session_id: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., parent_task_id: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., title: _Optional[str] = ..., description: _Optional[str] = ..., status: _Optional[str] = ..., complexity: _Optional[str] = ..., priority: _Optional[str] = ..., required_capabilities: _Optional[_Iterable[str]] = ..., assigned_agent_id: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., estimated_minutes: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., progress: _Optional[float] = ..., subtask_count: _Optional[int] = ..., completed_subtasks: _Optional[int] = ..., failed_subtasks: _Optional[int] = ..., dependencies: _Optional[_Iterable[str]] = ..., result: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., error: _Optional[str] = ..., attempt: _Optional[int] = ..., tokens_used: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., started_at: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., completed_at: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., cancel_requested: _Optional[bool] = ..., truncated_fields: _Optional[_Iterable[str]] = ...) -> None: ...

class TaskTemplate(_message.Message):
    __slots__ = ("name", "description", "subtasks", "keywords")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    SUBTASKS_FIELD_NUMBER: _ClassVar[int]
    KEYWORDS_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    subtasks: _containers.RepeatedCompositeFieldContainer[TaskTemplatePart]
    keywords: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., subtasks: _Optional[_Iterable[_Union[TaskTemplatePart, _Mapping]]] = ..., keywords: _Optional[_Iterable[str]] = ...) -> None: ...

class TaskTemplatePart(_message.Message):
    __slots__ = ("key", "title", "description", "complexity", "capabilities", "estimated_minutes", "depends_on")
    KEY_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    COMPLEXITY_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_MINUTES_FIELD_NUMBER: _ClassVar[int]
    DEPENDS_ON_FIELD_NUMBER: _ClassVar[int]
    key: str
    title: str
    description: str
    complexity: str
    capabilities: _containers.RepeatedScalarFieldContainer[str]
    estimated_minutes: int
    depends_on: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, key: _Optional[str] = ..., title: _Optional[str] = ..., description: _Optional[str] = ..., complexity: _Optional[str] = ..., capabilities: _Optional[_Iterable[str]] = ..., estimated_minutes: _Optional[int] = ..., depends_on: _Optional[_Iterable[str]] = ...) -> None: ...
