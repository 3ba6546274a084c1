from buf.validate import validate_pb2 as _validate_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from orchestrator.options.v1 import options_pb2 as _options_pb2
from orchestrator.wire.v1 import task_file_pb2 as _task_file_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class UploadTaskFileRequest(_message.Message):
    __slots__ = ("upload", "data")
    class Upload(_message.Message):
        __slots__ = ("task_id", "filename", "description", "attempt")
        TASK_ID_FIELD_NUMBER: _ClassVar[int]
        FILENAME_FIELD_NUMBER: _ClassVar[int]
        DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
        ATTEMPT_FIELD_NUMBER: _ClassVar[int]
        task_id: str
        filename: str
        description: str
        attempt: int
        def __init__(self, task_id: _Optional[str] = ..., filename: _Optional[str] = ..., description: _Optional[str] = ..., attempt: _Optional[int] = ...) -> None: ...
    UPLOAD_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    upload: UploadTaskFileRequest.Upload
    data: bytes
    def __init__(self, upload: _Optional[_Union[UploadTaskFileRequest.Upload, _Mapping]] = ..., data: _Optional[bytes] = ...) -> None: ...

class UploadTaskFileResponse(_message.Message):
    __slots__ = ("file",)
    FILE_FIELD_NUMBER: _ClassVar[int]
    file: _task_file_pb2.TaskFile
    def __init__(self, file: _Optional[_Union[_task_file_pb2.TaskFile, _Mapping]] = ...) -> None: ...

class GetTaskFileRequest(_message.Message):
    __slots__ = ("task_id", "id")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    id: str
    def __init__(self, task_id: _Optional[str] = ..., id: _Optional[str] = ...) -> None: ...

class GetTaskFileResponse(_message.Message):
    __slots__ = ("file",)
    FILE_FIELD_NUMBER: _ClassVar[int]
    file: _task_file_pb2.TaskFile
    def __init__(self, file: _Optional[_Union[_task_file_pb2.TaskFile, _Mapping]] = ...) -> None: ...

class ListTaskFilesRequest(_message.Message):
    __slots__ = ("task_id", "page_size", "page_token")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    page_size: int
    page_token: str
    def __init__(self, task_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListTaskFilesResponse(_message.Message):
    __slots__ = ("files", "next_page_token")
    FILES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    files: _containers.RepeatedCompositeFieldContainer[_task_file_pb2.TaskFile]
    next_page_token: str
    def __init__(self, files: _Optional[_Iterable[_Union[_task_file_pb2.TaskFile, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class DownloadTaskFileRequest(_message.Message):
    __slots__ = ("task_id", "id", "offset")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    id: str
    offset: int
    def __init__(self, task_id: _Optional[str] = ..., id: _Optional[str] = ..., offset: _Optional[int] = ...) -> None: ...

class DownloadTaskFileResponse(_message.Message):
    __slots__ = ("data",)
    DATA_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    def __init__(self, data: _Optional[bytes] = ...) -> None: ...

class DeleteTaskFileRequest(_message.Message):
    __slots__ = ("task_id", "id", "request_id")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    id: str
    request_id: str
    def __init__(self, task_id: _Optional[str] = ..., id: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class DeleteTaskFileResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
