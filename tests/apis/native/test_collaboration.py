"""Projects, comments, files of tasks and ratings over native gRPC, with the whole server behind it."""

from __future__ import annotations

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp
from orchestrator.options.v1.options_pb2 import rule
from orchestrator.v1 import (
    agent_service_pb2,
    agent_service_pb2_grpc,
    comment_service_pb2,
    comment_service_pb2_grpc,
    event_service_pb2,
    event_service_pb2_grpc,
    project_service_pb2,
    project_service_pb2_grpc,
    rating_service_pb2,
    rating_service_pb2_grpc,
    task_file_service_pb2,
    task_file_service_pb2_grpc,
    task_service_pb2,
    task_service_pb2_grpc,
)
from orchestrator.v1.project_pb2 import Project, ProjectMember
from orchestrator.v1.rating_pb2 import Rating
from orchestrator.v1.task_pb2 import TASK_PRIORITY_HIGH, TASK_PRIORITY_MEDIUM

from server.app import Application
from server.core.identity.api_keys import create_key
from tests.support.refusals import reason, refused
from tests.support.tenants import Tenant


@pytest.fixture
async def channel(application: Application):
    async with grpc.aio.insecure_channel(f"127.0.0.1:{application.port}") as opened:
        yield opened


class Api:
    """Calls a method by its name, with what its request is made of."""

    def __init__(self, channel, tenant: Tenant) -> None:
        self._methods = {}
        self.metadata = tenant.metadata
        for messages, stubs, service in (
            (agent_service_pb2, agent_service_pb2_grpc, "AgentService"),
            (comment_service_pb2, comment_service_pb2_grpc, "CommentService"),
            (event_service_pb2, event_service_pb2_grpc, "EventService"),
            (project_service_pb2, project_service_pb2_grpc, "ProjectService"),
            (rating_service_pb2, rating_service_pb2_grpc, "RatingService"),
            (task_file_service_pb2, task_file_service_pb2_grpc, "TaskFileService"),
            (task_service_pb2, task_service_pb2_grpc, "TaskService"),
        ):
            stub = getattr(stubs, f"{service}Stub")(channel)
            for method in messages.DESCRIPTOR.services_by_name[service].methods:
                self._methods[method.name] = getattr(stub, method.name), messages, method.input_type.name

    def __getattr__(self, name: str):
        method, messages, request = self._methods[name]
        return lambda **given: method(getattr(messages, request)(**given), metadata=self.metadata)

    async def task(self) -> str:
        agent = await self.RegisterAgent(name="a", type="t")
        return (await self.CreateTask(agent_id=agent.id, type="t")).id

    def upload(self, task: str, *pieces: bytes, name: str = "notes.md", **more):
        request = task_file_service_pb2.UploadTaskFileRequest

        async def requests():
            yield request(upload=request.Upload(task_id=task, filename=name, **more))
            for piece in pieces:
                yield request(data=piece)

        return self._methods["UploadTaskFile"][0](requests(), metadata=self.metadata)


@pytest.fixture
def api(channel, tenant: Tenant) -> Api:
    return Api(channel, tenant)


async def test_a_project_is_created_changed_and_deleted(api: Api) -> None:
    given = Project(name="P", budget_hours=5, tags=["b", "a"], start_time=Timestamp(seconds=10))
    made = (await api.CreateProject(project=given, request_id="once")).project
    assert (await api.CreateProject(project=given, request_id="once")).project == made
    assert made.state == Project.STATE_ACTIVE and made.priority == TASK_PRIORITY_MEDIUM and made.tags == ["a", "b"]
    assert (made.team_size, made.task_counts.total, made.etag) == (1, 0, "1") and not made.HasField("budget_cost")
    changed = Project(id=made.id, etag="1", name="Q", state=Project.STATE_COMPLETED, priority=TASK_PRIORITY_HIGH)
    done = (await api.UpdateProject(project=changed)).project
    assert (done.name, done.state, done.priority) == ("Q", Project.STATE_COMPLETED, TASK_PRIORITY_HIGH)
    assert done.HasField("complete_time") and done.start_time == given.start_time and done.budget_hours == 5
    stale = await refused(api.UpdateProject(project=changed))
    assert (stale.code(), reason(stale).reason) == (grpc.StatusCode.ABORTED, "VERSION_MISMATCH")
    mask = FieldMask(paths=["start_time", "budget_hours", "tags"])
    cleared = (await api.UpdateProject(project=Project(id=made.id), update_mask=mask)).project
    assert not cleared.HasField("start_time") and not cleared.HasField("budget_hours") and not cleared.tags
    wrong = await refused(api.UpdateProject(project=Project(id=made.id, state=Project.STATE_ON_HOLD)))
    assert (wrong.code(), reason(wrong).reason) == (grpc.StatusCode.FAILED_PRECONDITION, "INVALID_TRANSITION")
    unknown = await refused(api.UpdateProject(project=Project(id=made.id), update_mask=FieldMask(paths=["etag"])))
    assert unknown.code() == grpc.StatusCode.INVALID_ARGUMENT and "update_mask" in unknown.details()
    turned = Project(id=made.id, start_time=Timestamp(seconds=9), end_time=Timestamp(seconds=8))
    early = await refused(api.UpdateProject(project=turned))
    assert early.code() == grpc.StatusCode.INVALID_ARGUMENT and early.details().startswith("end_time: ")
    await api.DeleteProject(id=made.id, etag=cleared.etag)
    assert (await refused(api.GetProject(id=made.id))).code() == grpc.StatusCode.NOT_FOUND


async def test_projects_and_their_people_are_listed_by_token(api: Api) -> None:
    for name in "abc":
        await api.CreateProject(project=Project(name=name))
    page = await api.ListProjects(page_size=2)
    rest = await api.ListProjects(page_size=2, page_token=page.next_page_token)
    assert [each.name for each in (*page.projects, *rest.projects)] == ["c", "b", "a"] and not rest.next_page_token
    assert [each.name for each in (await api.ListProjects(search="B")).projects] == ["b"]
    agents = [(await api.RegisterAgent(name=f"a{n}", type="t")).id for n in range(3)]
    project = page.projects[0].id
    for agent in agents:
        await api.AddProjectAgent(project_id=project, agent_id=agent)
    first = await api.ListProjectAgents(project_id=project, page_size=2)
    second = await api.ListProjectAgents(project_id=project, page_token=first.next_page_token)
    assert [*first.agent_ids, *second.agent_ids] == agents and not second.next_page_token
    assert (await api.RemoveProjectAgent(project_id=project, agent_id=agents[0])).project.agent_count == 2
    assert (await refused(api.ListProjectAgents(project_id=project, page_token="x"))).code() == grpc.StatusCode.INVALID_ARGUMENT
    (me,) = (await api.ListProjectMembers(project_id=project)).members
    assert me.role == "project-manager" and me.project_id == project
    given = ProjectMember(user_id=me.user_id, role="viewer")
    assert (await api.UpdateProjectMember(project_id=project, member=given)).member.role == "viewer"
    again = await refused(api.AddProjectMember(project_id=project, member=given))
    assert reason(again).reason == "MEMBER_EXISTS"
    await api.RemoveProjectMember(project_id=project, user_id=me.user_id)
    added = (await api.AddProjectMember(project_id=project, member=ProjectMember(user_id=me.user_id))).member
    assert added.role == "developer"


async def test_a_comment_is_said_and_its_event_carries_it(api: Api) -> None:
    task = await api.task()
    said = (await api.CreateComment(task_id=task, content="x", request_id="once")).comment
    assert (await api.CreateComment(task_id=task, content="x", request_id="once")).comment == said
    assert said.task_id == task and said.author.startswith("user_")
    assert list((await api.ListComments(task_id=task)).comments) == [said]
    stale = await refused(api.CreateComment(task_id=task, content="x", attempt=1))
    assert (stale.code(), reason(stale).reason) == (grpc.StatusCode.FAILED_PRECONDITION, "STALE_LEASE")
    nobody = await refused(api.CreateComment(task_id=task, content="x", mentions=["user_1"]))
    assert nobody.code() == grpc.StatusCode.INVALID_ARGUMENT and "user_1" in nobody.details()
    await api.DeleteComment(task_id=task, id=said.id)
    events = (await api.ListEvents(resource_id=task, types=["comment.*"])).events
    assert [each.type for each in events] == ["comment.created", "comment.deleted"]
    assert events[0].comment == said


async def test_a_file_goes_up_and_down_in_pieces(api: Api) -> None:
    task, pieces = await api.task(), [b"# Title\n", b"x" * 600_000]
    file = (await api.upload(task, *pieces, name="../../notes.md", description="d")).file
    assert (file.filename, file.content_type, file.size_bytes) == ("notes.md", "text/markdown", 600_008)
    assert file.description == "d" and file.author.startswith("user_")
    assert (await api.GetTaskFile(task_id=task, id=file.id)).file == file
    assert list((await api.ListTaskFiles(task_id=task)).files) == [file]
    got = [piece.data async for piece in api.DownloadTaskFile(task_id=task, id=file.id)]
    assert b"".join(got) == b"".join(pieces) and max(map(len, got)) <= 256 << 10
    end = [piece.data async for piece in api.DownloadTaskFile(task_id=task, id=file.id, offset=600_006)]
    assert end == [b"xx"]
    events = (await api.ListEvents(resource_id=task, types=["file.*"])).events
    assert [each.task_file for each in events] == [file]
    await api.DeleteTaskFile(task_id=task, id=file.id)
    assert (await refused(api.GetTaskFile(task_id=task, id=file.id))).code() == grpc.StatusCode.NOT_FOUND


async def test_an_upload_that_is_refused_leaves_nothing(api: Api, application: Application) -> None:
    task, blobs = await api.task(), application.settings.data_dir / "blobs"
    request = task_file_service_pb2.UploadTaskFileRequest

    async def twice():
        yield request(upload=request.Upload(task_id=task, filename="a"))
        yield request(data=b"x")
        yield request(upload=request.Upload(task_id=task, filename="b"))

    upload = api._methods["UploadTaskFile"][0]
    for attempt, code in (
        (upload(twice(), metadata=api.metadata), grpc.StatusCode.INVALID_ARGUMENT),
        (api.upload(task, b"x", attempt=3), grpc.StatusCode.FAILED_PRECONDITION),
        (api.upload("task_1", b"x"), grpc.StatusCode.NOT_FOUND),
    ):
        assert (await refused(attempt)).code() == code
    assert not [path for path in blobs.rglob("*") if path.is_file()]


async def test_a_task_that_has_ended_is_rated(api: Api) -> None:
    task = await api.task()
    early = await refused(api.RateTask(rating=Rating(task_id=task, quality=1)))
    assert (early.code(), reason(early).reason) == (grpc.StatusCode.FAILED_PRECONDITION, "TASK_NOT_ENDED")
    await api.CancelTask(id=task)
    rating = (await api.RateTask(rating=Rating(task_id=task, quality=0.5, satisfaction=4))).rating
    assert (rating.quality, rating.HasField("code_quality"), rating.satisfaction) == (0.5, False, 4)
    assert list((await api.ListRatings(task_id=task)).ratings) == [rating]
    (event,) = (await api.ListEvents(resource_id=task, types=["rating.*"])).events
    assert event.rating == rating


async def test_project_events_carry_projects_and_members(api: Api) -> None:
    project = (await api.CreateProject(project=Project(name="P"))).project
    await api.UpdateProject(project=Project(id=project.id, state=Project.STATE_COMPLETED))
    events = (await api.ListEvents(resource_id=project.id)).events
    assert [each.type for each in events] == [
        "project.created",
        "project.member_added",
        "project.updated",
        "project.completed",
    ]
    assert events[0].project.name == "P" and events[1].project_member.role == "project-manager"
    assert events[3].project.state == Project.STATE_COMPLETED


async def test_every_method_that_asks_itself_refuses_a_key_that_lacks_the_scope(api: Api, channel, application) -> None:
    organization = "one of two keys"
    boss, weak = [
        Tenant(None, (await create_key(application.database, organization=organization, name="n", scopes=scopes))[1])
        for scopes in ("*", "events:read")
    ]
    boss, weak = Api(channel, boss), Api(channel, weak)
    project, task = (await boss.CreateProject(project=Project(name="P"))).project.id, await boss.task()
    file = (await boss.upload(task, b"x")).file.id
    comment = (await boss.CreateComment(task_id=task, content="x")).comment.id
    member = ProjectMember(user_id="user_1")
    given = {
        "UpdateProject": {"project": Project(id=project, name="x")},
        "DeleteProject": {"id": project},
        "AddProjectMember": {"project_id": project, "member": member},
        "UpdateProjectMember": {"project_id": project, "member": member},
        "RemoveProjectMember": {"project_id": project, "user_id": "user_1"},
        "AddProjectAgent": {"project_id": project, "agent_id": "agent_1"},
        "RemoveProjectAgent": {"project_id": project, "agent_id": "agent_1"},
        "CreateComment": {"task_id": task, "content": "x"},
        "ListComments": {"task_id": task},
        "DeleteComment": {"task_id": task, "id": comment},
        "GetTaskFile": {"task_id": task, "id": file},
        "ListTaskFiles": {"task_id": task},
        "DownloadTaskFile": {"task_id": task, "id": file},
        "DeleteTaskFile": {"task_id": task, "id": file},
        "RateTask": {"rating": Rating(task_id=task, quality=1)},
        "ListRatings": {"task_id": task},
    }
    asking = {
        method.name
        for _, messages, _ in weak._methods.values()
        for service in messages.DESCRIPTOR.services_by_name.values()
        for method in service.methods
        if method.GetOptions().Extensions[rule].asks_itself
    }
    assert asking == {*given, "UploadTaskFile"}
    calls = {name: getattr(weak, name)(**request) for name, request in given.items() if name != "DownloadTaskFile"}
    calls["DownloadTaskFile"] = weak.DownloadTaskFile(**given["DownloadTaskFile"]).read()
    calls["UploadTaskFile"] = weak.upload(task, b"x")
    for name, call in calls.items():
        error = await refused(call)
        assert error.code() == grpc.StatusCode.PERMISSION_DENIED, (name, error.details())
    assert (await boss.GetProject(id=project)).project.etag == "1"
