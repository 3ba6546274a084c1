"""CoordinAItor: projects."""

from __future__ import annotations

from orchestrator.wire.coordinaitor.v1 import project_service_pb2 as pb
from orchestrator.wire.coordinaitor.v1.project_pb2 import Project as ProjectMessage

from server.apis.coordinaitor.envelope import answer, listed, page_of
from server.apis.coordinaitor.project_shape import PRIORITIES, moment_in, project_message
from server.core.projects.members import Member
from server.core.projects.registry import Projects
from server.core.shared.call_context import Call
from server.model import Priority, Project, ProjectStatus, Role


class ProjectServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(self, projects: Projects) -> None:
        self._projects = projects

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
            start_at=moment_in(request.start_date, "start_date"),
            end_at=moment_in(request.end_date, "end_date"),
            budget_hours=budget.hours if budget.HasField("hours") else None,
            budget_cost=budget.cost if budget.HasField("cost") else None,
            tags=list(request.tags),
            team=[_member(each) for each in request.team_members],
            agents=list(request.agents),
        )
        return answer(pb.CreateProjectResponse, call, await self._shown(project, call), "project")

    async def _shown(self, project: Project, call: Call) -> ProjectMessage:
        call.etag = project.version
        figures = await self._projects.figures([project])
        return project_message(project, figures[project.id], await self._projects.team(project))


def _member(given: pb.NewMember) -> Member:
    return Member(given.user_id, given.role or Role.DEVELOPER.value, list(given.permissions))
