from buf.validate import validate_pb2 as _validate_pb2
from google.api import annotations_pb2 as _annotations_pb2
from orchestrator.wire.coordinaitor.v1 import envelope_pb2 as _envelope_pb2
from orchestrator.wire.coordinaitor.v1 import system_pb2 as _system_pb2
from orchestrator.options.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetHealthRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetHealthResponse(_message.Message):
    __slots__ = ("success", "data", "meta")
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    META_FIELD_NUMBER: _ClassVar[int]
    success: bool
    data: _system_pb2.SystemHealth
    meta: _envelope_pb2.Meta
    def __init__(self, success: _Optional[bool] = ..., data: _Optional[_Union[_system_pb2.SystemHealth, _Mapping]] = ..., meta: _Optional[_Union[_envelope_pb2.Meta, _Mapping]] = ...) -> None: ...

class GetMetricsRequest(_message.Message):
    __slots__ = ("period",)
    PERIOD_FIELD_NUMBER: _ClassVar[int]
    period: str
    def __init__(self, period: _Optional[str] = ...) -> None: ...

class GetMetricsResponse(_message.Message):
    __slots__ = ("success", "data", "meta")
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    META_FIELD_NUMBER: _ClassVar[int]
    success: bool
    data: _system_pb2.SystemMetrics
    meta: _envelope_pb2.Meta
    def __init__(self, success: _Optional[bool] = ..., data: _Optional[_Union[_system_pb2.SystemMetrics, _Mapping]] = ..., meta: _Optional[_Union[_envelope_pb2.Meta, _Mapping]] = ...) -> None: ...

class GetStatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetStatusResponse(_message.Message):
    __slots__ = ("success", "data", "meta")
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    META_FIELD_NUMBER: _ClassVar[int]
    success: bool
    data: _system_pb2.SystemStatus
    meta: _envelope_pb2.Meta
    def __init__(self, success: _Optional[bool] = ..., data: _Optional[_Union[_system_pb2.SystemStatus, _Mapping]] = ..., meta: _Optional[_Union[_envelope_pb2.Meta, _Mapping]] = ...) -> None: ...

class ListLogsRequest(_message.Message):
    __slots__ = ("level", "service", "since", "limit")
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    level: str
    service: str
    since: str
    limit: int
    def __init__(self, level: _Optional[str] = ..., service: _Optional[str] = ..., since: _Optional[str] = ..., limit: _Optional[int] = ...) -> None: ...

class ListLogsResponse(_message.Message):
    __slots__ = ("success", "data", "meta")
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    META_FIELD_NUMBER: _ClassVar[int]
    success: bool
    data: _containers.RepeatedCompositeFieldContainer[_system_pb2.SystemLog]
    meta: _envelope_pb2.Meta
    def __init__(self, success: _Optional[bool] = ..., data: _Optional[_Iterable[_Union[_system_pb2.SystemLog, _Mapping]]] = ..., meta: _Optional[_Union[_envelope_pb2.Meta, _Mapping]] = ...) -> None: ...
