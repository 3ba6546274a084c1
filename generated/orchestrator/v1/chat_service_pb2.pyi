from buf.validate import validate_pb2 as _validate_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from orchestrator.options.v1 import options_pb2 as _options_pb2
from orchestrator.v1 import chat_pb2 as _chat_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ChatMessage(_message.Message):
    __slots__ = ("text", "conversation_id", "mode", "swarm", "model", "use_memory", "user_context", "on_conflict", "max_tokens")
    class OnConflict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        ON_CONFLICT_UNSPECIFIED: _ClassVar[ChatMessage.OnConflict]
        ON_CONFLICT_ENQUEUE: _ClassVar[ChatMessage.OnConflict]
        ON_CONFLICT_REJECT: _ClassVar[ChatMessage.OnConflict]
        ON_CONFLICT_INTERRUPT: _ClassVar[ChatMessage.OnConflict]
    ON_CONFLICT_UNSPECIFIED: ChatMessage.OnConflict
    ON_CONFLICT_ENQUEUE: ChatMessage.OnConflict
    ON_CONFLICT_REJECT: ChatMessage.OnConflict
    ON_CONFLICT_INTERRUPT: ChatMessage.OnConflict
    TEXT_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    SWARM_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    USE_MEMORY_FIELD_NUMBER: _ClassVar[int]
    USER_CONTEXT_FIELD_NUMBER: _ClassVar[int]
    ON_CONFLICT_FIELD_NUMBER: _ClassVar[int]
    MAX_TOKENS_FIELD_NUMBER: _ClassVar[int]
    text: str
    conversation_id: str
    mode: _chat_pb2.AnswerMode
    swarm: str
    model: str
    use_memory: bool
    user_context: _struct_pb2.Struct
    on_conflict: ChatMessage.OnConflict
    max_tokens: int
    def __init__(self, text: _Optional[str] = ..., conversation_id: _Optional[str] = ..., mode: _Optional[_Union[_chat_pb2.AnswerMode, str]] = ..., swarm: _Optional[str] = ..., model: _Optional[str] = ..., use_memory: _Optional[bool] = ..., user_context: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., on_conflict: _Optional[_Union[ChatMessage.OnConflict, str]] = ..., max_tokens: _Optional[int] = ...) -> None: ...

class SendMessageRequest(_message.Message):
    __slots__ = ("message", "request_id")
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    message: ChatMessage
    request_id: str
    def __init__(self, message: _Optional[_Union[ChatMessage, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class SendMessageResponse(_message.Message):
    __slots__ = ("answer",)
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    answer: _chat_pb2.Answer
    def __init__(self, answer: _Optional[_Union[_chat_pb2.Answer, _Mapping]] = ...) -> None: ...

class StreamMessageRequest(_message.Message):
    __slots__ = ("message", "request_id")
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    message: ChatMessage
    request_id: str
    def __init__(self, message: _Optional[_Union[ChatMessage, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class StreamMessageResponse(_message.Message):
    __slots__ = ("event",)
    EVENT_FIELD_NUMBER: _ClassVar[int]
    event: _chat_pb2.AnswerEvent
    def __init__(self, event: _Optional[_Union[_chat_pb2.AnswerEvent, _Mapping]] = ...) -> None: ...

class WatchAnswerRequest(_message.Message):
    __slots__ = ("answer_id", "after")
    ANSWER_ID_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    answer_id: str
    after: int
    def __init__(self, answer_id: _Optional[str] = ..., after: _Optional[int] = ...) -> None: ...

class WatchAnswerResponse(_message.Message):
    __slots__ = ("event",)
    EVENT_FIELD_NUMBER: _ClassVar[int]
    event: _chat_pb2.AnswerEvent
    def __init__(self, event: _Optional[_Union[_chat_pb2.AnswerEvent, _Mapping]] = ...) -> None: ...

class GetAnswerRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class GetAnswerResponse(_message.Message):
    __slots__ = ("answer",)
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    answer: _chat_pb2.Answer
    def __init__(self, answer: _Optional[_Union[_chat_pb2.Answer, _Mapping]] = ...) -> None: ...

class CancelAnswerRequest(_message.Message):
    __slots__ = ("id", "request_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    request_id: str
    def __init__(self, id: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class CancelAnswerResponse(_message.Message):
    __slots__ = ("answer",)
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    answer: _chat_pb2.Answer
    def __init__(self, answer: _Optional[_Union[_chat_pb2.Answer, _Mapping]] = ...) -> None: ...

class ListConversationsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListConversationsResponse(_message.Message):
    __slots__ = ("conversations", "next_page_token")
    CONVERSATIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    conversations: _containers.RepeatedCompositeFieldContainer[_chat_pb2.Conversation]
    next_page_token: str
    def __init__(self, conversations: _Optional[_Iterable[_Union[_chat_pb2.Conversation, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetConversationRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class GetConversationResponse(_message.Message):
    __slots__ = ("conversation",)
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    conversation: _chat_pb2.Conversation
    def __init__(self, conversation: _Optional[_Union[_chat_pb2.Conversation, _Mapping]] = ...) -> None: ...

class ListTurnsRequest(_message.Message):
    __slots__ = ("conversation_id", "page_size", "page_token")
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    page_size: int
    page_token: str
    def __init__(self, conversation_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListTurnsResponse(_message.Message):
    __slots__ = ("turns", "next_page_token")
    TURNS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    turns: _containers.RepeatedCompositeFieldContainer[_chat_pb2.Answer]
    next_page_token: str
    def __init__(self, turns: _Optional[_Iterable[_Union[_chat_pb2.Answer, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class DeleteConversationRequest(_message.Message):
    __slots__ = ("id", "request_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    request_id: str
    def __init__(self, id: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class DeleteConversationResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
