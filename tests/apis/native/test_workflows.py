"""Workflows through the native API, over a real channel, on both databases."""

from __future__ import annotations

import time

import grpc
import pytest
from orchestrator.v1 import (
    agent_service_pb2,
    agent_service_pb2_grpc,
    event_service_pb2,
    event_service_pb2_grpc,
    task_pb2,
    workflow_service_pb2_grpc,
)
from orchestrator.v1 import workflow_service_pb2 as pb
from orchestrator.v1.workflow_pb2 import (
    WORKFLOW_RUN_STATUS_CANCELLED,
    WORKFLOW_RUN_STATUS_COMPLETED,
    WORKFLOW_RUN_STATUS_FAILED,
    WORKFLOW_RUN_STATUS_RUNNING,
    WORKFLOW_STATUS_ACTIVE,
    WORKFLOW_STATUS_INACTIVE,
    WORKFLOW_STEP_STATUS_CANCELLED,
    WORKFLOW_STEP_STATUS_COMPLETED,
    WORKFLOW_STEP_STATUS_FAILED,
    WorkflowStep,
)

from server.worker.values import from_value, to_value
from server.app import Application
from tests.support.refusals import reason, refused
from tests.support.tenants import Tenant, make_tenant
from tests.support.waiting import eventually

DOUBLE = "def f(n): return {'n': n * 2}"
FAIL = "def f(n): raise ValueError('no ' + str(n))"
SLEEP = "def f(n):\n    import time\n    time.sleep(n)\n    return n"


class Client:
    def __init__(self, channel: grpc.aio.Channel, tenant: Tenant) -> None:
        self.agents = agent_service_pb2_grpc.AgentServiceStub(channel)
        self.events = event_service_pb2_grpc.EventServiceStub(channel)
        self.stub = workflow_service_pb2_grpc.WorkflowServiceStub(channel)
        self.metadata = tenant.metadata

    async def agent(self, type: str, code: str) -> None:
        request = agent_service_pb2.CreateAgentRequest(name=type, type=type, code=code)
        await self.agents.CreateAgent(request, metadata=self.metadata)

    async def create(self, *steps, **more):
        return await self.do("CreateWorkflow", name="w", steps=[_step(**step) for step in steps], **more)

    async def do(self, method: str, **fields):
        request = getattr(pb, f"{method}Request")(**fields)
        return await getattr(self.stub, method)(request, metadata=self.metadata)

    async def ended(self, run):
        last = None
        async for last in self.stub.WatchRun(pb.WatchRunRequest(id=run.id), metadata=self.metadata):
            pass
        return last


def _step(**given) -> WorkflowStep:
    given["input"] = to_value(given["input"]) if "input" in given else None
    return WorkflowStep(**given)


@pytest.fixture
async def channel(application: Application):
    async with grpc.aio.insecure_channel(f"127.0.0.1:{application.port}") as opened:
        yield opened


@pytest.fixture
def client(channel, tenant: Tenant) -> Client:
    return Client(channel, tenant)


@pytest.fixture
def stranger(channel, other_tenant: Tenant) -> Client:
    return Client(channel, other_tenant)


async def test_a_workflow_is_executed_to_its_end(client: Client) -> None:
    await client.agent("double", DOUBLE)
    workflow = await client.create(
        {"agent_type": "double", "name": "First", "input": {"n": "${parameters.n}"}},
        {"id": "left", "agent_type": "double", "order": 2, "input": {"n": "${steps.step_1.output.n}"}},
        {"id": "right", "agent_type": "double", "order": 2, "input": {"n": "${steps.step_1.output.n}"}},
        {
            "id": "sum",
            "agent_type": "double",
            "order": 3,
            "input": {"n": "${steps.left.output.n}"},
            "timeout_seconds": 9,
            "retry": task_pb2.RetryPolicy(max_retries=2, initial_delay=0),
        },
        description="d",
    )
    assert workflow.id.startswith("workflow_") and workflow.status == WORKFLOW_STATUS_ACTIVE
    assert [(step.id, step.order) for step in workflow.steps] == [("step_1", 1), ("left", 2), ("right", 2), ("sum", 3)]
    assert workflow.steps[3].timeout_seconds == 9 and workflow.steps[3].retry.max_retries == 2
    assert from_value(workflow.steps[1].input) == {"n": "${steps.step_1.output.n}"}
    run = await client.do("ExecuteWorkflow", id=workflow.id, parameters=to_value({"n": 3}))
    assert run.id.startswith("run_") and run.workflow_id == workflow.id and run.status == WORKFLOW_RUN_STATUS_RUNNING
    done = await client.ended(run)
    assert done.status == WORKFLOW_RUN_STATUS_COMPLETED, done
    assert from_value(done.output) == {"sum": {"n": 24}} and from_value(done.parameters) == {"n": 3}
    assert [from_value(step.output) for step in done.steps] == [{"n": 6}, {"n": 12}, {"n": 12}, {"n": 24}]
    assert all(step.status == WORKFLOW_STEP_STATUS_COMPLETED and step.task_id for step in done.steps)
    assert all(step.attempts == 1 and step.duration_ms > 0 and step.completed_at.seconds for step in done.steps)
    got = await client.do("GetRun", id=run.id)
    assert got == done
    listed = await client.do("ListRuns", workflow_id=workflow.id, status=WORKFLOW_RUN_STATUS_COMPLETED)
    assert [each.id for each in listed.runs] == [run.id]
    assert not listed.runs[0].steps and not listed.runs[0].HasField("parameters")


async def test_a_failed_run_says_why_and_goes_on_when_it_is_retried(client: Client) -> None:
    await client.agent("double", DOUBLE)
    await client.agent("fail", FAIL)
    workflow = await client.create(
        {"id": "a", "agent_type": "double", "input": {"n": 1}},
        {"id": "b", "agent_type": "fail", "input": {"n": "${steps.a.output.n}"}},
        {"id": "c", "agent_type": "double"},
    )
    run = await client.do("ExecuteWorkflow", id=workflow.id)
    failed = await client.ended(run)
    assert failed.status == WORKFLOW_RUN_STATUS_FAILED and failed.error == "step b failed: no 2"
    assert [step.status for step in failed.steps] == [
        WORKFLOW_STEP_STATUS_COMPLETED,
        WORKFLOW_STEP_STATUS_FAILED,
        WORKFLOW_STEP_STATUS_CANCELLED,
    ]
    assert failed.steps[1].error.type == "ValueError"
    retried = await client.do("RetryRun", id=run.id)
    assert retried.status == WORKFLOW_RUN_STATUS_RUNNING and retried.steps[0].task_id == failed.steps[0].task_id
    again = await client.ended(run)
    assert again.status == WORKFLOW_RUN_STATUS_FAILED and again.steps[1].task_id != failed.steps[1].task_id


async def test_a_running_run_is_cancelled(client: Client) -> None:
    await client.agent("sleep", SLEEP)
    workflow = await client.create({"agent_type": "sleep", "input": {"n": 60}})
    run = await client.do("ExecuteWorkflow", id=workflow.id)
    await eventually(lambda: _status(client, run, 3))
    began = time.monotonic()
    cancelled = await client.do("CancelRun", id=run.id)
    assert cancelled.status == WORKFLOW_RUN_STATUS_CANCELLED
    await eventually(lambda: _status(client, run, WORKFLOW_STEP_STATUS_CANCELLED))
    assert time.monotonic() - began < 8
    early = await refused(client.do("DeleteWorkflow", id=workflow.id, version=7))
    assert early.code() == grpc.StatusCode.ABORTED
    await client.do("DeleteWorkflow", id=workflow.id)


async def _status(client: Client, run, status: int) -> bool:
    return (await client.do("GetRun", id=run.id)).steps[0].status == status


async def test_workflows_are_changed_listed_and_refused(client: Client, stranger: Client) -> None:
    await client.agent("double", DOUBLE)
    made = [await client.create({"agent_type": "double", "input": {"n": "${parameters.n}"}}) for _ in range(3)]
    page = await client.do("ListWorkflows", page_size=2)
    rest = await client.do("ListWorkflows", page_size=2, page_token=page.next_page_token)
    assert [each.id for each in [*page.workflows, *rest.workflows]] == [each.id for each in made[::-1]]
    off = await client.do("UpdateWorkflow", id=made[0].id, status=WORKFLOW_STATUS_INACTIVE, version=1, name="n")
    assert (off.name, off.version, len(off.steps)) == ("n", 2, 1)
    inactive = await refused(client.do("ExecuteWorkflow", id=off.id))
    assert inactive.code() == grpc.StatusCode.FAILED_PRECONDITION and reason(inactive).reason == "WORKFLOW_INACTIVE"
    listed = await client.do("ListWorkflows", status=WORKFLOW_STATUS_INACTIVE)
    assert [each.id for each in listed.workflows] == [off.id]
    missing = await refused(client.do("ExecuteWorkflow", id=made[1].id))
    assert reason(missing).metadata["field"] == "parameters.n"
    odd = await refused(client.do("ExecuteWorkflow", id=made[1].id, parameters=to_value([1])))
    assert reason(odd).metadata["field"] == "parameters"
    unknown = await refused(client.create({"agent_type": "double", "input": "${steps.x.output}"}))
    assert unknown.code() == grpc.StatusCode.INVALID_ARGUMENT and reason(unknown).metadata["field"] == "steps[0].input"
    no_type = await refused(client.create({"id": "a"}))
    assert reason(no_type).metadata["field"] == "steps[0].agent_type"
    nothing = await refused(client.create())
    assert reason(nothing).metadata["field"] == "steps"
    for method in ("GetWorkflow", "ExecuteWorkflow", "DeleteWorkflow", "GetRun", "CancelRun", "RetryRun"):
        error = await refused(stranger.do(method, id=made[1].id))
        assert error.code() == grpc.StatusCode.NOT_FOUND, method
    with pytest.raises(grpc.aio.AioRpcError) as watched:
        await stranger.ended(made[1])
    assert watched.value.code() == grpc.StatusCode.NOT_FOUND


async def test_events_carry_workflows_and_runs(client: Client) -> None:
    await client.agent("double", DOUBLE)
    workflow = await client.create({"agent_type": "double", "input": {"n": 1}})
    run = await client.do("ExecuteWorkflow", id=workflow.id)
    await client.ended(run)
    request = event_service_pb2.ListEventsRequest(types=["workflow.*", "workflow_run.*"])
    events = (await client.events.ListEvents(request, metadata=client.metadata)).events
    assert [event.type for event in events] == [
        "workflow.created",
        "workflow_run.started",
        "workflow_run.completed",
    ]
    assert events[0].workflow == workflow
    assert events[1].workflow_run.id == run.id and events[2].workflow_run.status == WORKFLOW_RUN_STATUS_COMPLETED
    of_run = event_service_pb2.ListEventsRequest(resource_id=run.id)
    assert len((await client.events.ListEvents(of_run, metadata=client.metadata)).events) == 2


async def test_a_key_without_the_scope_may_not(channel, application: Application) -> None:
    reader = Client(channel, await make_tenant(application.database, scopes="workflows:read"))
    assert not (await reader.do("ListWorkflows")).workflows
    error = await refused(reader.create({"agent_type": "x"}))
    assert error.code() == grpc.StatusCode.PERMISSION_DENIED
