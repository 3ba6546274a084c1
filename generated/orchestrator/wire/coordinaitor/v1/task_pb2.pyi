import datetime

from orchestrator.wire import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Task(_message.Message):
    __slots__ = ("id", "title", "description", "status", "priority", "project_id", "agent_id", "tags", "estimated_hours", "actual_hours", "progress", "due_date", "created_at", "updated_at", "completed_at", "created_by", "requirements", "acceptance_criteria", "taken_by", "assigned_agent", "project", "comments", "files", "history", "metrics", "result", "error")
    ID_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_HOURS_FIELD_NUMBER: _ClassVar[int]
    ACTUAL_HOURS_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    DUE_DATE_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    COMPLETED_AT_FIELD_NUMBER: _ClassVar[int]
    CREATED_BY_FIELD_NUMBER: _ClassVar[int]
    REQUIREMENTS_FIELD_NUMBER: _ClassVar[int]
    ACCEPTANCE_CRITERIA_FIELD_NUMBER: _ClassVar[int]
    TAKEN_BY_FIELD_NUMBER: _ClassVar[int]
    ASSIGNED_AGENT_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    COMMENTS_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    id: str
    title: str
    description: str
    status: str
    priority: str
    project_id: bytes
    agent_id: bytes
    tags: _containers.RepeatedScalarFieldContainer[str]
    estimated_hours: bytes
    actual_hours: float
    progress: float
    due_date: bytes
    created_at: _timestamp_pb2.Timestamp
    updated_at: _timestamp_pb2.Timestamp
    completed_at: bytes
    created_by: bytes
    requirements: _containers.RepeatedScalarFieldContainer[str]
    acceptance_criteria: _containers.RepeatedScalarFieldContainer[str]
    taken_by: bytes
    assigned_agent: AssignedAgent
    project: ProjectName
    comments: bytes
    files: bytes
    history: bytes
    metrics: TaskMetrics
    result: bytes
    error: str
    def __init__(self, id: _Optional[str] = ..., title: _Optional[str] = ..., description: _Optional[str] = ..., status: _Optional[str] = ..., priority: _Optional[str] = ..., project_id: _Optional[bytes] = ..., agent_id: _Optional[bytes] = ..., tags: _Optional[_Iterable[str]] = ..., estimated_hours: _Optional[bytes] = ..., actual_hours: _Optional[float] = ..., progress: _Optional[float] = ..., due_date: _Optional[bytes] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., completed_at: _Optional[bytes] = ..., created_by: _Optional[bytes] = ..., requirements: _Optional[_Iterable[str]] = ..., acceptance_criteria: _Optional[_Iterable[str]] = ..., taken_by: _Optional[bytes] = ..., assigned_agent: _Optional[_Union[AssignedAgent, _Mapping]] = ..., project: _Optional[_Union[ProjectName, _Mapping]] = ..., comments: _Optional[bytes] = ..., files: _Optional[bytes] = ..., history: _Optional[bytes] = ..., metrics: _Optional[_Union[TaskMetrics, _Mapping]] = ..., result: _Optional[bytes] = ..., error: _Optional[str] = ...) -> None: ...

class AssignedAgent(_message.Message):
    __slots__ = ("id", "name", "type")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    type: str
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., type: _Optional[str] = ...) -> None: ...

class ProjectName(_message.Message):
    __slots__ = ("id", "name")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class TaskMetrics(_message.Message):
    __slots__ = ("time_spent", "completion_rate", "quality_score", "change_requests")
    TIME_SPENT_FIELD_NUMBER: _ClassVar[int]
    COMPLETION_RATE_FIELD_NUMBER: _ClassVar[int]
    QUALITY_SCORE_FIELD_NUMBER: _ClassVar[int]
    CHANGE_REQUESTS_FIELD_NUMBER: _ClassVar[int]
    time_spent: float
    completion_rate: float
    quality_score: float
    change_requests: int
    def __init__(self, time_spent: _Optional[float] = ..., completion_rate: _Optional[float] = ..., quality_score: _Optional[float] = ..., change_requests: _Optional[int] = ...) -> None: ...

class HistoryEntry(_message.Message):
    __slots__ = ("id", "action", "field", "to", "user", "via", "timestamp")
    ID_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    VIA_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    id: str
    action: str
    field: str
    to: bytes
    user: bytes
    via: str
    timestamp: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., action: _Optional[str] = ..., field: _Optional[str] = ..., to: _Optional[bytes] = ..., user: _Optional[bytes] = ..., via: _Optional[str] = ..., timestamp: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., **kwargs) -> None: ...

class WaitingTask(_message.Message):
    __slots__ = ("task_id", "status", "waits", "reasons", "agents")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    WAITS_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    AGENTS_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    status: str
    waits: bool
    reasons: _containers.RepeatedCompositeFieldContainer[WaitingReason]
    agents: _containers.RepeatedCompositeFieldContainer[WaitingAgent]
    def __init__(self, task_id: _Optional[str] = ..., status: _Optional[str] = ..., waits: _Optional[bool] = ..., reasons: _Optional[_Iterable[_Union[WaitingReason, _Mapping]]] = ..., agents: _Optional[_Iterable[_Union[WaitingAgent, _Mapping]]] = ...) -> None: ...

class WaitingReason(_message.Message):
    __slots__ = ("rule", "message", "until")
    RULE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    rule: str
    message: str
    until: _timestamp_pb2.Timestamp
    def __init__(self, rule: _Optional[str] = ..., message: _Optional[str] = ..., until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class WaitingAgent(_message.Message):
    __slots__ = ("agent_id", "name", "rule", "message", "until")
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    agent_id: str
    name: str
    rule: str
    message: str
    until: _timestamp_pb2.Timestamp
    def __init__(self, agent_id: _Optional[str] = ..., name: _Optional[str] = ..., rule: _Optional[str] = ..., message: _Optional[str] = ..., until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
