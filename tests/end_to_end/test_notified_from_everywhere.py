"""Whichever way a task is assigned or ends, whoever made it is told, and of nothing twice."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing

import grpc
import httpx2 as httpx
import pytest
from orchestrator.v1 import agent_service_pb2, agent_service_pb2_grpc, notification_service_pb2
from orchestrator.v1 import notification_service_pb2_grpc, task_service_pb2, task_service_pb2_grpc

from server.worker import Worker
from server.worker.values import to_value
from tests.support.stack import Stack
from tests.support.waiting import until

pytestmark = pytest.mark.xdist_group("stack")
UPPER = "def f(x): return x.upper()"
PATH = "/api/v1/users/me/notifications"


class Ways:
    """One organization, whose user can log in, and all the ways in."""

    def __init__(self, stack: Stack, key: str) -> None:
        self.stack, self.key = stack, key
        headers = {"authorization": f"Bearer {key}"}
        self.orchestra = httpx.Client(base_url=stack.url, headers=headers, timeout=60)
        self.operations = httpx.Client(
            base_url=f"http://127.0.0.1:{stack.operations_port}", headers=headers, timeout=60
        )
        self.metadata = (("authorization", f"Bearer {key}"),)

    @property
    def told(self) -> list[tuple[str, str]]:
        found = self.operations.get(PATH, params={"limit": 100}).json()["data"]
        return [(each["type"], each["resourceId"].removeprefix("task-")) for each in found]

    def post(self, client: httpx.Client, path: str, **body) -> dict:
        answer = client.post(path, json=body)
        assert answer.is_success, answer.text
        return answer.json().get("data", answer.json())

    def channel(self) -> grpc.Channel:
        return grpc.insecure_channel(f"127.0.0.1:{self.stack.grpc_port}")


@pytest.fixture
def ways(stack: Stack) -> Iterator[Ways]:
    identifier, key = stack.new_key()
    with closing(sqlite3.connect(stack.data_dir / "orchestrator.db", timeout=20)) as store, store:
        mine = (identifier.removeprefix("key_"),)
        [(user, organization)] = store.execute("SELECT user_id, organization_id FROM api_keys WHERE id = ?", mine)
        store.execute("UPDATE users SET password = '$argon2' WHERE id = ?", (user,))
        # Whoever asks for a task has made it: until every API says so, the store does.
        store.execute(
            f"CREATE TRIGGER made_{user} AFTER INSERT ON tasks WHEN new.organization_id = '{organization}' BEGIN "
            f"UPDATE tasks SET created_by = '{user}' WHERE id = new.id; END"
        )
    yield Ways(stack, key)
    with closing(sqlite3.connect(stack.data_dir / "orchestrator.db", timeout=20)) as store, store:
        store.execute(f"DROP TRIGGER made_{user}")


def agent_orchestration(ways: Ways) -> tuple[str, str]:
    agent = ways.post(ways.orchestra, "/v1/agents", name="a", type="python", code=UPPER)["id"]
    done = ways.post(ways.orchestra, f"/v1/agents/{agent}/execute", input_data={"x": "a"})
    return "task.completed", done["id"].removeprefix("execution_")


def agent_operations(ways: Ways) -> tuple[str, str]:
    agent = ways.post(ways.operations, "/v1/agents", name="a", type="t")["id"]
    task = ways.post(ways.operations, "/v1/tasks", agent_id=agent, type="t", input={})["id"]
    worker = ways.post(ways.operations, "/v1/workers", agent_id=agent, name="w")["id"]
    assert ways.post(ways.operations, f"/v1/workers/{worker}/leases", wait_seconds=5)
    ways.post(ways.operations, f"/v1/workers/{worker}/tasks/{task}/fail", attempt=1, error={"code": "NO", "message": "no"}, retryable=False)
    return "task.failed", task.removeprefix("task_")


def industrial(ways: Ways) -> tuple[str, str]:
    agent = ways.post(ways.orchestra, "/api/v1/agents/register", name="QA", type="QA")
    session = ways.post(ways.orchestra, "/api/v1/sessions", title="s")["id"]
    ways.post(ways.orchestra, f"/api/v1/sessions/{session}/start")
    task = ways.post(ways.orchestra, "/api/v1/tasks", session_id=session, title="t")["id"]
    own = httpx.Client(base_url=ways.stack.url, headers=dict(ways.orchestra.headers), timeout=60)
    ways.post(own, f"/api/v1/tasks/{task}/assign", agent_id=agent.get("id", agent.get("agent_id")))
    assert own.patch(f"/api/v1/tasks/{task}/status", json={"status": "IN_PROGRESS"}).is_success
    ways.post(own, f"/api/v1/tasks/{task}/complete", result={})
    return "task.completed", task.replace("-", "")


def native(ways: Ways) -> tuple[str, str]:
    with ways.channel() as channel:
        agents, tasks = agent_service_pb2_grpc.AgentServiceStub(channel), task_service_pb2_grpc.TaskServiceStub(channel)
        request = agent_service_pb2.CreateAgentRequest(name="a", code=UPPER)
        agent = agents.CreateAgent(request, metadata=ways.metadata)
        asked = task_service_pb2.CreateTaskRequest(agent_id=agent.id, input=to_value({"x": "a"}))
        return "task.completed", tasks.CreateTask(asked, metadata=ways.metadata).id.removeprefix("task_")


def a_worker(ways: Ways) -> tuple[str, str]:
    agent = ways.post(ways.operations, "/v1/agents", name="a", type="t")["id"]
    task = ways.post(ways.operations, "/v1/tasks", agent_id=agent, type="t", input={})["id"]

    async def work() -> None:
        worker = Worker(f"127.0.0.1:{ways.stack.grpc_port}", key=ways.key, agent_id=agent)
        worker.task(lambda context: "done")
        working = asyncio.create_task(worker.work())
        ended = ("completed", "failed")
        shown = lambda: ways.operations.get(f"/v1/tasks/{task}").json()["data"]["status"]  # noqa: E731
        await asyncio.to_thread(until, lambda: shown() in ended)
        worker.drain()
        await asyncio.wait_for(working, 10)

    asyncio.run(work())
    return "task.completed", task.removeprefix("task_")


WAYS: list[Callable[[Ways], tuple[str, str]]] = [agent_orchestration, agent_operations, industrial, native, a_worker]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_whoever_made_a_task_is_told_that_it_has_ended(ways: Ways, way: Callable[[Ways], tuple[str, str]]) -> None:
    expected = way(ways)
    until(lambda: expected in ways.told)
    assert ways.told.count(expected) == 1 and {task for _, task in ways.told} == {expected[1]}
    # The same over gRPC, where they are read as well.
    with ways.channel() as channel:
        stub = notification_service_pb2_grpc.NotificationServiceStub(channel)
        request = notification_service_pb2.ListNotificationsRequest(unread=True)
        listed = stub.ListNotifications(request, metadata=ways.metadata)
        assert listed.unread_count == len(listed.notifications) == len(ways.told)
        mine = listed.notifications[0]
        assert mine.resource_id.removeprefix("task_") == expected[1] and mine.event_number > 0
        watched = stub.WatchNotifications(
            notification_service_pb2.WatchNotificationsRequest(after=0), metadata=ways.metadata, timeout=10
        )
        assert next(each for each in watched if each.HasField("notification")).notification == listed.notifications[-1]
        watched.cancel()
        read = notification_service_pb2.MarkNotificationReadRequest(id=mine.id)
        assert stub.MarkNotificationRead(read, metadata=ways.metadata).notification.HasField("read_time")
        rest = notification_service_pb2.MarkAllNotificationsReadRequest()
        assert stub.MarkAllNotificationsRead(rest, metadata=ways.metadata).read_count == len(ways.told) - 1
        assert stub.ListNotifications(request, metadata=ways.metadata).unread_count == 0
