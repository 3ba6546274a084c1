from buf.validate import validate_pb2 as _validate_pb2
from google.api import annotations_pb2 as _annotations_pb2
from orchestrator.wire import struct_pb2 as _struct_pb2
from orchestrator.wire.industrial.v1 import agent_pb2 as _agent_pb2
from orchestrator.wire.industrial.v1 import task_pb2 as _task_pb2
from orchestrator.options.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListAgentsRequest(_message.Message):
    __slots__ = ("capability", "available_only", "page", "page_size")
    CAPABILITY_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_ONLY_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    capability: str
    available_only: bool
    page: int
    page_size: int
    def __init__(self, capability: _Optional[str] = ..., available_only: _Optional[bool] = ..., page: _Optional[int] = ..., page_size: _Optional[int] = ...) -> None: ...

class ListAgentsResponse(_message.Message):
    __slots__ = ("items", "total", "page", "page_size", "has_more")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    HAS_MORE_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[_agent_pb2.Agent]
    total: int
    page: int
    page_size: int
    has_more: bool
    def __init__(self, items: _Optional[_Iterable[_Union[_agent_pb2.Agent, _Mapping]]] = ..., total: _Optional[int] = ..., page: _Optional[int] = ..., page_size: _Optional[int] = ..., has_more: _Optional[bool] = ...) -> None: ...

class RegisterAgentRequest(_message.Message):
    __slots__ = ("name", "type", "capabilities", "max_concurrent_tasks", "model", "provider")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    MAX_CONCURRENT_TASKS_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    name: str
    type: str
    capabilities: _containers.RepeatedScalarFieldContainer[str]
    max_concurrent_tasks: int
    model: str
    provider: str
    def __init__(self, name: _Optional[str] = ..., type: _Optional[str] = ..., capabilities: _Optional[_Iterable[str]] = ..., max_concurrent_tasks: _Optional[int] = ..., model: _Optional[str] = ..., provider: _Optional[str] = ...) -> None: ...

class GetAgentPerformanceRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetAgentPerformanceResponse(_message.Message):
    __slots__ = ("total_agents", "active_agents", "avg_success_rate", "total_tasks_completed", "by_tier")
    class ByTierEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    TOTAL_AGENTS_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_AGENTS_FIELD_NUMBER: _ClassVar[int]
    AVG_SUCCESS_RATE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_TASKS_COMPLETED_FIELD_NUMBER: _ClassVar[int]
    BY_TIER_FIELD_NUMBER: _ClassVar[int]
    total_agents: int
    active_agents: int
    avg_success_rate: bytes
    total_tasks_completed: int
    by_tier: _containers.ScalarMap[str, int]
    def __init__(self, total_agents: _Optional[int] = ..., active_agents: _Optional[int] = ..., avg_success_rate: _Optional[bytes] = ..., total_tasks_completed: _Optional[int] = ..., by_tier: _Optional[_Mapping[str, int]] = ...) -> None: ...

class GetAgentRequest(_message.Message):
    __slots__ = ("agent_id",)
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    agent_id: str
    def __init__(self, agent_id: _Optional[str] = ...) -> None: ...

class SendHeartbeatRequest(_message.Message):
    __slots__ = ("agent_id", "current_load")
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    CURRENT_LOAD_FIELD_NUMBER: _ClassVar[int]
    agent_id: str
    current_load: float
    def __init__(self, agent_id: _Optional[str] = ..., current_load: _Optional[float] = ...) -> None: ...

class DeregisterAgentRequest(_message.Message):
    __slots__ = ("agent_id",)
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    agent_id: str
    def __init__(self, agent_id: _Optional[str] = ...) -> None: ...

class DeregisterAgentResponse(_message.Message):
    __slots__ = ("agent_id", "status")
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    agent_id: str
    status: str
    def __init__(self, agent_id: _Optional[str] = ..., status: _Optional[str] = ...) -> None: ...

class RegisterExternalAgentRequest(_message.Message):
    __slots__ = ("protocol_version", "name", "version", "agent_type", "capabilities", "endpoint_url", "metadata", "max_concurrent_tasks")
    PROTOCOL_VERSION_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    AGENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_URL_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    MAX_CONCURRENT_TASKS_FIELD_NUMBER: _ClassVar[int]
    protocol_version: str
    name: str
    version: str
    agent_type: str
    capabilities: _containers.RepeatedScalarFieldContainer[str]
    endpoint_url: str
    metadata: bytes
    max_concurrent_tasks: int
    def __init__(self, protocol_version: _Optional[str] = ..., name: _Optional[str] = ..., version: _Optional[str] = ..., agent_type: _Optional[str] = ..., capabilities: _Optional[_Iterable[str]] = ..., endpoint_url: _Optional[str] = ..., metadata: _Optional[bytes] = ..., max_concurrent_tasks: _Optional[int] = ...) -> None: ...

class RegisterExternalAgentResponse(_message.Message):
    __slots__ = ("agent_id", "status", "auth_token", "heartbeat_interval_seconds")
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    AUTH_TOKEN_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_INTERVAL_SECONDS_FIELD_NUMBER: _ClassVar[int]
    agent_id: str
    status: str
    auth_token: str
    heartbeat_interval_seconds: int
    def __init__(self, agent_id: _Optional[str] = ..., status: _Optional[str] = ..., auth_token: _Optional[str] = ..., heartbeat_interval_seconds: _Optional[int] = ...) -> None: ...

class ListAssignedTasksRequest(_message.Message):
    __slots__ = ("agent_id", "page", "page_size")
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    agent_id: str
    page: int
    page_size: int
    def __init__(self, agent_id: _Optional[str] = ..., page: _Optional[int] = ..., page_size: _Optional[int] = ...) -> None: ...

class ListAssignedTasksResponse(_message.Message):
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

class BeginTaskRequest(_message.Message):
    __slots__ = ("agent_id", "task_id")
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    agent_id: str
    task_id: str
    def __init__(self, agent_id: _Optional[str] = ..., task_id: _Optional[str] = ...) -> None: ...

class SendResultRequest(_message.Message):
    __slots__ = ("agent_id", "task_id", "status", "result", "error", "attempt", "tokens_used")
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    TOKENS_USED_FIELD_NUMBER: _ClassVar[int]
    agent_id: str
    task_id: str
    status: str
    result: bytes
    error: str
    attempt: int
    tokens_used: int
    def __init__(self, agent_id: _Optional[str] = ..., task_id: _Optional[str] = ..., status: _Optional[str] = ..., result: _Optional[bytes] = ..., error: _Optional[str] = ..., attempt: _Optional[int] = ..., tokens_used: _Optional[int] = ...) -> None: ...
