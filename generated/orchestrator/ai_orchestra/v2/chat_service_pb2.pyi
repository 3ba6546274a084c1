from buf.validate import validate_pb2 as _validate_pb2
from google.api import annotations_pb2 as _annotations_pb2
from google.api import httpbody_pb2 as _httpbody_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from orchestrator.ai_orchestra.v2 import chat_pb2 as _chat_pb2
from orchestrator.ai_orchestra.v2 import envelope_pb2 as _envelope_pb2
from orchestrator.options.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SendMessageRequest(_message.Message):
    __slots__ = ("message", "session_id", "optimization_mode", "swarm_type", "use_memory", "user_context", "model", "on_conflict", "max_tokens")
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    OPTIMIZATION_MODE_FIELD_NUMBER: _ClassVar[int]
    SWARM_TYPE_FIELD_NUMBER: _ClassVar[int]
    USE_MEMORY_FIELD_NUMBER: _ClassVar[int]
    USER_CONTEXT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    ON_CONFLICT_FIELD_NUMBER: _ClassVar[int]
    MAX_TOKENS_FIELD_NUMBER: _ClassVar[int]
    message: str
    session_id: str
    optimization_mode: str
    swarm_type: str
    use_memory: bool
    user_context: _struct_pb2.Struct
    model: str
    on_conflict: str
    max_tokens: int
    def __init__(self, message: _Optional[str] = ..., session_id: _Optional[str] = ..., optimization_mode: _Optional[str] = ..., swarm_type: _Optional[str] = ..., use_memory: _Optional[bool] = ..., user_context: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., model: _Optional[str] = ..., on_conflict: _Optional[str] = ..., max_tokens: _Optional[int] = ...) -> None: ...

class SendMessageResponse(_message.Message):
    __slots__ = ("success", "data", "metadata", "error")
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    success: bool
    data: _chat_pb2.ChatAnswer
    metadata: _envelope_pb2.ResponseMetadata
    error: _struct_pb2.Value
    def __init__(self, success: _Optional[bool] = ..., data: _Optional[_Union[_chat_pb2.ChatAnswer, _Mapping]] = ..., metadata: _Optional[_Union[_envelope_pb2.ResponseMetadata, _Mapping]] = ..., error: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ...) -> None: ...

class StreamMessageRequest(_message.Message):
    __slots__ = ("message", "session_id", "optimization_mode", "swarm_type", "use_memory", "user_context", "model", "on_conflict", "max_tokens")
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    OPTIMIZATION_MODE_FIELD_NUMBER: _ClassVar[int]
    SWARM_TYPE_FIELD_NUMBER: _ClassVar[int]
    USE_MEMORY_FIELD_NUMBER: _ClassVar[int]
    USER_CONTEXT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    ON_CONFLICT_FIELD_NUMBER: _ClassVar[int]
    MAX_TOKENS_FIELD_NUMBER: _ClassVar[int]
    message: str
    session_id: str
    optimization_mode: str
    swarm_type: str
    use_memory: bool
    user_context: _struct_pb2.Struct
    model: str
    on_conflict: str
    max_tokens: int
    def __init__(self, message: _Optional[str] = ..., session_id: _Optional[str] = ..., optimization_mode: _Optional[str] = ..., swarm_type: _Optional[str] = ..., use_memory: _Optional[bool] = ..., user_context: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., model: _Optional[str] = ..., on_conflict: _Optional[str] = ..., max_tokens: _Optional[int] = ...) -> None: ...

class GetAnswerRequest(_message.Message):
    __slots__ = ("answer_id",)
    ANSWER_ID_FIELD_NUMBER: _ClassVar[int]
    answer_id: str
    def __init__(self, answer_id: _Optional[str] = ...) -> None: ...

class GetAnswerResponse(_message.Message):
    __slots__ = ("success", "data", "metadata", "error")
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    success: bool
    data: _chat_pb2.ChatAnswer
    metadata: _envelope_pb2.ResponseMetadata
    error: _struct_pb2.Value
    def __init__(self, success: _Optional[bool] = ..., data: _Optional[_Union[_chat_pb2.ChatAnswer, _Mapping]] = ..., metadata: _Optional[_Union[_envelope_pb2.ResponseMetadata, _Mapping]] = ..., error: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ...) -> None: ...

class StreamAnswerRequest(_message.Message):
    __slots__ = ("answer_id", "after")
    ANSWER_ID_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    answer_id: str
    after: int
    def __init__(self, answer_id: _Optional[str] = ..., after: _Optional[int] = ...) -> None: ...

class CancelAnswerRequest(_message.Message):
    __slots__ = ("answer_id",)
    ANSWER_ID_FIELD_NUMBER: _ClassVar[int]
    answer_id: str
    def __init__(self, answer_id: _Optional[str] = ...) -> None: ...

class CancelAnswerResponse(_message.Message):
    __slots__ = ("success", "data", "metadata", "error")
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    success: bool
    data: _chat_pb2.ChatAnswer
    metadata: _envelope_pb2.ResponseMetadata
    error: _struct_pb2.Value
    def __init__(self, success: _Optional[bool] = ..., data: _Optional[_Union[_chat_pb2.ChatAnswer, _Mapping]] = ..., metadata: _Optional[_Union[_envelope_pb2.ResponseMetadata, _Mapping]] = ..., error: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ...) -> None: ...

class ListSessionsRequest(_message.Message):
    __slots__ = ("limit", "offset")
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    limit: int
    offset: int
    def __init__(self, limit: _Optional[int] = ..., offset: _Optional[int] = ...) -> None: ...

class ListSessionsResponse(_message.Message):
    __slots__ = ("success", "data", "metadata", "error")
    class SessionPage(_message.Message):
        __slots__ = ("sessions", "total", "limit", "offset")
        SESSIONS_FIELD_NUMBER: _ClassVar[int]
        TOTAL_FIELD_NUMBER: _ClassVar[int]
        LIMIT_FIELD_NUMBER: _ClassVar[int]
        OFFSET_FIELD_NUMBER: _ClassVar[int]
        sessions: _containers.RepeatedCompositeFieldContainer[_chat_pb2.ChatSession]
        total: int
        limit: int
        offset: int
        def __init__(self, sessions: _Optional[_Iterable[_Union[_chat_pb2.ChatSession, _Mapping]]] = ..., total: _Optional[int] = ..., limit: _Optional[int] = ..., offset: _Optional[int] = ...) -> None: ...
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    success: bool
    data: ListSessionsResponse.SessionPage
    metadata: _envelope_pb2.ResponseMetadata
    error: _struct_pb2.Value
    def __init__(self, success: _Optional[bool] = ..., data: _Optional[_Union[ListSessionsResponse.SessionPage, _Mapping]] = ..., metadata: _Optional[_Union[_envelope_pb2.ResponseMetadata, _Mapping]] = ..., error: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ...) -> None: ...

class GetSessionRequest(_message.Message):
    __slots__ = ("session_id",)
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    def __init__(self, session_id: _Optional[str] = ...) -> None: ...

class GetSessionResponse(_message.Message):
    __slots__ = ("success", "data", "metadata", "error")
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    success: bool
    data: _chat_pb2.ChatSession
    metadata: _envelope_pb2.ResponseMetadata
    error: _struct_pb2.Value
    def __init__(self, success: _Optional[bool] = ..., data: _Optional[_Union[_chat_pb2.ChatSession, _Mapping]] = ..., metadata: _Optional[_Union[_envelope_pb2.ResponseMetadata, _Mapping]] = ..., error: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ...) -> None: ...

class GetHistoryRequest(_message.Message):
    __slots__ = ("session_id", "limit", "before")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    limit: int
    before: int
    def __init__(self, session_id: _Optional[str] = ..., limit: _Optional[int] = ..., before: _Optional[int] = ...) -> None: ...

class GetHistoryResponse(_message.Message):
    __slots__ = ("success", "data", "metadata", "error")
    class History(_message.Message):
        __slots__ = ("session_id", "turns", "total")
        SESSION_ID_FIELD_NUMBER: _ClassVar[int]
        TURNS_FIELD_NUMBER: _ClassVar[int]
        TOTAL_FIELD_NUMBER: _ClassVar[int]
        session_id: str
        turns: _containers.RepeatedCompositeFieldContainer[_chat_pb2.ChatTurn]
        total: int
        def __init__(self, session_id: _Optional[str] = ..., turns: _Optional[_Iterable[_Union[_chat_pb2.ChatTurn, _Mapping]]] = ..., total: _Optional[int] = ...) -> None: ...
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    success: bool
    data: GetHistoryResponse.History
    metadata: _envelope_pb2.ResponseMetadata
    error: _struct_pb2.Value
    def __init__(self, success: _Optional[bool] = ..., data: _Optional[_Union[GetHistoryResponse.History, _Mapping]] = ..., metadata: _Optional[_Union[_envelope_pb2.ResponseMetadata, _Mapping]] = ..., error: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ...) -> None: ...

class DeleteSessionRequest(_message.Message):
    __slots__ = ("session_id",)
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    def __init__(self, session_id: _Optional[str] = ...) -> None: ...

class DeleteSessionResponse(_message.Message):
    __slots__ = ("success", "data", "metadata", "error")
    class DeletedSession(_message.Message):
        __slots__ = ("session_id", "deleted")
        SESSION_ID_FIELD_NUMBER: _ClassVar[int]
        DELETED_FIELD_NUMBER: _ClassVar[int]
        session_id: str
        deleted: bool
        def __init__(self, session_id: _Optional[str] = ..., deleted: _Optional[bool] = ...) -> None: ...
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    success: bool
    data: DeleteSessionResponse.DeletedSession
    metadata: _envelope_pb2.ResponseMetadata
    error: _struct_pb2.Value
    def __init__(self, success: _Optional[bool] = ..., data: _Optional[_Union[DeleteSessionResponse.DeletedSession, _Mapping]] = ..., metadata: _Optional[_Union[_envelope_pb2.ResponseMetadata, _Mapping]] = ..., error: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ...) -> None: ...
