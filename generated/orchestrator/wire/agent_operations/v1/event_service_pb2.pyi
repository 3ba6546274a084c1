from google.api import annotations_pb2 as _annotations_pb2
from google.api import httpbody_pb2 as _httpbody_pb2
from orchestrator.options.v1 import options_pb2 as _options_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class SocketRequest(_message.Message):
    __slots__ = ("type", "token", "channel", "agent_id", "task_id", "workflow_id", "since", "id", "invalid_frame", "id_is_json")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_ID_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    INVALID_FRAME_FIELD_NUMBER: _ClassVar[int]
    ID_IS_JSON_FIELD_NUMBER: _ClassVar[int]
    type: str
    token: str
    channel: str
    agent_id: str
    task_id: str
    workflow_id: str
    since: int
    id: str
    invalid_frame: str
    id_is_json: bool
    def __init__(self, type: _Optional[str] = ..., token: _Optional[str] = ..., channel: _Optional[str] = ..., agent_id: _Optional[str] = ..., task_id: _Optional[str] = ..., workflow_id: _Optional[str] = ..., since: _Optional[int] = ..., id: _Optional[str] = ..., invalid_frame: _Optional[str] = ..., id_is_json: _Optional[bool] = ...) -> None: ...
