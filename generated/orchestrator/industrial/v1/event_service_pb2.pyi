from google.api import annotations_pb2 as _annotations_pb2
from google.api import httpbody_pb2 as _httpbody_pb2
from orchestrator.options.v1 import options_pb2 as _options_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class SocketRequest(_message.Message):
    __slots__ = ("type", "room", "session_id", "agent_id", "since", "id", "invalid_frame", "id_is_json")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    ROOM_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    INVALID_FRAME_FIELD_NUMBER: _ClassVar[int]
    ID_IS_JSON_FIELD_NUMBER: _ClassVar[int]
    type: str
    room: str
    session_id: str
    agent_id: str
    since: int
    id: str
    invalid_frame: str
    id_is_json: bool
    def __init__(self, type: _Optional[str] = ..., room: _Optional[str] = ..., session_id: _Optional[str] = ..., agent_id: _Optional[str] = ..., since: _Optional[int] = ..., id: _Optional[str] = ..., invalid_frame: _Optional[str] = ..., id_is_json: _Optional[bool] = ...) -> None: ...
