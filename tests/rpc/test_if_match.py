"""If-Match: every method of every API obeys it or refuses it, and what is a match is as in RFC 9110."""

from __future__ import annotations

import uuid
from typing import Any

import grpc
import pytest
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.message_factory import GetMessageClass
from orchestrator.coordinaitor.v1 import auth_service_pb2
from orchestrator.v1 import (
    agent_service_pb2,
    knowledge_service_pb2,
    knowledge_service_pb2_grpc,
    project_service_pb2,
    session_service_pb2,
    task_service_pb2,
    user_service_pb2,
    webhook_service_pb2,
    workflow_service_pb2,
)
from sqlalchemy import bindparam, select

from server.apis import serving
from server.app import Application
from server.core.shared.if_match import ANY, IfMatch, parse_if_match
from server.errors import InvalidRequest
from server.model import Agent, Document, Project, Session, Task, User, Webhook, Workflow, WorkflowRun
from server.rpc.method import method_of
from server.store.statement import Statement
from server.work.ingestion import IngestionRunner
from tests.support.refusals import reason, refused
from tests.support.tenants import Tenant

TABLES = {
    "session": Session, "agent": Agent, "task": Task, "workflow": Workflow, "run": WorkflowRun, "webhook": Webhook,
    "document": Document, "user": User, "project": Project,
}  # fmt: skip
# By the field of an id, of which resource it is; of several the first one is what the method changes.
IDS = {"run_id": "run", "execution_id": "task", "task_id": "task", "session_id": "session", "workflow_id": "workflow"}
IDS |= {"webhook_id": "webhook", "document_id": "document", "project_id": "project", "user_id": "user"}
# Requests that hold the resource itself.
HOLDING = ("webhook", "document", "user", "project", "task")
# What changes whoever calls has no id, and a budget is known by its subject: tests/end_to_end/test_coordinaitor_people.py
# and tests/apis/native/test_models.py try them.
OF_CALLERS = ("UpdateMe", "SetBudget", "DeleteBudget")
RESOURCES_READ = {
    "GetSession": "session", "GetTask": "task", "GetExecution": "task",
    "GetAgent": "agent", "GetWorkflow": "workflow", "GetRun": "run", "GetWebhook": "webhook",
    "GetDocument": "document", "GetUser": "user", "GetProject": "project",
}  # fmt: skip
FOR_OTHER_REASONS = (grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.UNAVAILABLE)
# What a request must say beside its ids.
FORM = HttpBody(
    content_type="multipart/form-data; boundary=x",
    data=b'--x\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\na file\r\n--x--\r\n',
)
MORE: dict[str, dict[str, Any]] = {"ReplaceDocument": {"form": FORM}, "UpdateTaskStatus": {"status": "CANCELLED"}, "FailSession": {"error": "e"}, "MoveTask": {"status": "TASK_STATUS_CANCELLED"}}


@pytest.fixture
def settings(sqlite_settings, monkeypatch):
    # Nobody reads documents here, whose versions would change by that.
    monkeypatch.setattr(IngestionRunner, "concurrency", 0)
    return sqlite_settings.model_copy(update={"no_quotas": True, "sandbox_prewarmed": 0, "webhook_allow_private": True, "shutdown_seconds": 1.0})


@pytest.fixture
async def channel(application: Application):
    async with grpc.aio.insecure_channel(f"127.0.0.1:{application.port}") as opened:
        yield opened


def every_method(application: Application):
    for api in serving(application.use_cases, application.settings):
        for service, _ in api.services:
            for descriptor in service.methods:
                yield descriptor, method_of(descriptor, api)


async def ask(channel, tenant: Tenant, method, *headers: str, **fields) -> Any:
    request = method.request(**fields)
    metadata = (*tenant.metadata, *(("if-match", each) for each in headers))
    path, encode, decode = f"/{method.name}", method.request.SerializeToString, method.answer.FromString
    if method.client_streams and not method.streams:
        return await channel.stream_unary(path, encode, decode)(iter([request]), metadata=metadata)
    if not method.streams:
        return await channel.unary_unary(path, encode, decode)(request, metadata=metadata)
    if method.client_streams:
        # Nothing is said: the answer comes first.
        return await channel.stream_stream(path, encode, decode)(metadata=metadata).read()
    return await channel.unary_stream(path, encode, decode)(request, metadata=metadata).read()


async def test_a_method_that_does_not_obey_it_refuses_it(application: Application, channel, tenant: Tenant) -> None:
    found = 0
    for _, method in every_method(application):
        if not method.if_match:
            for header in ('"1"', "*"):
                error = await refused(ask(channel, tenant, method, header))
                assert error.code() == grpc.StatusCode.INVALID_ARGUMENT, method.name
                assert error.details().startswith("If-Match: "), method.name
            found += 1
    assert found > 90


async def made(channel, tenant: Tenant, kind: str, workflow: str = "") -> str:
    """A resource in its first versions, which nobody else knows; a run of the workflow."""

    async def native(module, service: str, method: str, **fields):
        descriptor = module.DESCRIPTOR.services_by_name[service].methods_by_name[method]
        request, answer = GetMessageClass(descriptor.input_type), GetMessageClass(descriptor.output_type)
        path = f"/{descriptor.containing_service.full_name}/{method}"
        call = channel.unary_unary(path, request.SerializeToString, answer.FromString)
        return await call(request(**fields), metadata=tenant.metadata)

    if kind == "session":
        return (await native(session_service_pb2, "SessionService", "CreateSession", name="s")).id
    agent = await native(agent_service_pb2, "AgentService", "RegisterAgent", name="a", type="x")
    if kind == "agent":
        return agent.id
    if kind == "webhook":
        given = {"url": "https://example.com/", "events": ["rating.given"]}
        return (await native(webhook_service_pb2, "WebhookService", "CreateWebhook", webhook=given)).webhook.id
    if kind == "document":
        upload = knowledge_service_pb2_grpc.KnowledgeServiceStub(channel).UploadDocument
        piece = knowledge_service_pb2.UploadDocumentRequest
        pieces = [piece(upload=piece.Upload(filename="a")), piece(data=uuid.uuid4().bytes)]
        return (await upload(iter(pieces), metadata=tenant.metadata)).document.id
    if kind == "project":
        return (await native(project_service_pb2, "ProjectService", "CreateProject", project={"name": "p"})).project.id
    if kind == "user":
        offer = {"email": f"{uuid.uuid4().hex}@example.com"}
        token = (await native(user_service_pb2, "UserService", "CreateInvitation", invitation=offer)).token
        person = {**offer, "password": "kX9-lamp-river", "name": "A", "invitation_token": token}
        return (await native(auth_service_pb2, "AuthService", "Register", **person)).user.id.removeprefix("user-")
    if kind == "task":
        return (await native(task_service_pb2, "TaskService", "CreateTask", agent_id=agent.id, type="x")).id
    if kind == "workflow":
        steps = [{"id": "a", "agent_type": "x"}]
        return (await native(workflow_service_pb2, "WorkflowService", "CreateWorkflow", name="w", steps=steps)).id
    return (await native(workflow_service_pb2, "WorkflowService", "ExecuteWorkflow", id=workflow)).id


async def version_of(application: Application, kind: str, id: str) -> int:
    table = TABLES[kind].table()
    statement = Statement[Any](select(table.c.version).where(table.c.id == bindparam("id")))
    return (await application.database.one(statement, id=id.rpartition("_")[2]))[0]


def changed_by(descriptor) -> tuple[str, str]:
    """The field of the id of what a method changes, and of which resource it is."""
    fields = descriptor.input_type.fields_by_name
    for kind in HOLDING:
        if kind in fields:
            return kind, kind
    for field, kind in IDS.items():
        if field in fields and "Agent" not in descriptor.name:
            return field, kind
    if "id" in fields:
        kind = descriptor.containing_service.name.removesuffix("Service").lower().replace("knowledge", "document").replace("taskboard", "task")
        return "id", "run" if descriptor.name.endswith("Run") else kind
    return "agent_id", "agent"


async def test_a_method_that_obeys_it_changes_the_version_that_it_names_and_no_other(
    application: Application, channel, tenant: Tenant
) -> None:
    methods = [each for each in every_method(application) if each[1].if_match and each[0].name not in OF_CALLERS]
    assert len(methods) > 35
    others = {kind: await made(channel, tenant, kind) for kind in TABLES if kind != "run"}
    workflow = others["workflow"]
    seen: set[str] = set()
    for descriptor, method in methods:
        field, kind = changed_by(descriptor)
        id = await made(channel, tenant, kind, workflow)
        inputs = descriptor.input_type.fields
        names = [each.name for each in inputs if (each.name in IDS or each.name == "agent_id") and not each.message_type]
        fields = {name: others.get(IDS.get(name, "agent"), "") for name in names}
        fields.update({field: {"id": id} if field in HOLDING else id}, **MORE.get(descriptor.name, {}))
        before = await version_of(application, kind, id)
        # All ways to write it for one method of each resource, and one of each sort for the others: they are read in one place.
        other = [f'"{before + 1}"', f'W/"{before}"', '"elsewhere"', f'"{before + 1}", W/"{before}"']
        no_version = ["3", "yesterday", "", ",", '"1" "2"', '*, "1"', 'w/"1"']
        same = [[f'"{before}"'], ["*"], [f'"77",, "{before}"'], ['"77"', f'"{before}"']]
        if kind in seen:
            other, no_version, same = other[:1], no_version[:1], same[:1]
        seen.add(kind)
        for header in other:
            error = await refused(ask(channel, tenant, method, header, **fields))
            assert error.code() == grpc.StatusCode.ABORTED, (method.name, header, error.details())
            assert reason(error).reason == "VERSION_MISMATCH" and reason(error).metadata["current"] == str(before)
            assert await version_of(application, kind, id) == before, method.name
        for header in no_version:
            error = await refused(ask(channel, tenant, method, header, **fields))
            assert error.code() == grpc.StatusCode.INVALID_ARGUMENT, (method.name, header)
            assert error.details().startswith("If-Match: "), (method.name, header, error.details())
        # What goes on from here may be refused for the state that it is in, and for nothing else.
        for headers in same:
            again = await made(channel, tenant, kind, workflow)
            named = {**fields, field: {"id": again} if field in HOLDING else again}
            assert await version_of(application, kind, again) == before
            try:
                await ask(channel, tenant, method, *headers, **named)
            except grpc.aio.AioRpcError as error:
                assert error.code() in FOR_OTHER_REASONS, (method.name, headers, error.details())


async def test_whoever_may_name_a_version_is_told_it_where_the_resource_is_read(
    application: Application, channel, tenant: Tenant
) -> None:
    methods = dict(every_method(application))
    workflow = await made(channel, tenant, "workflow")
    obeying = {
        (descriptor.containing_service.file.package, changed_by(descriptor)[1])
        for descriptor, method in methods.items()
        if method.if_match and descriptor.name not in OF_CALLERS
    }
    reads = [d for d in methods if d.name in RESOURCES_READ]
    asked = set()
    for descriptor in reads:
        package, kind = descriptor.containing_service.file.package, RESOURCES_READ[descriptor.name]
        if (package, kind) not in obeying:
            continue
        id = await made(channel, tenant, kind, workflow)
        fields = {name: workflow for name in descriptor.input_type.fields_by_name if name == "workflow_id"}
        fields[next(name for name in (*IDS, "agent_id", "id") if name in descriptor.input_type.fields_by_name)] = id
        method = methods[descriptor]
        path, encode, decode = f"/{method.name}", method.request.SerializeToString, method.answer.FromString
        call = channel.unary_unary(path, encode, decode)(method.request(**fields), metadata=tenant.metadata)
        version = getattr(await call, "version", None)
        told = version or int(dict(await call.trailing_metadata())["etag"].strip('"'))
        assert told == await version_of(application, kind, id), method.name
        asked.add((package, kind))
    assert asked == obeying


async def test_a_version_in_the_request_and_one_in_the_header_must_both_be_it(channel, tenant: Tenant) -> None:
    descriptor = session_service_pb2.DESCRIPTOR.services_by_name["SessionService"].methods_by_name["UpdateSession"]
    create = descriptor.containing_service.methods_by_name["CreateSession"]
    answer = GetMessageClass(create.output_type)

    async def call(method, *headers, **fields):
        request = GetMessageClass(method.input_type)
        path = f"/orchestrator.v1.SessionService/{method.name}"
        made = channel.unary_unary(path, request.SerializeToString, answer.FromString)
        return await made(request(**fields), metadata=(*tenant.metadata, *headers))

    session = await call(create, name="s")
    for version, header in ((1, '"2"'), (2, '"1"'), (2, "*"), (0, '"2"')):
        error = await refused(call(descriptor, ("if-match", header), id=session.id, name="t", version=version))
        assert error.code() == grpc.StatusCode.ABORTED, (version, header)
    assert (await call(descriptor, ("if-match", '"1"'), id=session.id, name="t", version=1)).version == 2
    assert (await call(descriptor, ("if-match", '"1", "2"'), id=session.id, name="u", version=2)).version == 3


@pytest.mark.parametrize(
    ("text", "versions"),
    [
        ('"3"', {3}), (' "1" , "2"', {1, 2}), ('"1",', {1}), (',"1"', {1}), ('W/"3"', set()), ('W/"3", "4"', {4}),
        ('"03"', set()), ('""', set()), ('"a,b", "2"', {2}), ('"0"', set()), ('"1234567890"', set()), ('"ä"', set()),
    ],
)  # fmt: skip
def test_a_list_of_tags_matches_by_its_strong_ones(text: str, versions: set[int]) -> None:
    assert parse_if_match(text) == IfMatch(frozenset(versions))


def test_a_star_matches_whatever_is_there() -> None:
    assert parse_if_match(" * ") == ANY and ANY.holds(7)
    assert IfMatch(frozenset({1, 2})).holds(2) and not IfMatch(frozenset()).holds(1)


@pytest.mark.parametrize("text", ["", " ", ",", "3", '"3', '3"', "* , *", '"1" "2"', '"1";"2"', 'W/ "1"', 'w/"1"', '"a b"'])
def test_what_is_no_list_of_tags_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="If-Match"):
        parse_if_match(text)
