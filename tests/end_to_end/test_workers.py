"""Workers over REST, through a real Envoy."""

from __future__ import annotations

import asyncio
import time

import grpc
import httpx2 as httpx
import pytest

from orchestrator.v1 import task_service_pb2
from orchestrator.v1.task_pb2 import TASK_STATUS_PENDING

from tests.support.stack import Stack
from tests.support.tenants import Tenant
from tests.support.workers import Client

pytestmark = pytest.mark.xdist_group("stack")


async def test_a_worker_needs_nothing_but_http(stack: Stack) -> None:
    key = stack.tenant()
    headers = {"authorization": f"Bearer {key}"}
    base = f"http://127.0.0.1:{stack.operations_port}/v1"
    async with (
        grpc.aio.insecure_channel(f"127.0.0.1:{stack.grpc_port}") as channel,
        httpx.AsyncClient(headers=headers, timeout=30) as http,
    ):

        async def post(path, status=200, **body):
            answer = await http.post(f"{base}/{path}", json=body)
            assert answer.status_code == status, answer.text
            return answer.json().get("data", answer.json())

        client = Client(channel, Tenant(None, key))
        agent = await client.agent()
        worker = await post("workers", 201, agent_id=agent.id, capacity=2, name="curl")
        assert worker["status"] == "active" and worker["lease_seconds"] == 2 and worker["leases"] == []
        mine = f"workers/{worker['id'].removeprefix('worker_')}"
        assert await post(f"{mine}/leases") == []
        # A task that comes while it waits.
        waiting = asyncio.create_task(post(f"{mine}/leases", max=5, wait_seconds=10))
        await asyncio.sleep(0.3)
        began = time.perf_counter()
        task = await client.task(agent, {"n": 1}, type="t")
        (lease,) = await waiting
        assert time.perf_counter() - began < 1
        assert lease["task_id"] == task.id and lease["attempt"] == 1 and lease["task"]["payload"] == {"n": 1}
        assert lease["task"]["priority"] == "medium" and lease["task"]["type"] == "t"
        more = [(await client.task(agent)).id for _ in range(3)]
        (second,) = await post(f"{mine}/leases")
        assert second["task_id"] == more[0]
        names = [{"task_id": each["task_id"], "attempt": each["attempt"]} for each in (lease, second)]
        stranger = {"task_id": more[2], "attempt": 1}
        beat = await post(f"{mine}/heartbeat", leases=[*names, stranger], cpu_usage=3)
        assert beat == {"kept": names, "cancel": [], "lost": [stranger]}
        one, two = (f"{mine}/tasks/{each['task_id']}" for each in (lease, second))
        assert (await post(f"{one}/progress", attempt=1, progress=40, message="so far"))["status"] == "running"
        await post(f"{one}/logs", attempt=1, message="a line", level="warning")
        assert (await client.get(task)).progress_message == "so far"
        for _ in range(2):
            assert (await post(f"{one}/complete", attempt=1, output={"ok": True}))["status"] == "completed"
        stale = await post(f"{one}/fail", 409, attempt=1, error={"type": "E", "message": "m"})
        assert stale["error"]["code"] == "STALE_LEASE" and stale["error"]["details"]["status"] == "completed"
        await client.tasks.CancelTask(task_service_pb2.CancelTaskRequest(id=more[0]), metadata=client.metadata)
        assert (await post(f"{mine}/heartbeat", leases=[names[1]]))["cancel"] == [names[1]]
        assert (await post(f"{two}/cancelled", attempt=1))["status"] == "cancelled"
        third, fourth = await post(f"{mine}/leases")
        failed = await post(f"{mine}/tasks/{third['task_id']}/fail", attempt=1, error={"type": "E", "message": "m"})
        assert failed["status"] == "failed"
        assert (await post(f"{mine}/tasks/{fourth['task_id']}/release", attempt=1))["status"] == "pending"
        (again,) = await post(f"{mine}/leases")
        assert again["attempt"] == 2
        assert (await post(f"{mine}/drain"))["status"] == "draining"
        refused = await post(f"{mine}/leases", 409)
        assert refused["error"]["code"] == "WORKER_INACTIVE"
        listed = (await http.get(f"{base}/workers?agent_id={agent.id}")).json()["data"]
        assert [each["id"] for each in listed] == [worker["id"]]
        assert (await http.get(f"{base}/{mine}")).json()["data"]["status"] == "draining"
        assert (await http.delete(f"{base}/{mine}")).json()["data"]["status"] == "gone"
        assert (await client.get(type(task)(id=fourth["task_id"]))).status == TASK_STATUS_PENDING
        assert (await http.get(f"{base}/workers/nonsense")).status_code == 404
