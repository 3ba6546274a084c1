import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AnswerMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ANSWER_MODE_UNSPECIFIED: _ClassVar[AnswerMode]
    ANSWER_MODE_LITE: _ClassVar[AnswerMode]
    ANSWER_MODE_BALANCED: _ClassVar[AnswerMode]
    ANSWER_MODE_QUALITY: _ClassVar[AnswerMode]
ANSWER_MODE_UNSPECIFIED: AnswerMode
ANSWER_MODE_LITE: AnswerMode
ANSWER_MODE_BALANCED: AnswerMode
ANSWER_MODE_QUALITY: AnswerMode

class Conversation(_message.Message):
    __slots__ = ("id", "turn_count", "state", "create_time", "last_active_time")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Conversation.State]
        STATE_ACTIVE: _ClassVar[Conversation.State]
        STATE_ENDED: _ClassVar[Conversation.State]
    STATE_UNSPECIFIED: Conversation.State
    STATE_ACTIVE: Conversation.State
    STATE_ENDED: Conversation.State
    ID_FIELD_NUMBER: _ClassVar[int]
    TURN_COUNT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    LAST_ACTIVE_TIME_FIELD_NUMBER: _ClassVar[int]
    id: str
    turn_count: int
    state: Conversation.State
    create_time: _timestamp_pb2.Timestamp
    last_active_time: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., turn_count: _Optional[int] = ..., state: _Optional[_Union[Conversation.State, str]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_active_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Answer(_message.Message):
    __slots__ = ("id", "conversation_id", "turn", "message", "user_context", "state", "text", "failure", "stop_reason", "mode", "swarm", "execution_mode", "fallback", "model", "quality_score", "quality_source", "input_tokens", "output_tokens", "tokens_estimated", "steps", "citations", "last_sequence", "create_time", "start_time", "end_time")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Answer.State]
        STATE_QUEUED: _ClassVar[Answer.State]
        STATE_RUNNING: _ClassVar[Answer.State]
        STATE_COMPLETED: _ClassVar[Answer.State]
        STATE_FAILED: _ClassVar[Answer.State]
        STATE_CANCELLED: _ClassVar[Answer.State]
    STATE_UNSPECIFIED: Answer.State
    STATE_QUEUED: Answer.State
    STATE_RUNNING: Answer.State
    STATE_COMPLETED: Answer.State
    STATE_FAILED: Answer.State
    STATE_CANCELLED: Answer.State
    class StopReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STOP_REASON_UNSPECIFIED: _ClassVar[Answer.StopReason]
        STOP_REASON_STOP: _ClassVar[Answer.StopReason]
        STOP_REASON_LENGTH: _ClassVar[Answer.StopReason]
        STOP_REASON_TOOL_CALLS: _ClassVar[Answer.StopReason]
        STOP_REASON_CONTENT_FILTER: _ClassVar[Answer.StopReason]
        STOP_REASON_CANCELLED: _ClassVar[Answer.StopReason]
        STOP_REASON_ERROR: _ClassVar[Answer.StopReason]
        STOP_REASON_INTERRUPTED: _ClassVar[Answer.StopReason]
        STOP_REASON_ABANDONED: _ClassVar[Answer.StopReason]
    STOP_REASON_UNSPECIFIED: Answer.StopReason
    STOP_REASON_STOP: Answer.StopReason
    STOP_REASON_LENGTH: Answer.StopReason
    STOP_REASON_TOOL_CALLS: Answer.StopReason
    STOP_REASON_CONTENT_FILTER: Answer.StopReason
    STOP_REASON_CANCELLED: Answer.StopReason
    STOP_REASON_ERROR: Answer.StopReason
    STOP_REASON_INTERRUPTED: Answer.StopReason
    STOP_REASON_ABANDONED: Answer.StopReason
    class QualitySource(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        QUALITY_SOURCE_UNSPECIFIED: _ClassVar[Answer.QualitySource]
        QUALITY_SOURCE_JUDGE: _ClassVar[Answer.QualitySource]
        QUALITY_SOURCE_HEURISTIC: _ClassVar[Answer.QualitySource]
    QUALITY_SOURCE_UNSPECIFIED: Answer.QualitySource
    QUALITY_SOURCE_JUDGE: Answer.QualitySource
    QUALITY_SOURCE_HEURISTIC: Answer.QualitySource
    class Failure(_message.Message):
        __slots__ = ("reason", "message")
        REASON_FIELD_NUMBER: _ClassVar[int]
        MESSAGE_FIELD_NUMBER: _ClassVar[int]
        reason: str
        message: str
        def __init__(self, reason: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...
    class Step(_message.Message):
        __slots__ = ("name", "model", "duration", "tokens")
        NAME_FIELD_NUMBER: _ClassVar[int]
        MODEL_FIELD_NUMBER: _ClassVar[int]
        DURATION_FIELD_NUMBER: _ClassVar[int]
        TOKENS_FIELD_NUMBER: _ClassVar[int]
        name: str
        model: str
        duration: _duration_pb2.Duration
        tokens: int
        def __init__(self, name: _Optional[str] = ..., model: _Optional[str] = ..., duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., tokens: _Optional[int] = ...) -> None: ...
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
    ID_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    TURN_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    USER_CONTEXT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    STOP_REASON_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    SWARM_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_MODE_FIELD_NUMBER: _ClassVar[int]
    FALLBACK_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    QUALITY_SCORE_FIELD_NUMBER: _ClassVar[int]
    QUALITY_SOURCE_FIELD_NUMBER: _ClassVar[int]
    INPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    TOKENS_ESTIMATED_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    CITATIONS_FIELD_NUMBER: _ClassVar[int]
    LAST_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    id: str
    conversation_id: str
    turn: int
    message: str
    user_context: _struct_pb2.Struct
    state: Answer.State
    text: str
    failure: Answer.Failure
    stop_reason: Answer.StopReason
    mode: AnswerMode
    swarm: str
    execution_mode: str
    fallback: str
    model: str
    quality_score: float
    quality_source: Answer.QualitySource
    input_tokens: int
    output_tokens: int
    tokens_estimated: bool
    steps: _containers.RepeatedCompositeFieldContainer[Answer.Step]
    citations: _containers.RepeatedCompositeFieldContainer[Answer.Citation]
    last_sequence: int
    create_time: _timestamp_pb2.Timestamp
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., conversation_id: _Optional[str] = ..., turn: _Optional[int] = ..., message: _Optional[str] = ..., user_context: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., state: _Optional[_Union[Answer.State, str]] = ..., text: _Optional[str] = ..., failure: _Optional[_Union[Answer.Failure, _Mapping]] = ..., stop_reason: _Optional[_Union[Answer.StopReason, str]] = ..., mode: _Optional[_Union[AnswerMode, str]] = ..., swarm: _Optional[str] = ..., execution_mode: _Optional[str] = ..., fallback: _Optional[str] = ..., model: _Optional[str] = ..., quality_score: _Optional[float] = ..., quality_source: _Optional[_Union[Answer.QualitySource, str]] = ..., input_tokens: _Optional[int] = ..., output_tokens: _Optional[int] = ..., tokens_estimated: _Optional[bool] = ..., steps: _Optional[_Iterable[_Union[Answer.Step, _Mapping]]] = ..., citations: _Optional[_Iterable[_Union[Answer.Citation, _Mapping]]] = ..., last_sequence: _Optional[int] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class AnswerEvent(_message.Message):
    __slots__ = ("sequence", "started", "token", "step", "restarted", "fallback", "heartbeat", "ended")
    class Started(_message.Message):
        __slots__ = ("answer",)
        ANSWER_FIELD_NUMBER: _ClassVar[int]
        answer: Answer
        def __init__(self, answer: _Optional[_Union[Answer, _Mapping]] = ...) -> None: ...
    class Token(_message.Message):
        __slots__ = ("text",)
        TEXT_FIELD_NUMBER: _ClassVar[int]
        text: str
        def __init__(self, text: _Optional[str] = ...) -> None: ...
    class Step(_message.Message):
        __slots__ = ("name", "state", "duration", "text")
        class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
            __slots__ = ()
            STATE_UNSPECIFIED: _ClassVar[AnswerEvent.Step.State]
            STATE_STARTED: _ClassVar[AnswerEvent.Step.State]
            STATE_COMPLETED: _ClassVar[AnswerEvent.Step.State]
        STATE_UNSPECIFIED: AnswerEvent.Step.State
        STATE_STARTED: AnswerEvent.Step.State
        STATE_COMPLETED: AnswerEvent.Step.State
        NAME_FIELD_NUMBER: _ClassVar[int]
        STATE_FIELD_NUMBER: _ClassVar[int]
        DURATION_FIELD_NUMBER: _ClassVar[int]
        TEXT_FIELD_NUMBER: _ClassVar[int]
        name: str
        state: AnswerEvent.Step.State
        duration: _duration_pb2.Duration
        text: str
        def __init__(self, name: _Optional[str] = ..., state: _Optional[_Union[AnswerEvent.Step.State, str]] = ..., duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., text: _Optional[str] = ...) -> None: ...
    class Restarted(_message.Message):
        __slots__ = ("attempt",)
        ATTEMPT_FIELD_NUMBER: _ClassVar[int]
        attempt: int
        def __init__(self, attempt: _Optional[int] = ...) -> None: ...
    class Fallback(_message.Message):
        __slots__ = ("execution_mode", "reason")
        EXECUTION_MODE_FIELD_NUMBER: _ClassVar[int]
        REASON_FIELD_NUMBER: _ClassVar[int]
        execution_mode: str
        reason: str
        def __init__(self, execution_mode: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...
    class Heartbeat(_message.Message):
        __slots__ = ()
        def __init__(self) -> None: ...
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    RESTARTED_FIELD_NUMBER: _ClassVar[int]
    FALLBACK_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    ENDED_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    started: AnswerEvent.Started
    token: AnswerEvent.Token
    step: AnswerEvent.Step
    restarted: AnswerEvent.Restarted
    fallback: AnswerEvent.Fallback
    heartbeat: AnswerEvent.Heartbeat
    ended: Answer
    def __init__(self, sequence: _Optional[int] = ..., started: _Optional[_Union[AnswerEvent.Started, _Mapping]] = ..., token: _Optional[_Union[AnswerEvent.Token, _Mapping]] = ..., step: _Optional[_Union[AnswerEvent.Step, _Mapping]] = ..., restarted: _Optional[_Union[AnswerEvent.Restarted, _Mapping]] = ..., fallback: _Optional[_Union[AnswerEvent.Fallback, _Mapping]] = ..., heartbeat: _Optional[_Union[AnswerEvent.Heartbeat, _Mapping]] = ..., ended: _Optional[_Union[Answer, _Mapping]] = ...) -> None: ...

class AnswerPieces(_message.Message):
    __slots__ = ("answer_id", "pieces")
    ANSWER_ID_FIELD_NUMBER: _ClassVar[int]
    PIECES_FIELD_NUMBER: _ClassVar[int]
    answer_id: str
    pieces: _containers.RepeatedCompositeFieldContainer[AnswerEvent]
    def __init__(self, answer_id: _Optional[str] = ..., pieces: _Optional[_Iterable[_Union[AnswerEvent, _Mapping]]] = ...) -> None: ...
