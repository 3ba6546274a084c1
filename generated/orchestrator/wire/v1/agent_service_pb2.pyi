from buf.validate import validate_pb2 as _validate_pb2
from orchestrator.wire import struct_pb2 as _struct_pb2
from orchestrator.options.v1 import options_pb2 as _options_pb2
from orchestrator.wire.v1 import agent_pb2 as _agent_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CreateAgentRequest(_message.Message):
    __slots__ = ("name", "description", "code", "requirements", "entry_function", "type", "capabilities", "environment", "configuration", "max_concurrent_tasks", "timeout_seconds", "retry_attempts", "model", "provider", "specializations", "working_hours")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    REQUIREMENTS_FIELD_NUMBER: _ClassVar[int]
    ENTRY_FUNCTION_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    CONFIGURATION_FIELD_NUMBER: _ClassVar[int]
    MAX_CONCURRENT_TASKS_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    RETRY_ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    SPECIALIZATIONS_FIELD_NUMBER: _ClassVar[int]
    WORKING_HOURS_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    code: str
    requirements: _containers.RepeatedScalarFieldContainer[str]
    entry_function: str
    type: str
    capabilities: Capabilities
    environment: str
    configuration: bytes
    max_concurrent_tasks: int
    timeout_seconds: float
    retry_attempts: int
    model: str
    provider: str
    specializations: Capabilities
    working_hours: _agent_pb2.WorkingHours
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., code: _Optional[str] = ..., requirements: _Optional[_Iterable[str]] = ..., entry_function: _Optional[str] = ..., type: _Optional[str] = ..., capabilities: _Optional[_Union[Capabilities, _Mapping]] = ..., environment: _Optional[str] = ..., configuration: _Optional[bytes] = ..., max_concurrent_tasks: _Optional[int] = ..., timeout_seconds: _Optional[float] = ..., retry_attempts: _Optional[int] = ..., model: _Optional[str] = ..., provider: _Optional[str] = ..., specializations: _Optional[_Union[Capabilities, _Mapping]] = ..., working_hours: _Optional[_Union[_agent_pb2.WorkingHours, _Mapping]] = ...) -> None: ...

class Capabilities(_message.Message):
    __slots__ = ("words",)
    WORDS_FIELD_NUMBER: _ClassVar[int]
    words: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, words: _Optional[_Iterable[str]] = ...) -> None: ...

class RegisterAgentRequest(_message.Message):
    __slots__ = ("name", "description", "type", "capabilities", "environment", "configuration", "max_concurrent_tasks", "timeout_seconds", "retry_attempts", "model", "provider", "specializations", "working_hours")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    CONFIGURATION_FIELD_NUMBER: _ClassVar[int]
    MAX_CONCURRENT_TASKS_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    RETRY_ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    SPECIALIZATIONS_FIELD_NUMBER: _ClassVar[int]
    WORKING_HOURS_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    type: str
    capabilities: Capabilities
    environment: str
    configuration: bytes
    max_concurrent_tasks: int
    timeout_seconds: float
    retry_attempts: int
    model: str
    provider: str
    specializations: Capabilities
    working_hours: _agent_pb2.WorkingHours
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., type: _Optional[str] = ..., capabilities: _Optional[_Union[Capabilities, _Mapping]] = ..., environment: _Optional[str] = ..., configuration: _Optional[bytes] = ..., max_concurrent_tasks: _Optional[int] = ..., timeout_seconds: _Optional[float] = ..., retry_attempts: _Optional[int] = ..., model: _Optional[str] = ..., provider: _Optional[str] = ..., specializations: _Optional[_Union[Capabilities, _Mapping]] = ..., working_hours: _Optional[_Union[_agent_pb2.WorkingHours, _Mapping]] = ...) -> None: ...

class GetAgentRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class ListAgentsRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "status", "type")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    status: _agent_pb2.AgentStatus
    type: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., status: _Optional[_Union[_agent_pb2.AgentStatus, str]] = ..., type: _Optional[str] = ...) -> None: ...

class ListAgentsResponse(_message.Message):
    __slots__ = ("agents", "next_page_token")
    AGENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    agents: _containers.RepeatedCompositeFieldContainer[_agent_pb2.Agent]
    next_page_token: str
    def __init__(self, agents: _Optional[_Iterable[_Union[_agent_pb2.Agent, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class Requirements(_message.Message):
    __slots__ = ("lines",)
    LINES_FIELD_NUMBER: _ClassVar[int]
    lines: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, lines: _Optional[_Iterable[str]] = ...) -> None: ...

class UpdateAgentRequest(_message.Message):
    __slots__ = ("id", "name", "description", "code", "requirements", "entry_function", "version", "type", "capabilities", "environment", "configuration", "max_concurrent_tasks", "timeout_seconds", "retry_attempts", "disabled", "model", "provider", "specializations", "working_hours", "clear_working_hours", "disabled_reason")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    REQUIREMENTS_FIELD_NUMBER: _ClassVar[int]
    ENTRY_FUNCTION_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    CONFIGURATION_FIELD_NUMBER: _ClassVar[int]
    MAX_CONCURRENT_TASKS_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    RETRY_ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    DISABLED_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    SPECIALIZATIONS_FIELD_NUMBER: _ClassVar[int]
    WORKING_HOURS_FIELD_NUMBER: _ClassVar[int]
    CLEAR_WORKING_HOURS_FIELD_NUMBER: _ClassVar[int]
    DISABLED_REASON_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    description: str
    code: str
    requirements: Requirements
    entry_function: str
    version: int
    type: str
    capabilities: Capabilities
    environment: str
    configuration: bytes
    max_concurrent_tasks: int
    timeout_seconds: float
    retry_attempts: int
    disabled: bool
    model: str
    provider: str
    specializations: Capabilities
    working_hours: _agent_pb2.WorkingHours
    clear_working_hours: bool
    disabled_reason: str
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., description: _Optional[str] = ..., code: _Optional[str] = ..., requirements: _Optional[_Union[Requirements, _Mapping]] = ..., entry_function: _Optional[str] = ..., version: _Optional[int] = ..., type: _Optional[str] = ..., capabilities: _Optional[_Union[Capabilities, _Mapping]] = ..., environment: _Optional[str] = ..., configuration: _Optional[bytes] = ..., max_concurrent_tasks: _Optional[int] = ..., timeout_seconds: _Optional[float] = ..., retry_attempts: _Optional[int] = ..., disabled: _Optional[bool] = ..., model: _Optional[str] = ..., provider: _Optional[str] = ..., specializations: _Optional[_Union[Capabilities, _Mapping]] = ..., working_hours: _Optional[_Union[_agent_pb2.WorkingHours, _Mapping]] = ..., clear_working_hours: _Optional[bool] = ..., disabled_reason: _Optional[str] = ...) -> None: ...

class DeleteAgentRequest(_message.Message):
    __slots__ = ("id", "version")
    ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    id: str
    version: int
    def __init__(self, id: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...

class DeleteAgentResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
