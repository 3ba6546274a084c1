import datetime

from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ProcessingStep(_message.Message):
    __slots__ = ("name", "model", "duration_ms", "tokens")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    DURATION_MS_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    name: str
    model: str
    duration_ms: float
    tokens: int
    def __init__(self, name: _Optional[str] = ..., model: _Optional[str] = ..., duration_ms: _Optional[float] = ..., tokens: _Optional[int] = ...) -> None: ...

class Citation(_message.Message):
    __slots__ = ("number", "text", "document_id", "title", "heading", "page", "chunk_sha256", "content_version", "turn", "role")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_ID_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    HEADING_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    CHUNK_SHA256_FIELD_NUMBER: _ClassVar[int]
    CONTENT_VERSION_FIELD_NUMBER: _ClassVar[int]
    TURN_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    number: int
    text: str
    document_id: str
    title: str
    heading: str
    page: int
    chunk_sha256: str
    content_version: int
    turn: int
    role: str
    def __init__(self, number: _Optional[int] = ..., text: _Optional[str] = ..., document_id: _Optional[str] = ..., title: _Optional[str] = ..., heading: _Optional[str] = ..., page: _Optional[int] = ..., chunk_sha256: _Optional[str] = ..., content_version: _Optional[int] = ..., turn: _Optional[int] = ..., role: _Optional[str] = ...) -> None: ...

class AnswerMetadata(_message.Message):
    __slots__ = ("tokens_used", "tokens_estimated", "model", "processing_steps", "answer_id", "turn", "stop_reason", "quality_by", "fallback", "citations", "truncated")
    TOKENS_USED_FIELD_NUMBER: _ClassVar[int]
    TOKENS_ESTIMATED_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PROCESSING_STEPS_FIELD_NUMBER: _ClassVar[int]
    ANSWER_ID_FIELD_NUMBER: _ClassVar[int]
    TURN_FIELD_NUMBER: _ClassVar[int]
    STOP_REASON_FIELD_NUMBER: _ClassVar[int]
    QUALITY_BY_FIELD_NUMBER: _ClassVar[int]
    FALLBACK_FIELD_NUMBER: _ClassVar[int]
    CITATIONS_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    tokens_used: int
    tokens_estimated: bool
    model: str
    processing_steps: _containers.RepeatedCompositeFieldContainer[ProcessingStep]
    answer_id: str
    turn: int
    stop_reason: str
    quality_by: str
    fallback: str
    citations: _containers.RepeatedCompositeFieldContainer[Citation]
    truncated: bool
    def __init__(self, tokens_used: _Optional[int] = ..., tokens_estimated: _Optional[bool] = ..., model: _Optional[str] = ..., processing_steps: _Optional[_Iterable[_Union[ProcessingStep, _Mapping]]] = ..., answer_id: _Optional[str] = ..., turn: _Optional[int] = ..., stop_reason: _Optional[str] = ..., quality_by: _Optional[str] = ..., fallback: _Optional[str] = ..., citations: _Optional[_Iterable[_Union[Citation, _Mapping]]] = ..., truncated: _Optional[bool] = ...) -> None: ...

class ChatAnswer(_message.Message):
    __slots__ = ("response", "session_id", "execution_mode", "quality_score", "execution_time", "metadata", "status")
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_MODE_FIELD_NUMBER: _ClassVar[int]
    QUALITY_SCORE_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_TIME_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    response: str
    session_id: str
    execution_mode: str
    quality_score: float
    execution_time: float
    metadata: AnswerMetadata
    status: str
    def __init__(self, response: _Optional[str] = ..., session_id: _Optional[str] = ..., execution_mode: _Optional[str] = ..., quality_score: _Optional[float] = ..., execution_time: _Optional[float] = ..., metadata: _Optional[_Union[AnswerMetadata, _Mapping]] = ..., status: _Optional[str] = ...) -> None: ...

class ChatSession(_message.Message):
    __slots__ = ("session_id", "turns", "created_at", "last_active_at", "status")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    TURNS_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    LAST_ACTIVE_AT_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    turns: int
    created_at: _timestamp_pb2.Timestamp
    last_active_at: _timestamp_pb2.Timestamp
    status: str
    def __init__(self, session_id: _Optional[str] = ..., turns: _Optional[int] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_active_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., status: _Optional[str] = ...) -> None: ...

class ChatTurn(_message.Message):
    __slots__ = ("turn", "message", "user_context", "answer", "created_at")
    TURN_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    USER_CONTEXT_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    turn: int
    message: str
    user_context: _struct_pb2.Struct
    answer: ChatAnswer
    created_at: _timestamp_pb2.Timestamp
    def __init__(self, turn: _Optional[int] = ..., message: _Optional[str] = ..., user_context: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., answer: _Optional[_Union[ChatAnswer, _Mapping]] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
