"""Whatever a caller has made, what is listed, answered and leased arrives at a client with gRPC's default bound of 4 MiB."""

from __future__ import annotations

import json

import grpc
import pytest
from google.protobuf.struct_pb2 import Value
from orchestrator.agent_operations.v1 import (
    agent_service_pb2 as ops_agents,
    agent_service_pb2_grpc as ops_agents_grpc,
    worker_service_pb2 as ops_workers,
    worker_service_pb2_grpc as ops_workers_grpc,
    workflow_service_pb2 as ops_workflows,
    workflow_service_pb2_grpc as ops_workflows_grpc,
)
from orchestrator.v1 import (
    agent_service_pb2,
    agent_service_pb2_grpc,
    task_service_pb2,
    task_service_pb2_grpc,
    workflow_service_pb2,
    workflow_service_pb2_grpc,
)
from orchestrator.v1.workflow_pb2 import WorkflowStep

from server.core.queue.completion import Result
from server.core.queue.fencing import Finish
from server.model import Attempt, TaskLog, TaskStatus
from server.store.transaction import Transaction
from server.app import Application
from server import values
from server.worker.values import from_value, to_value
from tests.support.tenants import Tenant
from tests.support.workers import Client as WorkerClient
from tests.support.workers import Raw

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
# Nearly the largest value, and nearly the largest configuration.
LARGE = to_value({"x": "y" * (values.MAX_BYTES - 100)})
# Numbers take several times more in a message than they take in JSON.
NUMBERS = to_value({"x": [0] * 90_000})


@pytest.fixture
async def channel(application: Application):
    async with grpc.aio.insecure_channel(f"127.0.0.1:{application.port}") as opened:
        yield opened


@pytest.fixture
def client(channel, tenant: Tenant) -> WorkerClient:
    return WorkerClient(channel, tenant)


async def test_a_batch_answers_without_inputs_and_says_what_is_refused(client: WorkerClient, channel) -> None:
    agent = await client.agent()
    stub = task_service_pb2_grpc.TaskServiceStub(channel)
    each = task_service_pb2.CreateTaskRequest(agent_id=agent.id, input=to_value("x" * 8_000))
    batch = task_service_pb2.BatchCreateTasksRequest(tasks=[each] * 500)
    made = (await stub.BatchCreateTasks(batch, metadata=client.metadata)).tasks
    assert len({task.id for task in made}) == 500 and not any(task.HasField("input") for task in made)
    batch = task_service_pb2.BatchCreateTasksRequest(
        tasks=[
            each,
            each,
            task_service_pb2.CreateTaskRequest(agent_id=agent.id, input=Value(number_value=float("inf"))),
        ]
    )
    with pytest.raises(grpc.aio.AioRpcError, match=r"tasks\[2\]\.input"):
        await stub.BatchCreateTasks(batch, metadata=client.metadata)
    batch = task_service_pb2.BatchCreateTasksRequest(
        tasks=[each, task_service_pb2.CreateTaskRequest(type="nobody does it")]
    )
    with pytest.raises(grpc.aio.AioRpcError, match=r"tasks\[1\]\.type"):
        await stub.BatchCreateTasks(batch, metadata=client.metadata)


async def test_pages_of_large_workflows_end_early_and_go_on(channel, tenant: Tenant) -> None:
    native = workflow_service_pb2_grpc.WorkflowServiceStub(channel)
    step = WorkflowStep(agent_type="nobody", input=LARGE)
    for n in range(5):
        await native.CreateWorkflow(
            workflow_service_pb2.CreateWorkflowRequest(name=f"w{n}", steps=[step]), metadata=tenant.metadata
        )
    small = workflow_service_pb2.CreateWorkflowRequest(name="small", steps=[WorkflowStep(agent_type="nobody")])
    await native.CreateWorkflow(small, metadata=tenant.metadata)
    names: list[str] = []
    pages, token = 0, ""
    while pages == 0 or token:
        page = await native.ListWorkflows(
            workflow_service_pb2.ListWorkflowsRequest(page_size=100, page_token=token), metadata=tenant.metadata
        )
        assert page.workflows and all(workflow.steps for workflow in page.workflows)
        names += [workflow.name for workflow in page.workflows]
        pages, token = pages + 1, page.next_page_token
    assert names == ["small", "w4", "w3", "w2", "w1", "w0"] and pages > 2
    # A page by number has its rows, and says what they lack.
    listed = await ops_workflows_grpc.WorkflowServiceStub(channel).ListWorkflows(
        ops_workflows.ListWorkflowsRequest(), metadata=tenant.metadata
    )
    assert [len(workflow.steps) for workflow in listed.data] == [1, 0, 0, 0, 0, 0]
    assert listed.pagination.omitted_fields == "steps"


async def test_pages_of_agents_with_large_configurations_end_early(channel, tenant: Tenant) -> None:
    native = agent_service_pb2_grpc.AgentServiceStub(channel)
    configuration = to_value({"x": "y" * 65_000}).struct_value
    for n in range(40):
        await native.RegisterAgent(
            agent_service_pb2.RegisterAgentRequest(name=f"a{n}", type="t", configuration=configuration),
            metadata=tenant.metadata,
        )
    page = await native.ListAgents(agent_service_pb2.ListAgentsRequest(page_size=100), metadata=tenant.metadata)
    rest = await native.ListAgents(
        agent_service_pb2.ListAgentsRequest(page_size=100, page_token=page.next_page_token), metadata=tenant.metadata
    )
    assert 20 < len(page.agents) < 40 and len(page.agents) + len(rest.agents) == 40
    assert all(agent.configuration["x"] for agent in (*page.agents, *rest.agents))
    listed = await ops_agents_grpc.AgentServiceStub(channel).ListAgents(
        ops_agents.ListAgentsRequest(limit=100), metadata=tenant.metadata
    )
    assert len(listed.data) == 40 and listed.pagination.omitted_fields == "configuration"
    assert listed.data[0].configuration["max_concurrent_tasks"] == 10
    got = await ops_agents_grpc.AgentServiceStub(channel).GetAgent(
        ops_agents.GetAgentRequest(agent_id=listed.data[0].id), metadata=tenant.metadata
    )
    assert len(got.data.configuration["x"]) == 65_000


async def test_leases_over_rest_are_bounded_in_bytes_and_the_rest_is_given_back_uncounted(
    client: WorkerClient, channel
) -> None:
    agent = await client.agent()
    made = {
        (
            await client.tasks.CreateTask(
                task_service_pb2.CreateTaskRequest(agent_id=agent.id, input=LARGE), metadata=client.metadata
            )
        ).id
        for _ in range(5)
    }
    stub = ops_workers_grpc.WorkerServiceStub(channel)
    connected = (
        await stub.ConnectWorker(
            ops_workers.ConnectWorkerRequest(agent_id=agent.id, capacity=5), metadata=client.metadata
        )
    ).data
    seen: set[str] = set()
    while len(seen) < 5:
        leases = (
            await stub.TakeLeases(ops_workers.TakeLeasesRequest(worker_id=connected.id), metadata=client.metadata)
        ).data
        assert 0 < len(leases) <= 2
        for lease in leases:
            seen.add(lease.task_id)
            done = ops_workers.CompleteTaskRequest(
                worker_id=connected.id, task_id=lease.task_id, attempt=lease.attempt, output=NUMBERS
            )
            await stub.CompleteTask(done, metadata=client.metadata)
    assert seen == made
    for id in made:
        task = await client.tasks.GetTask(task_service_pb2.GetTaskRequest(id=id), metadata=client.metadata)
        assert (task.failures, task.lost) == (0, 0) and len(from_value(task.output)["x"]) == 90_000


async def test_a_worker_gets_many_large_leases_in_several_messages(client: WorkerClient) -> None:
    agent = await client.agent()
    for _ in range(6):
        await client.tasks.CreateTask(
            task_service_pb2.CreateTaskRequest(agent_id=agent.id, input=NUMBERS), metadata=client.metadata
        )
    async with Raw(client, agent, capacity=6) as worker:
        leases = await worker.leased(6)
        assert all(lease.attempt == 1 for lease in leases)


async def test_a_run_of_many_large_steps_can_be_read(application: Application, client: WorkerClient, channel) -> None:
    agent, _ = [await client.agent(type=kind) for kind in ("one", "two")]
    native = workflow_service_pb2_grpc.WorkflowServiceStub(channel)
    steps = [WorkflowStep(id=f"s{n}", agent_type="one", order=1, input=to_value("x" * 10_000)) for n in range(99)]
    steps.append(WorkflowStep(id="last", agent_type="two", order=2, input=to_value(1)))
    workflow = await native.CreateWorkflow(
        workflow_service_pb2.CreateWorkflowRequest(name="w", steps=steps), metadata=client.metadata
    )
    run = await native.ExecuteWorkflow(
        workflow_service_pb2.ExecuteWorkflowRequest(id=workflow.id, parameters=LARGE), metadata=client.metadata
    )
    worker, _ = await application.use_cases.workers.connect(client.tenant.call(), agent_id=agent.id, capacity=99)
    tasks = await application.use_cases.worker_hub.claim_at_once(worker, 99)
    output = Result(status=TaskStatus.COMPLETED, output=values.encode("y" * 30_000))
    await application.leases.finish_all(
        [Finish(task.id, task.attempt, output) for task in tasks], worker.holder, worker.organization_id
    )
    read = await native.GetRun(workflow_service_pb2.GetRunRequest(id=run.id), metadata=client.metadata)
    shown = [step.output.string_value for step in read.steps if step.HasField("output")]
    assert 10 < len(shown) < 99 and set(shown) == {"y" * 30_000}


async def test_what_a_task_has_gone_through_fits_in_an_answer(application: Application, client: WorkerClient) -> None:
    task = await client.task(await client.agent(), {})
    digits, error = task.id.removeprefix("task_"), json.dumps({"type": "E", "message": "m", "traceback": "é" * 60_000})

    async def fill(transaction: Transaction) -> None:
        for number in range(1, 101):
            await transaction.insert(
                Attempt.new(task_id=digits, number=number, outcome="failed", error=error, started_at=1, ended_at=1)
            )
        for number in range(1, 1001):
            line = TaskLog.new(task_id=digits, number=number, level="info", message="é" * 8000, created_at=1)
            await transaction.insert(line)

    await application.database.write(fill)
    attempts = task_service_pb2.ListTaskAttemptsRequest(id=task.id)
    shown = (await client.tasks.ListTaskAttempts(attempts, metadata=client.metadata)).attempts
    assert 0 < len(shown) < 100 and shown[-1].number == 100
    logs = task_service_pb2.ListTaskLogsRequest(id=task.id, limit=1000)
    lines = (await client.tasks.ListTaskLogs(logs, metadata=client.metadata)).lines
    assert 100 < len(lines) < 1000 and lines[-1].number == 1000
