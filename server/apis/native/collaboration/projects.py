"""orchestrator.v1.ProjectService."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from google.protobuf.timestamp_pb2 import Timestamp
from orchestrator.wire.v1 import project_service_pb2 as pb
from orchestrator.wire.v1.project_pb2 import Project as ProjectMessage
from orchestrator.wire.v1.project_pb2 import ProjectMember as MemberMessage

from server.apis.native.collaboration.resources import STATUSES, member_message, project_message
from server.apis.native.requests import changed_fields, once, require_etag
from server.apis.native.resources import priority_word
from server.core.projects.members import Member
from server.core.projects.registry import Projects
from server.core.shared.call_context import Call
from server.core.shared.ids import parse_id
from server.errors import InvalidRequest, NotFound
from server.model import Priority, Project, ProjectStatus, Role

PAGE_SIZE, LARGEST_PAGE = 20, 100
CHANGEABLE = (
    "name",
    "description",
    "state",
    "priority",
    "start_time",
    "end_time",
    "budget_hours",
    "budget_cost",
    "tags",
)
T = TypeVar("T")


class ProjectServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(self, projects: Projects) -> None:
        self._projects = projects

    async def CreateProject(self, request: pb.CreateProjectRequest, call: Call) -> pb.CreateProjectResponse:
        once(request, call)
        given = request.project
        project = await self._projects.create(
            call,
            name=given.name,
            description=given.description,
            status=STATUSES[given.state] if given.state else ProjectStatus.ACTIVE.value,
            priority=_priority(given),
            start_at=_moment(given, "start_time"),
            end_at=_moment(given, "end_time"),
            budget_hours=given.budget_hours if given.HasField("budget_hours") else None,
            budget_cost=given.budget_cost if given.HasField("budget_cost") else None,
            tags=list(given.tags),
            team=[_member(each) for each in request.members],
            agents=list(request.agent_ids),
        )
        return pb.CreateProjectResponse(project=await self._shown(project, call))

    async def GetProject(self, request: pb.GetProjectRequest, call: Call) -> pb.GetProjectResponse:
        project = await self._projects.get(call, request.id)
        return pb.GetProjectResponse(project=await self._shown(project, call))

    async def ListProjects(self, request: pb.ListProjectsRequest, call: Call) -> pb.ListProjectsResponse:
        page = await self._projects.page(
            call,
            size=_size(request),
            token=request.page_token,
            status=STATUSES[request.state] if request.state else "",
            search=request.search,
            member_id=request.member_id,
        )
        figures = await self._projects.figures(page.rows)
        shown = [project_message(project, figures[project.id]) for project in page.rows]
        return pb.ListProjectsResponse(projects=shown, next_page_token=page.next_token)

    async def UpdateProject(self, request: pb.UpdateProjectRequest, call: Call) -> pb.UpdateProjectResponse:
        once(request, call)
        require_etag(call, request.project.etag, "project.etag")
        changes = _changes(request.project, request.update_mask.paths)
        project = await self._projects.update(call, request.project.id, **changes)
        return pb.UpdateProjectResponse(project=await self._shown(project, call))

    async def DeleteProject(self, request: pb.DeleteProjectRequest, call: Call) -> pb.DeleteProjectResponse:
        once(request, call)
        require_etag(call, request.etag)
        await self._projects.delete(call, request.id, force=request.force)
        return pb.DeleteProjectResponse()

    async def ListProjectMembers(
        self, request: pb.ListProjectMembersRequest, call: Call
    ) -> pb.ListProjectMembersResponse:
        team = await self._projects.team(await self._projects.get(call, request.project_id))
        shown, token = _page(team.people, request, lambda each: each.member.user_id)
        return pb.ListProjectMembersResponse(
            members=[member_message(each.member) for each in shown], next_page_token=token
        )

    async def AddProjectMember(self, request: pb.AddProjectMemberRequest, call: Call) -> pb.AddProjectMemberResponse:
        once(request, call)
        member = await self._projects.add_member(call, request.project_id, _member(request.member))
        return pb.AddProjectMemberResponse(member=member_message(member))

    async def UpdateProjectMember(
        self, request: pb.UpdateProjectMemberRequest, call: Call
    ) -> pb.UpdateProjectMemberResponse:
        once(request, call)
        given = request.member
        named = changed_fields(given, request.update_mask.paths, ("role", "permissions"))
        member = await self._projects.update_member(
            call,
            request.project_id,
            given.user_id,
            role=_role(given) if "role" in named else None,
            permissions=list(given.permissions) if "permissions" in named else None,
        )
        return pb.UpdateProjectMemberResponse(member=member_message(member))

    async def RemoveProjectMember(
        self, request: pb.RemoveProjectMemberRequest, call: Call
    ) -> pb.RemoveProjectMemberResponse:
        once(request, call)
        await self._projects.remove_member(call, request.project_id, request.user_id)
        return pb.RemoveProjectMemberResponse()

    async def ListProjectAgents(self, request: pb.ListProjectAgentsRequest, call: Call) -> pb.ListProjectAgentsResponse:
        team = await self._projects.team(await self._projects.get(call, request.project_id))
        shown, token = _page(team.agents, request, lambda each: each.id)
        return pb.ListProjectAgentsResponse(agent_ids=[f"agent_{each.id}" for each in shown], next_page_token=token)

    async def AddProjectAgent(self, request: pb.AddProjectAgentRequest, call: Call) -> pb.AddProjectAgentResponse:
        once(request, call)
        project = await self._projects.add_agent(call, request.project_id, request.agent_id)
        return pb.AddProjectAgentResponse(project=await self._shown(project, call))

    async def RemoveProjectAgent(
        self, request: pb.RemoveProjectAgentRequest, call: Call
    ) -> pb.RemoveProjectAgentResponse:
        once(request, call)
        project = await self._projects.remove_agent(call, request.project_id, request.agent_id)
        return pb.RemoveProjectAgentResponse(project=await self._shown(project, call))

    async def _shown(self, project: Project, call: Call) -> ProjectMessage:
        call.etag = project.version
        return project_message(project, (await self._projects.figures([project]))[project.id])


def _size(request: Any) -> int:
    return min(LARGEST_PAGE, request.page_size or PAGE_SIZE)


def _page(all: Sequence[T], request: Any, key: Callable[[T], str]) -> tuple[Sequence[T], str]:
    """A page of what is in the order of its keys, and the token of the next one. Raises InvalidRequest."""
    try:
        after = parse_id("page", request.page_token) if request.page_token else ""
    except NotFound:
        raise InvalidRequest("page_token", "is not a token of this list") from None
    left = [each for each in all if key(each) > after]
    shown = left[: _size(request)]
    return shown, key(shown[-1]) if len(left) > len(shown) else ""


def _member(given: MemberMessage) -> Member:
    return Member(given.user_id, _role(given), list(given.permissions))


def _role(given: MemberMessage) -> str:
    return given.role or Role.DEVELOPER.value


def _priority(given: ProjectMessage) -> int:
    return priority_word(given.priority) if given.priority else Priority.MEDIUM.value


def _moment(given: ProjectMessage, field: str) -> int | None:
    """A time of a project in microseconds; None where it is not set."""
    time: Timestamp = getattr(given, field)
    return time.seconds * 1_000_000 + time.nanos // 1000 if given.HasField(field) else None


def _changes(given: ProjectMessage, paths: Sequence[str]) -> dict[str, Any]:
    """What the mask names, or, where it names nothing, what is set."""
    named = set(changed_fields(given, paths, CHANGEABLE))
    if not paths:
        unset = [
            field for field in ("start_time", "end_time", "budget_hours", "budget_cost") if not given.HasField(field)
        ]
        named.difference_update(unset)
    read: dict[str, dict[str, Any]] = {
        "name": {"name": given.name},
        "description": {"description": given.description},
        "state": {"status": STATUSES[given.state] if given.state else ProjectStatus.ACTIVE.value},
        "priority": {"priority": _priority(given)},
        "start_time": {"start_at": _moment(given, "start_time")},
        "end_time": {"end_at": _moment(given, "end_time")},
        "budget_hours": {"budget_hours": given.budget_hours if given.HasField("budget_hours") else None},
        "budget_cost": {"budget_cost": given.budget_cost if given.HasField("budget_cost") else None},
        "tags": {"tags": list(given.tags)},
    }
    return {column: value for name in sorted(named) for column, value in read[name].items()}
