from google.protobuf import descriptor_pb2 as _descriptor_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor
RULE_FIELD_NUMBER: _ClassVar[int]
rule: _descriptor.FieldDescriptor

class MethodRule(_message.Message):
    __slots__ = ("scope", "http_status", "idempotency", "open", "unmetered", "if_match", "asks_itself")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    HTTP_STATUS_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_FIELD_NUMBER: _ClassVar[int]
    OPEN_FIELD_NUMBER: _ClassVar[int]
    UNMETERED_FIELD_NUMBER: _ClassVar[int]
    IF_MATCH_FIELD_NUMBER: _ClassVar[int]
    ASKS_ITSELF_FIELD_NUMBER: _ClassVar[int]
    scope: str
    http_status: int
    idempotency: bool
    open: bool
    unmetered: bool
    if_match: bool
    asks_itself: bool
    def __init__(self, scope: _Optional[str] = ..., http_status: _Optional[int] = ..., idempotency: _Optional[bool] = ..., open: _Optional[bool] = ..., unmetered: _Optional[bool] = ..., if_match: _Optional[bool] = ..., asks_itself: _Optional[bool] = ...) -> None: ...
