from buf.validate import validate_pb2 as _validate_pb2
from google.api import annotations_pb2 as _annotations_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from orchestrator.coordinaitor.v1 import envelope_pb2 as _envelope_pb2
from orchestrator.coordinaitor.v1 import task_pb2 as _task_pb2
from orchestrator.options.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListTasksRequest(_message.Message):
    __slots__ = ("page", "limit", "status", "priority", "project_id", "agent_id", "search", "tags", "created_after", "created_before", "sort_by", "sort_order")
    PAGE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    SEARCH_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    CREATED_AFTER_FIELD_NUMBER: _ClassVar[int]
    CREATED_BEFORE_FIELD_NUMBER: _ClassVar[int]
    SORT_BY_FIELD_NUMBER: _ClassVar[int]
    SORT_ORDER_FIELD_NUMBER: _ClassVar[int]
    page: int
    limit: int
    status: str
    priority: str
    project_id: str
    agent_id: str
    search: str
    tags: str
    created_after: str
    created_before: str
    sort_by: str
    sort_order: str
    def __init__(self, page: _Optional[int] = ..., limit: _Optional[int] = ..., status: _Optional[str] = ..., priority: _Optional[str] = ..., project_id: _Optional[str] = ..., agent_id: _Optional[str] = ..., search: _Optional[str] = ..., tags: _Optional[str] = ..., created_after: _Optional[str] = ..., created_before: _Optional[str] = ..., sort_by: _Optional[str] = ..., sort_order: _Optional[str] = ...) -> None: ...

class ListTasksResponse(_message.Message):
    __slots__ = ("success", "data", "pagination", "links", "meta", "tasks")
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    PAGINATION_FIELD_NUMBER: _ClassVar[int]
    LINKS_FIELD_NUMBER: _ClassVar[int]
    META_FIELD_NUMBER: _ClassVar[int]
    TASKS_FIELD_NUMBER: _ClassVar[int]
    success: bool
    data: _containers.RepeatedCompositeFieldContainer[_task_pb2.Task]
    pagination: _envelope_pb2.Pagination
    links: _envelope_pb2.Links
    meta: _envelope_pb2.Meta
    tasks: _struct_pb2.Value
    def __init__(self, success: _Optional[bool] = ..., data: _Optional[_Iterable[_Union[_task_pb2.Task, _Mapping]]] = ..., pagination: _Optional[_Union[_envelope_pb2.Pagination, _Mapping]] = ..., links: _Optional[_Union[_envelope_pb2.Links, _Mapping]] = ..., meta: _Optional[_Union[_envelope_pb2.Meta, _Mapping]] = ..., tasks: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ...) -> None: ...

class CreateTaskRequest(_message.Message):
    __slots__ = ("title", "description", "priority", "project_id", "agent_id", "tags", "estimated_hours", "due_date", "requirements", "acceptance_criteria", "session_id")
    TITLE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_HOURS_FIELD_NUMBER: _ClassVar[int]
    DUE_DATE_FIELD_NUMBER: _ClassVar[int]
    REQUIREMENTS_FIELD_NUMBER: _ClassVar[int]
    ACCEPTANCE_CRITERIA_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    title: str
    description: str
    priority: str
    project_id: str
    agent_id: str
    tags: _containers.RepeatedScalarFieldContainer[str]
    estimated_hours: float
    due_date: str
    requirements: _containers.RepeatedScalarFieldContainer[str]
    acceptance_criteria: _containers.RepeatedScalarFieldContainer[str]
    session_id: str
    def __init__(self, title: _Optional[str] = ..., description: _Optional[str] = ..., priority: _Optional[str] = ..., project_id: _Optional[str] = ..., agent_id: _Optional[str] = ..., tags: _Optional[_Iterable[str]] = ..., estimated_hours: _Optional[float] = ..., due_date: _Optional[str] = ..., requirements: _Optional[_Iterable[str]] = ..., acceptance_criteria: _Optional[_Iterable[str]] = ..., session_id: _Optional[str] = ...) -> None: ...

class CreateTaskResponse(_message.Message):
    __slots__ = ("success", "data", "meta", "task")
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    META_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    success: bool
    data: _task_pb2.Task
    meta: _envelope_pb2.Meta
    task: _task_pb2.Task
    def __init__(self, success: _Optional[bool] = ..., data: _Optional[_Union[_task_pb2.Task, _Mapping]] = ..., meta: _Optional[_Union[_envelope_pb2.Meta, _Mapping]] = ..., task: _Optional[_Union[_task_pb2.Task, _Mapping]] = ...) -> None: ...

class GetTaskRequest(_message.Message):
    __slots__ = ("task_id", "include")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    include: str
    def __init__(self, task_id: _Optional[str] = ..., include: _Optional[str] = ...) -> None: ...

class GetTaskResponse(_message.Message):
    __slots__ = ("success", "data", "meta", "task")
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    META_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    success: bool
    data: _task_pb2.Task
    meta: _envelope_pb2.Meta
    task: _task_pb2.Task
    def __init__(self, success: _Optional[bool] = ..., data: _Optional[_Union[_task_pb2.Task, _Mapping]] = ..., meta: _Optional[_Union[_envelope_pb2.Meta, _Mapping]] = ..., task: _Optional[_Union[_task_pb2.Task, _Mapping]] = ...) -> None: ...

class UpdateTaskRequest(_message.Message):
    __slots__ = ("task_id", "title", "description", "priority", "status", "due_date", "tags", "project_id", "agent_id", "estimated_hours", "actual_hours", "progress", "requirements", "acceptance_criteria")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    DUE_DATE_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_HOURS_FIELD_NUMBER: _ClassVar[int]
    ACTUAL_HOURS_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    REQUIREMENTS_FIELD_NUMBER: _ClassVar[int]
    ACCEPTANCE_CRITERIA_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    title: str
    description: str
    priority: str
    status: str
    due_date: _struct_pb2.Value
    tags: _struct_pb2.Value
    project_id: _struct_pb2.Value
    agent_id: _struct_pb2.Value
    estimated_hours: _struct_pb2.Value
    actual_hours: float
    progress: float
    requirements: _struct_pb2.Value
    acceptance_criteria: _struct_pb2.Value
    def __init__(self, task_id: _Optional[str] = ..., title: _Optional[str] = ..., description: _Optional[str] = ..., priority: _Optional[str] = ..., status: _Optional[str] = ..., due_date: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., tags: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., project_id: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., agent_id: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., estimated_hours: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., actual_hours: _Optional[float] = ..., progress: _Optional[float] = ..., requirements: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., acceptance_criteria: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ...) -> None: ...

class UpdateTaskResponse(_message.Message):
    __slots__ = ("success", "data", "meta", "task")
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    META_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    success: bool
    data: _task_pb2.Task
    meta: _envelope_pb2.Meta
    task: _task_pb2.Task
    def __init__(self, success: _Optional[bool] = ..., data: _Optional[_Union[_task_pb2.Task, _Mapping]] = ..., meta: _Optional[_Union[_envelope_pb2.Meta, _Mapping]] = ..., task: _Optional[_Union[_task_pb2.Task, _Mapping]] = ...) -> None: ...

class DeleteTaskRequest(_message.Message):
    __slots__ = ("task_id", "reason")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    reason: str
    def __init__(self, task_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class DeleteTaskResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class AssignTaskRequest(_message.Message):
    __slots__ = ("task_id", "agent_id", "priority", "due_date")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    DUE_DATE_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    agent_id: str
    priority: str
    due_date: _struct_pb2.Value
    def __init__(self, task_id: _Optional[str] = ..., agent_id: _Optional[str] = ..., priority: _Optional[str] = ..., due_date: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ...) -> None: ...

class AssignTaskResponse(_message.Message):
    __slots__ = ("success", "data", "meta", "task")
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    META_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    success: bool
    data: _task_pb2.Task
    meta: _envelope_pb2.Meta
    task: _task_pb2.Task
    def __init__(self, success: _Optional[bool] = ..., data: _Optional[_Union[_task_pb2.Task, _Mapping]] = ..., meta: _Optional[_Union[_envelope_pb2.Meta, _Mapping]] = ..., task: _Optional[_Union[_task_pb2.Task, _Mapping]] = ...) -> None: ...

class TakeTaskRequest(_message.Message):
    __slots__ = ("task_id",)
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    def __init__(self, task_id: _Optional[str] = ...) -> None: ...

class TakeTaskResponse(_message.Message):
    __slots__ = ("success", "data", "meta", "task")
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    META_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    success: bool
    data: _task_pb2.Task
    meta: _envelope_pb2.Meta
    task: _task_pb2.Task
    def __init__(self, success: _Optional[bool] = ..., data: _Optional[_Union[_task_pb2.Task, _Mapping]] = ..., meta: _Optional[_Union[_envelope_pb2.Meta, _Mapping]] = ..., task: _Optional[_Union[_task_pb2.Task, _Mapping]] = ...) -> None: ...

class ReleaseTaskRequest(_message.Message):
    __slots__ = ("task_id",)
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    def __init__(self, task_id: _Optional[str] = ...) -> None: ...

class ReleaseTaskResponse(_message.Message):
    __slots__ = ("success", "data", "meta", "task")
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    META_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    success: bool
    data: _task_pb2.Task
    meta: _envelope_pb2.Meta
    task: _task_pb2.Task
    def __init__(self, success: _Optional[bool] = ..., data: _Optional[_Union[_task_pb2.Task, _Mapping]] = ..., meta: _Optional[_Union[_envelope_pb2.Meta, _Mapping]] = ..., task: _Optional[_Union[_task_pb2.Task, _Mapping]] = ...) -> None: ...

class ListTaskHistoryRequest(_message.Message):
    __slots__ = ("task_id", "page", "limit")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    page: int
    limit: int
    def __init__(self, task_id: _Optional[str] = ..., page: _Optional[int] = ..., limit: _Optional[int] = ...) -> None: ...

class ListTaskHistoryResponse(_message.Message):
    __slots__ = ("success", "data", "pagination", "links", "meta", "history")
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    PAGINATION_FIELD_NUMBER: _ClassVar[int]
    LINKS_FIELD_NUMBER: _ClassVar[int]
    META_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    success: bool
    data: _containers.RepeatedCompositeFieldContainer[_task_pb2.HistoryEntry]
    pagination: _envelope_pb2.Pagination
    links: _envelope_pb2.Links
    meta: _envelope_pb2.Meta
    history: _struct_pb2.Value
    def __init__(self, success: _Optional[bool] = ..., data: _Optional[_Iterable[_Union[_task_pb2.HistoryEntry, _Mapping]]] = ..., pagination: _Optional[_Union[_envelope_pb2.Pagination, _Mapping]] = ..., links: _Optional[_Union[_envelope_pb2.Links, _Mapping]] = ..., meta: _Optional[_Union[_envelope_pb2.Meta, _Mapping]] = ..., history: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ...) -> None: ...

class ExplainTaskRequest(_message.Message):
    __slots__ = ("task_id", "page", "limit")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    page: int
    limit: int
    def __init__(self, task_id: _Optional[str] = ..., page: _Optional[int] = ..., limit: _Optional[int] = ...) -> None: ...

class ExplainTaskResponse(_message.Message):
    __slots__ = ("success", "data", "pagination", "links", "meta")
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    PAGINATION_FIELD_NUMBER: _ClassVar[int]
    LINKS_FIELD_NUMBER: _ClassVar[int]
    META_FIELD_NUMBER: _ClassVar[int]
    success: bool
    data: _task_pb2.WaitingTask
    pagination: _envelope_pb2.Pagination
    links: _envelope_pb2.Links
    meta: _envelope_pb2.Meta
    def __init__(self, success: _Optional[bool] = ..., data: _Optional[_Union[_task_pb2.WaitingTask, _Mapping]] = ..., pagination: _Optional[_Union[_envelope_pb2.Pagination, _Mapping]] = ..., links: _Optional[_Union[_envelope_pb2.Links, _Mapping]] = ..., meta: _Optional[_Union[_envelope_pb2.Meta, _Mapping]] = ...) -> None: ...
