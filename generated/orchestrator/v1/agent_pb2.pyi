import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AgentRuntime(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    AGENT_RUNTIME_UNSPECIFIED: _ClassVar[AgentRuntime]
    AGENT_RUNTIME_PYTHON: _ClassVar[AgentRuntime]
    AGENT_RUNTIME_EXTERNAL: _ClassVar[AgentRuntime]
    AGENT_RUNTIME_MODEL: _ClassVar[AgentRuntime]

class AgentStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    AGENT_STATUS_UNSPECIFIED: _ClassVar[AgentStatus]
    AGENT_STATUS_INSTALLING: _ClassVar[AgentStatus]
    AGENT_STATUS_ACTIVE: _ClassVar[AgentStatus]
    AGENT_STATUS_ERROR: _ClassVar[AgentStatus]
    AGENT_STATUS_INITIALIZING: _ClassVar[AgentStatus]
    AGENT_STATUS_INACTIVE: _ClassVar[AgentStatus]

class DayOfWeek(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DAY_OF_WEEK_UNSPECIFIED: _ClassVar[DayOfWeek]
    DAY_OF_WEEK_MONDAY: _ClassVar[DayOfWeek]
    DAY_OF_WEEK_TUESDAY: _ClassVar[DayOfWeek]
    DAY_OF_WEEK_WEDNESDAY: _ClassVar[DayOfWeek]
    DAY_OF_WEEK_THURSDAY: _ClassVar[DayOfWeek]
    DAY_OF_WEEK_FRIDAY: _ClassVar[DayOfWeek]
    DAY_OF_WEEK_SATURDAY: _ClassVar[DayOfWeek]
    DAY_OF_WEEK_SUNDAY: _ClassVar[DayOfWeek]
AGENT_RUNTIME_UNSPECIFIED: AgentRuntime
AGENT_RUNTIME_PYTHON: AgentRuntime
AGENT_RUNTIME_EXTERNAL: AgentRuntime
AGENT_RUNTIME_MODEL: AgentRuntime
AGENT_STATUS_UNSPECIFIED: AgentStatus
AGENT_STATUS_INSTALLING: AgentStatus
AGENT_STATUS_ACTIVE: AgentStatus
AGENT_STATUS_ERROR: AgentStatus
AGENT_STATUS_INITIALIZING: AgentStatus
AGENT_STATUS_INACTIVE: AgentStatus
DAY_OF_WEEK_UNSPECIFIED: DayOfWeek
DAY_OF_WEEK_MONDAY: DayOfWeek
DAY_OF_WEEK_TUESDAY: DayOfWeek
DAY_OF_WEEK_WEDNESDAY: DayOfWeek
DAY_OF_WEEK_THURSDAY: DayOfWeek
DAY_OF_WEEK_FRIDAY: DayOfWeek
DAY_OF_WEEK_SATURDAY: DayOfWeek
DAY_OF_WEEK_SUNDAY: DayOfWeek

class Agent(_message.Message):
    __slots__ = ("id", "name", "description", "runtime", "status", "status_message", "code", "requirements", "entry_function", "input_binding", "tasks_completed", "tasks_failed", "created_at", "updated_at", "version", "type", "capabilities", "environment", "configuration", "max_concurrent_tasks", "timeout_seconds", "retry_attempts", "disabled", "active_since", "model", "provider", "specializations", "working_hours", "off_duty", "next_shift_time", "last_active_time")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    RUNTIME_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    STATUS_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    REQUIREMENTS_FIELD_NUMBER: _ClassVar[int]
    ENTRY_FUNCTION_FIELD_NUMBER: _ClassVar[int]
    INPUT_BINDING_FIELD_NUMBER: _ClassVar[int]
    TASKS_COMPLETED_FIELD_NUMBER: _ClassVar[int]
    TASKS_FAILED_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    CONFIGURATION_FIELD_NUMBER: _ClassVar[int]
    MAX_CONCURRENT_TASKS_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    RETRY_ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    DISABLED_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_SINCE_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    SPECIALIZATIONS_FIELD_NUMBER: _ClassVar[int]
    WORKING_HOURS_FIELD_NUMBER: _ClassVar[int]
    OFF_DUTY_FIELD_NUMBER: _ClassVar[int]
    NEXT_SHIFT_TIME_FIELD_NUMBER: _ClassVar[int]
    LAST_ACTIVE_TIME_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    description: str
    runtime: AgentRuntime
    status: AgentStatus
    status_message: str
    code: str
    requirements: _containers.RepeatedScalarFieldContainer[str]
    entry_function: str
    input_binding: str
    tasks_completed: int
    tasks_failed: int
    created_at: _timestamp_pb2.Timestamp
    updated_at: _timestamp_pb2.Timestamp
    version: int
    type: str
    capabilities: _containers.RepeatedScalarFieldContainer[str]
    environment: str
    configuration: _struct_pb2.Struct
    max_concurrent_tasks: int
    timeout_seconds: float
    retry_attempts: int
    disabled: bool
    active_since: _timestamp_pb2.Timestamp
    model: str
    provider: str
    specializations: _containers.RepeatedScalarFieldContainer[str]
    working_hours: WorkingHours
    off_duty: bool
    next_shift_time: _timestamp_pb2.Timestamp
    last_active_time: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., description: _Optional[str] = ..., runtime: _Optional[_Union[AgentRuntime, str]] = ..., status: _Optional[_Union[AgentStatus, str]] = ..., status_message: _Optional[str] = ..., code: _Optional[str] = ..., requirements: _Optional[_Iterable[str]] = ..., entry_function: _Optional[str] = ..., input_binding: _Optional[str] = ..., tasks_completed: _Optional[int] = ..., tasks_failed: _Optional[int] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., version: _Optional[int] = ..., type: _Optional[str] = ..., capabilities: _Optional[_Iterable[str]] = ..., environment: _Optional[str] = ..., configuration: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., max_concurrent_tasks: _Optional[int] = ..., timeout_seconds: _Optional[float] = ..., retry_attempts: _Optional[int] = ..., disabled: _Optional[bool] = ..., active_since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., model: _Optional[str] = ..., provider: _Optional[str] = ..., specializations: _Optional[_Iterable[str]] = ..., working_hours: _Optional[_Union[WorkingHours, _Mapping]] = ..., off_duty: _Optional[bool] = ..., next_shift_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_active_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class WorkingHours(_message.Message):
    __slots__ = ("time_zone", "start", "end", "days")
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    DAYS_FIELD_NUMBER: _ClassVar[int]
    time_zone: str
    start: str
    end: str
    days: _containers.RepeatedScalarFieldContainer[DayOfWeek]
    def __init__(self, time_zone: _Optional[str] = ..., start: _Optional[str] = ..., end: _Optional[str] = ..., days: _Optional[_Iterable[_Union[DayOfWeek, str]]] = ...) -> None: ...
