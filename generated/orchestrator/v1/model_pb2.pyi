import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class UsageScope(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    USAGE_SCOPE_UNSPECIFIED: _ClassVar[UsageScope]
    USAGE_SCOPE_ORGANIZATION: _ClassVar[UsageScope]
    USAGE_SCOPE_KEY: _ClassVar[UsageScope]
    USAGE_SCOPE_AGENT: _ClassVar[UsageScope]
    USAGE_SCOPE_MODEL: _ClassVar[UsageScope]

class UsagePeriod(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    USAGE_PERIOD_UNSPECIFIED: _ClassVar[UsagePeriod]
    USAGE_PERIOD_DAY: _ClassVar[UsagePeriod]
    USAGE_PERIOD_MONTH: _ClassVar[UsagePeriod]
USAGE_SCOPE_UNSPECIFIED: UsageScope
USAGE_SCOPE_ORGANIZATION: UsageScope
USAGE_SCOPE_KEY: UsageScope
USAGE_SCOPE_AGENT: UsageScope
USAGE_SCOPE_MODEL: UsageScope
USAGE_PERIOD_UNSPECIFIED: UsagePeriod
USAGE_PERIOD_DAY: UsagePeriod
USAGE_PERIOD_MONTH: UsagePeriod

class LanguageModel(_message.Message):
    __slots__ = ("id", "provider", "is_default", "input_price", "output_price", "currency")
    ID_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    IS_DEFAULT_FIELD_NUMBER: _ClassVar[int]
    INPUT_PRICE_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_PRICE_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    id: str
    provider: str
    is_default: bool
    input_price: float
    output_price: float
    currency: str
    def __init__(self, id: _Optional[str] = ..., provider: _Optional[str] = ..., is_default: _Optional[bool] = ..., input_price: _Optional[float] = ..., output_price: _Optional[float] = ..., currency: _Optional[str] = ...) -> None: ...

class ModelUsage(_message.Message):
    __slots__ = ("scope", "subject_id", "period", "start_time", "call_count", "input_tokens", "output_tokens", "estimated_call_count", "cost", "unpriced_call_count")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    PERIOD_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    CALL_COUNT_FIELD_NUMBER: _ClassVar[int]
    INPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_CALL_COUNT_FIELD_NUMBER: _ClassVar[int]
    COST_FIELD_NUMBER: _ClassVar[int]
    UNPRICED_CALL_COUNT_FIELD_NUMBER: _ClassVar[int]
    scope: UsageScope
    subject_id: str
    period: UsagePeriod
    start_time: _timestamp_pb2.Timestamp
    call_count: int
    input_tokens: int
    output_tokens: int
    estimated_call_count: int
    cost: float
    unpriced_call_count: int
    def __init__(self, scope: _Optional[_Union[UsageScope, str]] = ..., subject_id: _Optional[str] = ..., period: _Optional[_Union[UsagePeriod, str]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., call_count: _Optional[int] = ..., input_tokens: _Optional[int] = ..., output_tokens: _Optional[int] = ..., estimated_call_count: _Optional[int] = ..., cost: _Optional[float] = ..., unpriced_call_count: _Optional[int] = ...) -> None: ...

class ModelBudget(_message.Message):
    __slots__ = ("id", "scope", "subject_id", "period", "max_tokens", "max_cost", "used_tokens", "reserved_tokens", "used_cost", "reserved_cost", "renew_time", "create_time", "update_time", "etag")
    ID_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    PERIOD_FIELD_NUMBER: _ClassVar[int]
    MAX_TOKENS_FIELD_NUMBER: _ClassVar[int]
    MAX_COST_FIELD_NUMBER: _ClassVar[int]
    USED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    RESERVED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    USED_COST_FIELD_NUMBER: _ClassVar[int]
    RESERVED_COST_FIELD_NUMBER: _ClassVar[int]
    RENEW_TIME_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    id: str
    scope: UsageScope
    subject_id: str
    period: UsagePeriod
    max_tokens: int
    max_cost: float
    used_tokens: int
    reserved_tokens: int
    used_cost: float
    reserved_cost: float
    renew_time: _timestamp_pb2.Timestamp
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    etag: str
    def __init__(self, id: _Optional[str] = ..., scope: _Optional[_Union[UsageScope, str]] = ..., subject_id: _Optional[str] = ..., period: _Optional[_Union[UsagePeriod, str]] = ..., max_tokens: _Optional[int] = ..., max_cost: _Optional[float] = ..., used_tokens: _Optional[int] = ..., reserved_tokens: _Optional[int] = ..., used_cost: _Optional[float] = ..., reserved_cost: _Optional[float] = ..., renew_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., etag: _Optional[str] = ...) -> None: ...
