from google.api import annotations_pb2 as _annotations_pb2
from orchestrator.wire import struct_pb2 as _struct_pb2
from orchestrator.wire.ai_orchestra.v2 import chat_pb2 as _chat_pb2
from orchestrator.wire.ai_orchestra.v2 import envelope_pb2 as _envelope_pb2
from orchestrator.options.v1 import options_pb2 as _options_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ChatRequest(_message.Message):
    __slots__ = ("text", "session_id", "message", "optimization_mode", "swarm_type", "use_memory", "user_context", "model", "on_conflict", "max_tokens")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    OPTIMIZATION_MODE_FIELD_NUMBER: _ClassVar[int]
    SWARM_TYPE_FIELD_NUMBER: _ClassVar[int]
    USE_MEMORY_FIELD_NUMBER: _ClassVar[int]
    USER_CONTEXT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    ON_CONFLICT_FIELD_NUMBER: _ClassVar[int]
    MAX_TOKENS_FIELD_NUMBER: _ClassVar[int]
    text: str
    session_id: str
    message: str
    optimization_mode: str
    swarm_type: str
    use_memory: bool
    user_context: bytes
    model: str
    on_conflict: str
    max_tokens: int
    def __init__(self, text: _Optional[str] = ..., session_id: _Optional[str] = ..., message: _Optional[str] = ..., optimization_mode: _Optional[str] = ..., swarm_type: _Optional[str] = ..., use_memory: _Optional[bool] = ..., user_context: _Optional[bytes] = ..., model: _Optional[str] = ..., on_conflict: _Optional[str] = ..., max_tokens: _Optional[int] = ...) -> None: ...

class ChatResponse(_message.Message):
    __slots__ = ("success", "data", "metadata", "error")
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    success: bool
    data: _chat_pb2.ChatAnswer
    metadata: _envelope_pb2.ResponseMetadata
    error: bytes
    def __init__(self, success: _Optional[bool] = ..., data: _Optional[_Union[_chat_pb2.ChatAnswer, _Mapping]] = ..., metadata: _Optional[_Union[_envelope_pb2.ResponseMetadata, _Mapping]] = ..., error: _Optional[bytes] = ...) -> None: ...
