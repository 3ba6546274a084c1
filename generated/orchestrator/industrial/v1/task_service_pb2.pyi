from buf.validate import validate_pb2 as _validate_pb2
from google.api import annotations_pb2 as _annotations_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from orchestrator.industrial.v1 import task_pb2 as _task_pb2
from orchestrator.options.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListTasksRequest(_message.Message):
    __slots__ = ("session_id", "status", "parent_only", "parent_task_id", "agent_id", "page", "page_size", "include_sessionless")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    PARENT_ONLY_FIELD_NUMBER: _ClassVar[int]
    PARENT_TASK_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_SESSIONLESS_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    status: str
    parent_only: bool
    parent_task_id: str
    agent_id: str
    page: int
    page_size: int
    include_sessionless: bool
    def __init__(self, session_id: _Optional[str] = ..., status: _Optional[str] = ..., parent_only: _Optional[bool] = ..., parent_task_id: _Optional[str] = ..., agent_id: _Optional[str] = ..., page: _Optional[int] = ..., page_size: _Optional[int] = ..., include_sessionless: _Optional[bool] = ...) -> None: ...

class ListTasksResponse(_message.Message):
    __slots__ = ("items", "total", "page", "page_size", "has_more")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    HAS_MORE_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[_task_pb2.Task]
    total: int
    page: int
    page_size: int
    has_more: bool
    def __init__(self, items: _Optional[_Iterable[_Union[_task_pb2.Task, _Mapping]]] = ..., total: _Optional[int] = ..., page: _Optional[int] = ..., page_size: _Optional[int] = ..., has_more: _Optional[bool] = ...) -> None: ...

class CreateTaskRequest(_message.Message):
    __slots__ = ("session_id", "title", "description", "complexity", "priority", "required_capabilities", "estimated_minutes", "dependencies", "parent_task_id")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    COMPLEXITY_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_MINUTES_FIELD_NUMBER: _ClassVar[int]
    DEPENDENCIES_FIELD_NUMBER: _ClassVar[int]
    PARENT_TASK_ID_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    title: str
    description: str
    complexity: str
    priority: str
    required_capabilities: _containers.RepeatedScalarFieldContainer[str]
    estimated_minutes: int
    dependencies: _containers.RepeatedScalarFieldContainer[str]
    parent_task_id: str
    def __init__(self, session_id: _Optional[str] = ..., title: _Optional[str] = ..., description: _Optional[str] = ..., complexity: _Optional[str] = ..., priority: _Optional[str] = ..., required_capabilities: _Optional[_Iterable[str]] = ..., estimated_minutes: _Optional[int] = ..., dependencies: _Optional[_Iterable[str]] = ..., parent_task_id: _Optional[str] = ...) -> None: ...

class ListTaskTemplatesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListTaskTemplatesResponse(_message.Message):
    __slots__ = ("items", "total")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[_task_pb2.TaskTemplate]
    total: int
    def __init__(self, items: _Optional[_Iterable[_Union[_task_pb2.TaskTemplate, _Mapping]]] = ..., total: _Optional[int] = ...) -> None: ...

class GetTaskRequest(_message.Message):
    __slots__ = ("task_id",)
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    def __init__(self, task_id: _Optional[str] = ...) -> None: ...

class UpdateTaskStatusRequest(_message.Message):
    __slots__ = ("task_id", "status")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    status: str
    def __init__(self, task_id: _Optional[str] = ..., status: _Optional[str] = ...) -> None: ...

class AssignTaskRequest(_message.Message):
    __slots__ = ("task_id", "agent_id")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    agent_id: str
    def __init__(self, task_id: _Optional[str] = ..., agent_id: _Optional[str] = ...) -> None: ...

class CompleteTaskRequest(_message.Message):
    __slots__ = ("task_id", "result", "attempt", "tokens_used")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    TOKENS_USED_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    result: _struct_pb2.Value
    attempt: int
    tokens_used: int
    def __init__(self, task_id: _Optional[str] = ..., result: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., attempt: _Optional[int] = ..., tokens_used: _Optional[int] = ...) -> None: ...

class FailTaskRequest(_message.Message):
    __slots__ = ("task_id", "error", "attempt", "tokens_used")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    TOKENS_USED_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    error: str
    attempt: int
    tokens_used: int
    def __init__(self, task_id: _Optional[str] = ..., error: _Optional[str] = ..., attempt: _Optional[int] = ..., tokens_used: _Optional[int] = ...) -> None: ...

class DecomposeTaskRequest(_message.Message):
    __slots__ = ("task_id", "template")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    template: str
    def __init__(self, task_id: _Optional[str] = ..., template: _Optional[str] = ...) -> None: ...

class DecomposeTaskResponse(_message.Message):
    __slots__ = ("parent_task_id", "subtasks", "template_used")
    PARENT_TASK_ID_FIELD_NUMBER: _ClassVar[int]
    SUBTASKS_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_USED_FIELD_NUMBER: _ClassVar[int]
    parent_task_id: str
    subtasks: _containers.RepeatedCompositeFieldContainer[_task_pb2.Task]
    template_used: str
    def __init__(self, parent_task_id: _Optional[str] = ..., subtasks: _Optional[_Iterable[_Union[_task_pb2.Task, _Mapping]]] = ..., template_used: _Optional[str] = ...) -> None: ...
