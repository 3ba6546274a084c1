import datetime

from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Agent(_message.Message):
    __slots__ = ("id", "name", "description", "type", "status", "status_message", "model", "provider", "capabilities", "specializations", "max_concurrent_tasks", "current_tasks", "average_response_time", "success_rate", "total_tasks_completed", "enabled", "created_at", "updated_at", "last_active_at", "working_hours", "configuration", "tasks", "metrics", "logs")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    STATUS_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    SPECIALIZATIONS_FIELD_NUMBER: _ClassVar[int]
    MAX_CONCURRENT_TASKS_FIELD_NUMBER: _ClassVar[int]
    CURRENT_TASKS_FIELD_NUMBER: _ClassVar[int]
    AVERAGE_RESPONSE_TIME_FIELD_NUMBER: _ClassVar[int]
    SUCCESS_RATE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_TASKS_COMPLETED_FIELD_NUMBER: _ClassVar[int]
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    LAST_ACTIVE_AT_FIELD_NUMBER: _ClassVar[int]
    WORKING_HOURS_FIELD_NUMBER: _ClassVar[int]
    CONFIGURATION_FIELD_NUMBER: _ClassVar[int]
    TASKS_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    LOGS_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    description: str
    type: str
    status: str
    status_message: str
    model: str
    provider: str
    capabilities: _containers.RepeatedScalarFieldContainer[str]
    specializations: _containers.RepeatedScalarFieldContainer[str]
    max_concurrent_tasks: int
    current_tasks: int
    average_response_time: float
    success_rate: float
    total_tasks_completed: int
    enabled: bool
    created_at: _timestamp_pb2.Timestamp
    updated_at: _timestamp_pb2.Timestamp
    last_active_at: _timestamp_pb2.Timestamp
    working_hours: _struct_pb2.Value
    configuration: _struct_pb2.Value
    tasks: _struct_pb2.Value
    metrics: AgentMetrics
    logs: _struct_pb2.Value
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., description: _Optional[str] = ..., type: _Optional[str] = ..., status: _Optional[str] = ..., status_message: _Optional[str] = ..., model: _Optional[str] = ..., provider: _Optional[str] = ..., capabilities: _Optional[_Iterable[str]] = ..., specializations: _Optional[_Iterable[str]] = ..., max_concurrent_tasks: _Optional[int] = ..., current_tasks: _Optional[int] = ..., average_response_time: _Optional[float] = ..., success_rate: _Optional[float] = ..., total_tasks_completed: _Optional[int] = ..., enabled: _Optional[bool] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_active_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., working_hours: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., configuration: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., tasks: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., metrics: _Optional[_Union[AgentMetrics, _Mapping]] = ..., logs: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ...) -> None: ...

class AgentMetrics(_message.Message):
    __slots__ = ("agent_id", "period", "task_metrics", "performance_metrics", "utilization_metrics")
    class TaskMetrics(_message.Message):
        __slots__ = ("total_tasks", "completed_tasks", "failed_tasks", "cancelled_tasks", "success_rate", "average_completion_time")
        TOTAL_TASKS_FIELD_NUMBER: _ClassVar[int]
        COMPLETED_TASKS_FIELD_NUMBER: _ClassVar[int]
        FAILED_TASKS_FIELD_NUMBER: _ClassVar[int]
        CANCELLED_TASKS_FIELD_NUMBER: _ClassVar[int]
        SUCCESS_RATE_FIELD_NUMBER: _ClassVar[int]
        AVERAGE_COMPLETION_TIME_FIELD_NUMBER: _ClassVar[int]
        total_tasks: int
        completed_tasks: int
        failed_tasks: int
        cancelled_tasks: int
        success_rate: float
        average_completion_time: float
        def __init__(self, total_tasks: _Optional[int] = ..., completed_tasks: _Optional[int] = ..., failed_tasks: _Optional[int] = ..., cancelled_tasks: _Optional[int] = ..., success_rate: _Optional[float] = ..., average_completion_time: _Optional[float] = ...) -> None: ...
    class PerformanceMetrics(_message.Message):
        __slots__ = ("average_response_time", "quality_score", "customer_satisfaction", "code_quality_score")
        AVERAGE_RESPONSE_TIME_FIELD_NUMBER: _ClassVar[int]
        QUALITY_SCORE_FIELD_NUMBER: _ClassVar[int]
        CUSTOMER_SATISFACTION_FIELD_NUMBER: _ClassVar[int]
        CODE_QUALITY_SCORE_FIELD_NUMBER: _ClassVar[int]
        average_response_time: float
        quality_score: float
        customer_satisfaction: float
        code_quality_score: float
        def __init__(self, average_response_time: _Optional[float] = ..., quality_score: _Optional[float] = ..., customer_satisfaction: _Optional[float] = ..., code_quality_score: _Optional[float] = ...) -> None: ...
    class UtilizationMetrics(_message.Message):
        __slots__ = ("total_hours", "active_hours", "utilization_rate", "peak_hours")
        TOTAL_HOURS_FIELD_NUMBER: _ClassVar[int]
        ACTIVE_HOURS_FIELD_NUMBER: _ClassVar[int]
        UTILIZATION_RATE_FIELD_NUMBER: _ClassVar[int]
        PEAK_HOURS_FIELD_NUMBER: _ClassVar[int]
        total_hours: float
        active_hours: float
        utilization_rate: float
        peak_hours: _containers.RepeatedScalarFieldContainer[str]
        def __init__(self, total_hours: _Optional[float] = ..., active_hours: _Optional[float] = ..., utilization_rate: _Optional[float] = ..., peak_hours: _Optional[_Iterable[str]] = ...) -> None: ...
    class Period(_message.Message):
        __slots__ = ("start", "end")
        START_FIELD_NUMBER: _ClassVar[int]
        END_FIELD_NUMBER: _ClassVar[int]
        start: _timestamp_pb2.Timestamp
        end: _timestamp_pb2.Timestamp
        def __init__(self, start: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    PERIOD_FIELD_NUMBER: _ClassVar[int]
    TASK_METRICS_FIELD_NUMBER: _ClassVar[int]
    PERFORMANCE_METRICS_FIELD_NUMBER: _ClassVar[int]
    UTILIZATION_METRICS_FIELD_NUMBER: _ClassVar[int]
    agent_id: str
    period: AgentMetrics.Period
    task_metrics: AgentMetrics.TaskMetrics
    performance_metrics: AgentMetrics.PerformanceMetrics
    utilization_metrics: AgentMetrics.UtilizationMetrics
    def __init__(self, agent_id: _Optional[str] = ..., period: _Optional[_Union[AgentMetrics.Period, _Mapping]] = ..., task_metrics: _Optional[_Union[AgentMetrics.TaskMetrics, _Mapping]] = ..., performance_metrics: _Optional[_Union[AgentMetrics.PerformanceMetrics, _Mapping]] = ..., utilization_metrics: _Optional[_Union[AgentMetrics.UtilizationMetrics, _Mapping]] = ...) -> None: ...
