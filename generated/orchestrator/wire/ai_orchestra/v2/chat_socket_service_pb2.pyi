from google.api import annotations_pb2 as _annotations_pb2
from google.api import httpbody_pb2 as _httpbody_pb2
from orchestrator.wire import struct_pb2 as _struct_pb2
from orchestrator.options.v1 import options_pb2 as _options_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class SocketRequest(_message.Message):
    __slots__ = ("type", "data", "timestamp", "message", "token", "client_id", "session_id", "answer_id", "after", "id", "invalid_frame", "id_is_json")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    CLIENT_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    ANSWER_ID_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    INVALID_FRAME_FIELD_NUMBER: _ClassVar[int]
    ID_IS_JSON_FIELD_NUMBER: _ClassVar[int]
    type: str
    data: bytes
    timestamp: str
    message: str
    token: str
    client_id: str
    session_id: str
    answer_id: str
    after: int
    id: str
    invalid_frame: str
    id_is_json: bool
    def __init__(self, type: _Optional[str] = ..., data: _Optional[bytes] = ..., timestamp: _Optional[str] = ..., message: _Optional[str] = ..., token: _Optional[str] = ..., client_id: _Optional[str] = ..., session_id: _Optional[str] = ..., answer_id: _Optional[str] = ..., after: _Optional[int] = ..., id: _Optional[str] = ..., invalid_frame: _Optional[str] = ..., id_is_json: _Optional[bool] = ...) -> None: ...
