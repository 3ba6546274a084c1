"""Workers as processes of their own, stopped and killed while they work."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import grpc
import pytest

from server.app import Application
from tests.support.workers import Client, Raw
from tests.support.tenants import Tenant, make_tenant
from tests.support.waiting import eventually
from orchestrator.v1 import agent_service_pb2, task_service_pb2
from orchestrator.v1.task_pb2 import TASK_STATUS_COMPLETED, TASK_STATUS_RUNNING
from server.worker.values import from_value, to_value

EXAMPLES = Path(__file__).parent.parent.parent / "examples"


def start(name: str, port: int, tenant: Tenant) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "ORCHESTRATOR_KEY": tenant.key, "ORCHESTRATOR_ADDRESS": f"127.0.0.1:{port}"}
    return subprocess.Popen([sys.executable, str(EXAMPLES / f"{name}.py")], env=environment)


def end(*processes: subprocess.Popen[bytes]) -> None:
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.kill()
        process.wait()


@pytest.fixture
async def client(application: Application):
    async with grpc.aio.insecure_channel(f"127.0.0.1:{application.port}") as channel:
        yield Client(channel, await make_tenant(application.database))


async def extractor(client: Client):
    async def found():
        request = agent_service_pb2.ListAgentsRequest(type="data_extractor")
        listed = (await client.agents.ListAgents(request, metadata=client.metadata)).agents
        return listed[0] if listed and listed[0].active_since.seconds else None

    return await eventually(found, 20)


async def runs(client: Client, task) -> None:
    async def running():
        return (await client.get(task)).status == TASK_STATUS_RUNNING

    await eventually(running)


async def test_the_examples_pass_rows_on_and_drain_when_told(client: Client, application: Application) -> None:
    extracting = start("data_extractor", application.port, client.tenant)
    processing = start("data_processor", application.port, client.tenant)
    try:
        await extractor(client)

        async def do(kind: str, value: object):
            request = task_service_pb2.CreateTaskRequest(type=kind, input=to_value(value))
            # Neither may be registered yet.
            for _ in range(200):
                try:
                    task = await client.tasks.CreateTask(request, metadata=client.metadata)
                    return from_value((await client.ended(task)).output)
                except grpc.aio.AioRpcError:
                    await asyncio.sleep(0.05)

        rows = await do("data_extractor", {"source_database": "sales"})
        assert len(rows["rows"]) == 3
        done = await do("data_processor", rows)
        assert done["total"] == 60 and done["rows"][0]["name"] == "SALES 1"
        for process in (extracting, processing):
            process.terminate()
        assert await asyncio.to_thread(extracting.wait, 10) == 0 and await asyncio.to_thread(processing.wait, 10) == 0
    finally:
        end(extracting, processing)


async def test_a_stopped_process_past_its_lease_is_refused_and_the_others_result_counts(
    client: Client, application: Application
) -> None:
    process = start("data_extractor", application.port, client.tenant)
    try:
        agent = await extractor(client)
        task = await client.task(agent, {"source_database": "slow", "seconds": 1.0})
        await runs(client, task)
        process.send_signal(signal.SIGSTOP)
        async with Raw(client, agent) as other:
            (lease,) = await other.leased(seconds=10)
            assert lease.task_id == task.id and lease.attempt == 2
            process.send_signal(signal.SIGCONT)
            # It comes back, ends what it was doing, and is not heard; then it ends what takes longer.
            following = await client.task(agent, {"source_database": "next", "seconds": 1.0})
            assert (await client.ended(following)).status == TASK_STATUS_COMPLETED
            assert (await client.get(task)).status == TASK_STATUS_RUNNING
            await other.complete(lease, "other")
            done = await client.ended(task)
        assert done.status == TASK_STATUS_COMPLETED and from_value(done.output) == "other" and done.attempt == 2
    finally:
        end(process)


async def test_a_killed_process_loses_nothing(client: Client, application: Application) -> None:
    processes = [start("data_extractor", application.port, client.tenant)]
    try:
        agent = await extractor(client)
        tasks = await asyncio.gather(*(client.task(agent, {"source_database": "d", "seconds": 0.5}) for _ in range(12)))

        # Some are done, some are being done, and some wait.
        async def some_done() -> bool:
            return any([(await client.get(task)).status == TASK_STATUS_COMPLETED for task in tasks])

        await eventually(some_done)
        processes[0].kill()
        processes.append(start("data_extractor", application.port, client.tenant))
        done = await asyncio.wait_for(asyncio.gather(*(client.ended(task) for task in tasks)), 30)
        assert {task.status for task in done} == {TASK_STATUS_COMPLETED} and {task.attempt for task in done} == {1, 2}
    finally:
        end(*processes)


async def test_a_worker_outlives_its_server(settings) -> None:
    # Its lease must not run out in between, however long the second server takes to start.
    settings = settings.model_copy(update={"lease_seconds": 30.0})
    first = Application(settings)
    port = (await first.start(["127.0.0.1:0"]))[0]
    tenant = await make_tenant(first.database)
    process = start("data_extractor", port, tenant)
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            client = Client(channel, tenant)
            agent = await extractor(client)
            task = await client.task(agent, {"source_database": "d", "seconds": 0.8})
            await runs(client, task)
            await first.stop()
        second = Application(settings)
        await second.start([f"127.0.0.1:{port}"])
        try:
            async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
                done = await asyncio.wait_for(Client(channel, tenant).ended(task), 20)
                # Its result was kept by the worker until somebody was there to take it.
                assert done.status == TASK_STATUS_COMPLETED and done.attempt == 1
        finally:
            await second.stop()
    finally:
        end(process)
