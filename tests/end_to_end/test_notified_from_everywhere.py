"""Whichever way somebody is mentioned, or a task is assigned or ends, the same person is told, and of nothing twice.

The AI Orchestra API is not among the ways: what it makes are answers, of which their owner alone hears, and no tasks of people.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterator

import grpc
import httpx2 as httpx
import pytest
from orchestrator.v1 import agent_service_pb2, agent_service_pb2_grpc, notification_service_pb2
from orchestrator.v1 import comment_service_pb2, comment_service_pb2_grpc
from orchestrator.v1 import notification_service_pb2_grpc, task_service_pb2, task_service_pb2_grpc
from orchestrator.v1 import task_board_service_pb2, task_board_service_pb2_grpc

from server.core.identity import organizations
from server.worker import Worker
from server.worker.values import to_value
from tests.support.stack import Stack
from tests.support.waiting import until

pytestmark = pytest.mark.xdist_group("stack")
UPPER = "def f(x): return x.upper()"
PATH = "/api/v1/users/me/notifications"


class Ways:
    """One organization with two people, Ada, who makes the tasks and is told, and Bob; and all the ways in.

    A client is Ada's unless it is called Bob's.
    """

    def __init__(self, stack: Stack, ada: dict, bob: dict) -> None:
        self.stack, self.key, self.ada = stack, ada["accessToken"], ada["user"]["id"]
        self.operations, self.orchestra = self._clients(ada)
        self.bobs_operations, self.bobs_orchestra = self._clients(bob)
        self.metadata, self.bobs_metadata = (
            (("authorization", f"Bearer {each['accessToken']}"),) for each in (ada, bob)
        )

    def _clients(self, login: dict) -> list[httpx.Client]:
        headers = {"authorization": f"Bearer {login['accessToken']}"}
        ports = (self.stack.operations_port, self.stack.port)
        return [httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60) for port in ports]

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

    def task(self) -> str:
        """One of Ada's, which waits for a hand; its id as digits."""
        made = self.post(self.operations, "/api/v1/tasks", title="Build it")
        return made["id"].removeprefix("task-")

    def agent(self) -> str:
        """One that does nothing by itself; its id as digits."""
        made = self.post(self.operations, "/v1/agents", name="a", type="t")
        return made["id"].removeprefix("agent_")


@pytest.fixture(scope="module")
def people(stack: Stack) -> tuple[dict, dict]:
    """Ada and Bob, logged in."""
    with httpx.Client(base_url=f"http://127.0.0.1:{stack.operations_port}", timeout=30) as anybody:

        def register(name: str, **more: str) -> dict:
            email = more.pop("email", f"{uuid.uuid4().hex}@example.com")
            person = {"email": email, "password": "kX9-lamp-river", "name": name, **more}
            made = anybody.post("/api/v1/auth/register", json=person)
            assert made.status_code == 201, made.text
            return made.json()["data"]

        ada = register("Ada")
        owner = ada["user"]["organizationId"].removeprefix("org-")
        stack._with_database(lambda database: organizations.set_tier(database, owner, "enterprise"))
        me = {"authorization": f"Bearer {ada['accessToken']}"}
        offer = {"email": f"{uuid.uuid4().hex}@example.com", "role": "admin"}
        token = anybody.post("/api/v1/invitations", json=offer, headers=me).json()["data"]["token"]
        return ada, register("Bob", email=offer["email"], invitationToken=token)


@pytest.fixture
def ways(stack: Stack, people: tuple[dict, dict]) -> Iterator[Ways]:
    made = Ways(stack, *people)
    made.operations.put(f"{PATH}/read-all", json={})
    yield made
    for client in (made.operations, made.orchestra, made.bobs_operations, made.bobs_orchestra):
        client.close()


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
    agent = ways.post(ways.orchestra, "/api/v1/agents/register", name=f"QA {uuid.uuid4().hex[:6]}", type="QA")
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


def another_person(ways: Ways) -> tuple[str, str]:
    task = ways.task()
    for status in ("active", "completed"):
        moved = ways.bobs_operations.patch(f"/api/v1/tasks/task-{task}", json={"status": status})
        assert moved.status_code == 200, moved.text
    return "task.completed", task


def assigned_at_coordinaitor(ways: Ways) -> tuple[str, str]:
    task = ways.task()
    ways.post(ways.bobs_operations, f"/api/v1/tasks/task-{task}/assign", agentId=f"agent-{ways.agent()}")
    return "task.assigned", task


def assigned_at_industrial(ways: Ways) -> tuple[str, str]:
    agent = ways.post(ways.orchestra, "/api/v1/agents/register", name=f"QA {uuid.uuid4().hex[:6]}", type="QA")
    session = ways.post(ways.orchestra, "/api/v1/sessions", title="s")["id"]
    ways.post(ways.orchestra, f"/api/v1/sessions/{session}/start")
    task = ways.post(ways.orchestra, "/api/v1/tasks", session_id=session, title="t")["id"]
    ways.post(ways.bobs_orchestra, f"/api/v1/tasks/{task}/assign", agent_id=agent.get("id", agent.get("agent_id")))
    return "task.assigned", task.replace("-", "")


def assigned_natively(ways: Ways) -> tuple[str, str]:
    task, agent = ways.task(), ways.agent()
    with ways.channel() as channel:
        board = task_board_service_pb2_grpc.TaskBoardServiceStub(channel)
        request = task_board_service_pb2.AssignTaskRequest(id=task, agent_id=agent)
        board.AssignTask(request, metadata=ways.bobs_metadata)
    return "task.assigned", task


def mentioned_at_coordinaitor(ways: Ways) -> tuple[str, str]:
    task = ways.task()
    path = f"/api/v1/tasks/task-{task}/comments"
    ways.post(ways.bobs_operations, path, content="Look!", mentions=[ways.ada])
    return "task.mentioned", task


def mentioned_natively(ways: Ways) -> tuple[str, str]:
    task = ways.task()
    with ways.channel() as channel:
        comments = comment_service_pb2_grpc.CommentServiceStub(channel)
        said = comment_service_pb2.CreateCommentRequest(task_id=task, content="Look!", mentions=[ways.ada])
        comments.CreateComment(said, metadata=ways.bobs_metadata)
    return "task.mentioned", task


def mentioned_by_an_agent(ways: Ways) -> tuple[str, str]:
    agent = ways.agent()
    task = ways.post(ways.operations, "/api/v1/tasks", title="Build it", agentId=f"agent-{agent}")["id"]
    worker = ways.post(ways.operations, "/v1/workers", agent_id=agent, name="w")["id"]
    (lease,) = ways.post(ways.operations, f"/v1/workers/{worker}/leases", wait_seconds=5)
    said = {"content": "Which colour?", "mentions": [ways.ada], "attempt": lease["attempt"]}
    ways.post(ways.operations, f"/api/v1/tasks/{task}/comments", **said)
    return "task.mentioned", task.removeprefix("task-")


WAYS: list[Callable[[Ways], tuple[str, str]]] = [
    agent_orchestration,
    agent_operations,
    industrial,
    native,
    a_worker,
    another_person,
    assigned_at_coordinaitor,
    assigned_at_industrial,
    assigned_natively,
    mentioned_at_coordinaitor,
    mentioned_natively,
    mentioned_by_an_agent,
]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_the_same_person_is_told_whichever_way_it_came(ways: Ways, way: Callable[[Ways], tuple[str, str]]) -> None:
    before = len(ways.told)
    expected = way(ways)
    until(lambda: expected in ways.told)
    new = ways.told[: len(ways.told) - before]
    assert new.count(expected) == 1 and {task for _, task in new} == {expected[1]}
    # The same over gRPC, where they are read as well.
    with ways.channel() as channel:
        stub = notification_service_pb2_grpc.NotificationServiceStub(channel)
        request = notification_service_pb2.ListNotificationsRequest(unread=True)
        listed = stub.ListNotifications(request, metadata=ways.metadata)
        assert listed.unread_count == len(listed.notifications) == len(new)
        mine = listed.notifications[0]
        assert mine.resource_id.removeprefix("task_") == expected[1] and mine.event_number > 0
        watched = stub.WatchNotifications(
            notification_service_pb2.WatchNotificationsRequest(after=0), metadata=ways.metadata, timeout=10
        )
        assert next(each for each in watched if each.notification.id == mine.id).notification == mine
        watched.cancel()
        read = notification_service_pb2.MarkNotificationReadRequest(id=mine.id)
        assert stub.MarkNotificationRead(read, metadata=ways.metadata).notification.HasField("read_time")
        rest = notification_service_pb2.MarkAllNotificationsReadRequest()
        assert stub.MarkAllNotificationsRead(rest, metadata=ways.metadata).read_count == len(new) - 1
        assert stub.ListNotifications(request, metadata=ways.metadata).unread_count == 0
