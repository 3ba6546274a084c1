from buf.validate import validate_pb2 as _validate_pb2
from google.api import annotations_pb2 as _annotations_pb2
from orchestrator.wire import struct_pb2 as _struct_pb2
from orchestrator.wire.coordinaitor.v1 import envelope_pb2 as _envelope_pb2
from orchestrator.wire.coordinaitor.v1 import project_pb2 as _project_pb2
from orchestrator.wire.coordinaitor.v1 import task_service_pb2 as _task_service_pb2
from orchestrator.options.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListProjectsRequest(_message.Message):
    __slots__ = ("page", "limit", "status", "search", "member_id")
    PAGE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    SEARCH_FIELD_NUMBER: _ClassVar[int]
    MEMBER_ID_FIELD_NUMBER: _ClassVar[int]
    page: int
    limit: int
    status: str
    search: str
    member_id: str
    def __init__(self, page: _Optional[int] = ..., limit: _Optional[int] = ..., status: _Optional[str] = ..., search: _Optional[str] = ..., member_id: _Optional[str] = ...) -> None: ...

class ListProjectsResponse(_message.Message):
    __slots__ = ("success", "data", "pagination", "links", "meta", "projects")
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    PAGINATION_FIELD_NUMBER: _ClassVar[int]
    LINKS_FIELD_NUMBER: _ClassVar[int]
    META_FIELD_NUMBER: _ClassVar[int]
    PROJECTS_FIELD_NUMBER: _ClassVar[int]
    success: bool
    data: _containers.RepeatedCompositeFieldContainer[_project_pb2.Project]
    pagination: _envelope_pb2.Pagination
    links: _envelope_pb2.Links
    meta: _envelope_pb2.Meta
    projects: bytes
    def __init__(self, success: _Optional[bool] = ..., data: _Optional[_Iterable[_Union[_project_pb2.Project, _Mapping]]] = ..., pagination: _Optional[_Union[_envelope_pb2.Pagination, _Mapping]] = ..., links: _Optional[_Union[_envelope_pb2.Links, _Mapping]] = ..., meta: _Optional[_Union[_envelope_pb2.Meta, _Mapping]] = ..., projects: _Optional[bytes] = ...) -> None: ...

class Budget(_message.Message):
    __slots__ = ("hours", "cost")
    HOURS_FIELD_NUMBER: _ClassVar[int]
    COST_FIELD_NUMBER: _ClassVar[int]
    hours: float
    cost: float
    def __init__(self, hours: _Optional[float] = ..., cost: _Optional[float] = ...) -> None: ...

class NewMember(_message.Message):
    __slots__ = ("user_id", "role", "permissions")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    PERMISSIONS_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    role: str
    permissions: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, user_id: _Optional[str] = ..., role: _Optional[str] = ..., permissions: _Optional[_Iterable[str]] = ...) -> None: ...

class CreateProjectRequest(_message.Message):
    __slots__ = ("name", "description", "status", "priority", "start_date", "end_date", "budget", "team_members", "agents", "tags")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    START_DATE_FIELD_NUMBER: _ClassVar[int]
    END_DATE_FIELD_NUMBER: _ClassVar[int]
    BUDGET_FIELD_NUMBER: _ClassVar[int]
    TEAM_MEMBERS_FIELD_NUMBER: _ClassVar[int]
    AGENTS_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    status: str
    priority: str
    start_date: bytes
    end_date: bytes
    budget: Budget
    team_members: _containers.RepeatedCompositeFieldContainer[NewMember]
    agents: _containers.RepeatedScalarFieldContainer[str]
    tags: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., status: _Optional[str] = ..., priority: _Optional[str] = ..., start_date: _Optional[bytes] = ..., end_date: _Optional[bytes] = ..., budget: _Optional[_Union[Budget, _Mapping]] = ..., team_members: _Optional[_Iterable[_Union[NewMember, _Mapping]]] = ..., agents: _Optional[_Iterable[str]] = ..., tags: _Optional[_Iterable[str]] = ...) -> None: ...

class CreateProjectResponse(_message.Message):
    __slots__ = ("success", "data", "meta", "project")
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    META_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    success: bool
    data: _project_pb2.Project
    meta: _envelope_pb2.Meta
    project: _project_pb2.Project
    def __init__(self, success: _Optional[bool] = ..., data: _Optional[_Union[_project_pb2.Project, _Mapping]] = ..., meta: _Optional[_Union[_envelope_pb2.Meta, _Mapping]] = ..., project: _Optional[_Union[_project_pb2.Project, _Mapping]] = ...) -> None: ...

class GetProjectRequest(_message.Message):
    __slots__ = ("project_id",)
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    def __init__(self, project_id: _Optional[str] = ...) -> None: ...

class GetProjectResponse(_message.Message):
    __slots__ = ("success", "data", "meta", "project")
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    META_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    success: bool
    data: _project_pb2.Project
    meta: _envelope_pb2.Meta
    project: _project_pb2.Project
    def __init__(self, success: _Optional[bool] = ..., data: _Optional[_Union[_project_pb2.Project, _Mapping]] = ..., meta: _Optional[_Union[_envelope_pb2.Meta, _Mapping]] = ..., project: _Optional[_Union[_project_pb2.Project, _Mapping]] = ...) -> None: ...

class UpdateProjectRequest(_message.Message):
    __slots__ = ("project_id", "name", "description", "status", "priority", "start_date", "end_date", "budget", "tags")
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    START_DATE_FIELD_NUMBER: _ClassVar[int]
    END_DATE_FIELD_NUMBER: _ClassVar[int]
    BUDGET_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    name: str
    description: str
    status: str
    priority: str
    start_date: bytes
    end_date: bytes
    budget: bytes
    tags: bytes
    def __init__(self, project_id: _Optional[str] = ..., name: _Optional[str] = ..., description: _Optional[str] = ..., status: _Optional[str] = ..., priority: _Optional[str] = ..., start_date: _Optional[bytes] = ..., end_date: _Optional[bytes] = ..., budget: _Optional[bytes] = ..., tags: _Optional[bytes] = ...) -> None: ...

class UpdateProjectResponse(_message.Message):
    __slots__ = ("success", "data", "meta", "project")
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    META_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    success: bool
    data: _project_pb2.Project
    meta: _envelope_pb2.Meta
    project: _project_pb2.Project
    def __init__(self, success: _Optional[bool] = ..., data: _Optional[_Union[_project_pb2.Project, _Mapping]] = ..., meta: _Optional[_Union[_envelope_pb2.Meta, _Mapping]] = ..., project: _Optional[_Union[_project_pb2.Project, _Mapping]] = ...) -> None: ...

class DeleteProjectRequest(_message.Message):
    __slots__ = ("project_id", "force")
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    force: bool
    def __init__(self, project_id: _Optional[str] = ..., force: _Optional[bool] = ...) -> None: ...

class DeleteProjectResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListProjectMembersRequest(_message.Message):
    __slots__ = ("project_id",)
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    def __init__(self, project_id: _Optional[str] = ...) -> None: ...

class ListProjectMembersResponse(_message.Message):
    __slots__ = ("success", "data", "meta")
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    META_FIELD_NUMBER: _ClassVar[int]
    success: bool
    data: _containers.RepeatedCompositeFieldContainer[_project_pb2.ProjectMember]
    meta: _envelope_pb2.Meta
    def __init__(self, success: _Optional[bool] = ..., data: _Optional[_Iterable[_Union[_project_pb2.ProjectMember, _Mapping]]] = ..., meta: _Optional[_Union[_envelope_pb2.Meta, _Mapping]] = ...) -> None: ...

class AddProjectMemberRequest(_message.Message):
    __slots__ = ("project_id", "user_id", "role", "permissions")
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    PERMISSIONS_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    user_id: str
    role: str
    permissions: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, project_id: _Optional[str] = ..., user_id: _Optional[str] = ..., role: _Optional[str] = ..., permissions: _Optional[_Iterable[str]] = ...) -> None: ...

class AddProjectMemberResponse(_message.Message):
    __slots__ = ("success", "data", "meta")
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    META_FIELD_NUMBER: _ClassVar[int]
    success: bool
    data: _project_pb2.ProjectMember
    meta: _envelope_pb2.Meta
    def __init__(self, success: _Optional[bool] = ..., data: _Optional[_Union[_project_pb2.ProjectMember, _Mapping]] = ..., meta: _Optional[_Union[_envelope_pb2.Meta, _Mapping]] = ...) -> None: ...

class UpdateProjectMemberRequest(_message.Message):
    __slots__ = ("project_id", "user_id", "role", "permissions")
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    PERMISSIONS_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    user_id: str
    role: str
    permissions: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, project_id: _Optional[str] = ..., user_id: _Optional[str] = ..., role: _Optional[str] = ..., permissions: _Optional[_Iterable[str]] = ...) -> None: ...

class UpdateProjectMemberResponse(_message.Message):
    __slots__ = ("success", "data", "meta")
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    META_FIELD_NUMBER: _ClassVar[int]
    success: bool
    data: _project_pb2.ProjectMember
    meta: _envelope_pb2.Meta
    def __init__(self, success: _Optional[bool] = ..., data: _Optional[_Union[_project_pb2.ProjectMember, _Mapping]] = ..., meta: _Optional[_Union[_envelope_pb2.Meta, _Mapping]] = ...) -> None: ...

class RemoveProjectMemberRequest(_message.Message):
    __slots__ = ("project_id", "user_id")
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    user_id: str
    def __init__(self, project_id: _Optional[str] = ..., user_id: _Optional[str] = ...) -> None: ...

class RemoveProjectMemberResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class AddProjectAgentRequest(_message.Message):
    __slots__ = ("project_id", "agent_id")
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    agent_id: str
    def __init__(self, project_id: _Optional[str] = ..., agent_id: _Optional[str] = ...) -> None: ...

class AddProjectAgentResponse(_message.Message):
    __slots__ = ("success", "data", "meta", "project")
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    META_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    success: bool
    data: _project_pb2.Project
    meta: _envelope_pb2.Meta
    project: _project_pb2.Project
    def __init__(self, success: _Optional[bool] = ..., data: _Optional[_Union[_project_pb2.Project, _Mapping]] = ..., meta: _Optional[_Union[_envelope_pb2.Meta, _Mapping]] = ..., project: _Optional[_Union[_project_pb2.Project, _Mapping]] = ...) -> None: ...

class RemoveProjectAgentRequest(_message.Message):
    __slots__ = ("project_id", "agent_id")
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    agent_id: str
    def __init__(self, project_id: _Optional[str] = ..., agent_id: _Optional[str] = ...) -> None: ...

class RemoveProjectAgentResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
