import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from orchestrator.v1 import task_pb2 as _task_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Project(_message.Message):
    __slots__ = ("id", "name", "description", "status", "priority", "start_time", "end_time", "budget", "tags", "progress", "task_counts", "team_size", "agent_count", "created_by", "complete_time", "create_time", "update_time", "etag")
    class Status(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATUS_UNSPECIFIED: _ClassVar[Project.Status]
        STATUS_ACTIVE: _ClassVar[Project.Status]
        STATUS_ON_HOLD: _ClassVar[Project.Status]
        STATUS_COMPLETED: _ClassVar[Project.Status]
        STATUS_ARCHIVED: _ClassVar[Project.Status]
    STATUS_UNSPECIFIED: Project.Status
    STATUS_ACTIVE: Project.Status
    STATUS_ON_HOLD: Project.Status
    STATUS_COMPLETED: Project.Status
    STATUS_ARCHIVED: Project.Status
    class Budget(_message.Message):
        __slots__ = ("hours", "cost")
        HOURS_FIELD_NUMBER: _ClassVar[int]
        COST_FIELD_NUMBER: _ClassVar[int]
        hours: float
        cost: float
        def __init__(self, hours: _Optional[float] = ..., cost: _Optional[float] = ...) -> None: ...
    class TaskCounts(_message.Message):
        __slots__ = ("total", "pending", "running", "completed", "failed", "cancelled")
        TOTAL_FIELD_NUMBER: _ClassVar[int]
        PENDING_FIELD_NUMBER: _ClassVar[int]
        RUNNING_FIELD_NUMBER: _ClassVar[int]
        COMPLETED_FIELD_NUMBER: _ClassVar[int]
        FAILED_FIELD_NUMBER: _ClassVar[int]
        CANCELLED_FIELD_NUMBER: _ClassVar[int]
        total: int
        pending: int
        running: int
        completed: int
        failed: int
        cancelled: int
        def __init__(self, total: _Optional[int] = ..., pending: _Optional[int] = ..., running: _Optional[int] = ..., completed: _Optional[int] = ..., failed: _Optional[int] = ..., cancelled: _Optional[int] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    BUDGET_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    TASK_COUNTS_FIELD_NUMBER: _ClassVar[int]
    TEAM_SIZE_FIELD_NUMBER: _ClassVar[int]
    AGENT_COUNT_FIELD_NUMBER: _ClassVar[int]
    CREATED_BY_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_TIME_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    description: str
    status: Project.Status
    priority: _task_pb2.TaskPriority
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    budget: Project.Budget
    tags: _containers.RepeatedScalarFieldContainer[str]
    progress: float
    task_counts: Project.TaskCounts
    team_size: int
    agent_count: int
    created_by: str
    complete_time: _timestamp_pb2.Timestamp
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    etag: str
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., description: _Optional[str] = ..., status: _Optional[_Union[Project.Status, str]] = ..., priority: _Optional[_Union[_task_pb2.TaskPriority, str]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., budget: _Optional[_Union[Project.Budget, _Mapping]] = ..., tags: _Optional[_Iterable[str]] = ..., progress: _Optional[float] = ..., task_counts: _Optional[_Union[Project.TaskCounts, _Mapping]] = ..., team_size: _Optional[int] = ..., agent_count: _Optional[int] = ..., created_by: _Optional[str] = ..., complete_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., etag: _Optional[str] = ...) -> None: ...

class ProjectMember(_message.Message):
    __slots__ = ("project_id", "user_id", "role", "permissions", "create_time")
    class Role(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        ROLE_UNSPECIFIED: _ClassVar[ProjectMember.Role]
        ROLE_ADMIN: _ClassVar[ProjectMember.Role]
        ROLE_PROJECT_MANAGER: _ClassVar[ProjectMember.Role]
        ROLE_DEVELOPER: _ClassVar[ProjectMember.Role]
        ROLE_VIEWER: _ClassVar[ProjectMember.Role]
    ROLE_UNSPECIFIED: ProjectMember.Role
    ROLE_ADMIN: ProjectMember.Role
    ROLE_PROJECT_MANAGER: ProjectMember.Role
    ROLE_DEVELOPER: ProjectMember.Role
    ROLE_VIEWER: ProjectMember.Role
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    PERMISSIONS_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    user_id: str
    role: ProjectMember.Role
    permissions: _containers.RepeatedScalarFieldContainer[str]
    create_time: _timestamp_pb2.Timestamp
    def __init__(self, project_id: _Optional[str] = ..., user_id: _Optional[str] = ..., role: _Optional[_Union[ProjectMember.Role, str]] = ..., permissions: _Optional[_Iterable[str]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
