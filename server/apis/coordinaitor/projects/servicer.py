"""CoordinAItor: projects."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from orchestrator.wire.coordinaitor.v1 import project_service_pb2 as pb
from orchestrator.wire.coordinaitor.v1 import task_service_pb2 as task_pb
from orchestrator.wire.coordinaitor.v1.project_pb2 import Project as ProjectMessage

from server.apikit.moments import moment_in
from server.apis.coordinaitor.envelope import answer, listed, page_of
from server.apis.coordinaitor.projects.shape import (
    PRIORITIES,
    changed_budget,
    changed_moment,
    changed_tags,
    member_message,
    project_message,
)
from server.core.projects.members import Member
from server.core.projects.registry import Projects
from server.core.shared.call_context import Call
from server.model import Priority, Project, ProjectStatus, Role

ListTasks = Callable[[task_pb.ListTasksRequest, Call], Awaitable[task_pb.ListTasksResponse]]


class ProjectServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(self, projects: Projects, list_tasks: ListTasks) -> None:
        self._projects = projects
        self._list_tasks = list_tasks

    async def ListProjects(self, request: pb.ListProjectsRequest, call: Call) -> pb.ListProjectsResponse:
        _, limit, offset = page_of(request)
        page = await self._projects.slice(
            call,
            limit=limit,
            offset=offset,
            status=request.status,
            search=request.search,
            member_id=request.member_id,
        )
        figures = await self._projects.figures(page.rows)
        shown = [project_message(project, figures[project.id]) for project in page.rows]
        return listed(pb.ListProjectsResponse, call, request, shown, page.total, "projects")

    async def CreateProject(self, request: pb.CreateProjectRequest, call: Call) -> pb.CreateProjectResponse:
        budget = request.budget
        project = await self._projects.create(
            call,
            name=request.name,
            description=request.description,
            status=request.status or ProjectStatus.ACTIVE.value,
            priority=PRIORITIES.get(request.priority, Priority.MEDIUM.value),
            start_at=moment_in("start_date", request.start_date),
            end_at=moment_in("end_date", request.end_date),
            budget_hours=budget.hours if budget.HasField("hours") else None,
            budget_cost=budget.cost if budget.HasField("cost") else None,
            tags=list(request.tags),
            team=[_member(each) for each in request.team_members],
            agents=list(request.agents),
        )
        return answer(pb.CreateProjectResponse, call, await self._shown(project, call), "project")

    async def GetProject(self, request: pb.GetProjectRequest, call: Call) -> pb.GetProjectResponse:
        project = await self._projects.get(call, request.project_id)
        return answer(pb.GetProjectResponse, call, await self._shown(project, call), "project")

    async def UpdateProject(self, request: pb.UpdateProjectRequest, call: Call) -> pb.UpdateProjectResponse:
        hours, cost = changed_budget(request.budget)
        project = await self._projects.update(
            call,
            request.project_id,
            name=request.name if request.HasField("name") else None,
            description=request.description if request.HasField("description") else None,
            status=request.status or None,
            priority=PRIORITIES[request.priority] if request.priority else None,
            start_at=changed_moment("start_date", request.start_date),
            end_at=changed_moment("end_date", request.end_date),
            budget_hours=hours,
            budget_cost=cost,
            tags=changed_tags(request.tags),
        )
        return answer(pb.UpdateProjectResponse, call, await self._shown(project, call), "project")

    async def DeleteProject(self, request: pb.DeleteProjectRequest, call: Call) -> pb.DeleteProjectResponse:
        await self._projects.delete(call, request.project_id, force=request.force)
        return pb.DeleteProjectResponse()

    async def ListProjectTasks(self, request: task_pb.ListTasksRequest, call: Call) -> task_pb.ListTasksResponse:
        await self._projects.get(call, request.project_id)
        return await self._list_tasks(request, call)

    async def ListProjectMembers(
        self, request: pb.ListProjectMembersRequest, call: Call
    ) -> pb.ListProjectMembersResponse:
        team = await self._projects.team(await self._projects.get(call, request.project_id))
        return answer(pb.ListProjectMembersResponse, call, [member_message(each.member) for each in team.people])

    async def AddProjectMember(self, request: pb.AddProjectMemberRequest, call: Call) -> pb.AddProjectMemberResponse:
        member = await self._projects.add_member(
            call,
            request.project_id,
            Member(request.user_id, request.role or Role.DEVELOPER.value, list(request.permissions)),
        )
        return answer(pb.AddProjectMemberResponse, call, member_message(member))

    async def UpdateProjectMember(
        self, request: pb.UpdateProjectMemberRequest, call: Call
    ) -> pb.UpdateProjectMemberResponse:
        member = await self._projects.update_member(
            call,
            request.project_id,
            request.user_id,
            role=request.role or None,
            permissions=list(request.permissions),
        )
        return answer(pb.UpdateProjectMemberResponse, call, member_message(member))

    async def RemoveProjectMember(
        self, request: pb.RemoveProjectMemberRequest, call: Call
    ) -> pb.RemoveProjectMemberResponse:
        await self._projects.remove_member(call, request.project_id, request.user_id)
        return pb.RemoveProjectMemberResponse()

    async def AddProjectAgent(self, request: pb.AddProjectAgentRequest, call: Call) -> pb.AddProjectAgentResponse:
        project = await self._projects.add_agent(call, request.project_id, request.agent_id)
        return answer(pb.AddProjectAgentResponse, call, await self._shown(project, call), "project")

    async def RemoveProjectAgent(
        self, request: pb.RemoveProjectAgentRequest, call: Call
    ) -> pb.RemoveProjectAgentResponse:
        await self._projects.remove_agent(call, request.project_id, request.agent_id)
        return pb.RemoveProjectAgentResponse()

    async def _shown(self, project: Project, call: Call) -> ProjectMessage:
        call.etag = project.version
        figures = await self._projects.figures([project])
        return project_message(
            project, figures[project.id], await self._projects.team(project), addresses=call.caller.may("users:read")
        )


def _member(given: pb.NewMember) -> Member:
    return Member(given.user_id, given.role or Role.DEVELOPER.value, list(given.permissions))
