from google.api import annotations_pb2 as _annotations_pb2
from google.api import httpbody_pb2 as _httpbody_pb2
from orchestrator.options.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class SocketRequest(_message.Message):
    __slots__ = ("type", "token", "channel", "filters", "since", "id", "invalid_frame", "id_is_json")
    class FiltersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    TYPE_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    FILTERS_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    INVALID_FRAME_FIELD_NUMBER: _ClassVar[int]
    ID_IS_JSON_FIELD_NUMBER: _ClassVar[int]
    type: str
    token: str
    channel: str
    filters: _containers.ScalarMap[str, str]
    since: int
    id: str
    invalid_frame: str
    id_is_json: bool
    def __init__(self, type: _Optional[str] = ..., token: _Optional[str] = ..., channel: _Optional[str] = ..., filters: _Optional[_Mapping[str, str]] = ..., since: _Optional[int] = ..., id: _Optional[str] = ..., invalid_frame: _Optional[str] = ..., id_is_json: _Optional[bool] = ...) -> None: ...
