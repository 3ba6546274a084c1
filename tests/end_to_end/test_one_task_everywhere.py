"""One task, alive in every API at once: made in one, read, followed and finished through the others."""

from __future__ import annotations

from typing import Any

import grpc
import httpx2 as httpx
import pytest
from orchestrator.v1 import task_service_pb2, task_service_pb2_grpc

from tests.support.stack import Stack

pytestmark = pytest.mark.xdist_group("stack")
# What each API calls where a task stands, as the native one calls it.
WORDS = {
    "orchestration": {"pending": "pending", "running": "running", "completed": "completed"},
    "operations": {"pending": "pending", "running": "running", "completed": "completed"},
    "coordinaitor": {"pending": "pending", "running": "active", "completed": "completed"},
    "industrial": {"pending": "QUEUED", "running": "IN_PROGRESS", "completed": "COMPLETED"},
}


class Everywhere:
    """A client of every API, all with one key."""

    def __init__(self, stack: Stack, key: str) -> None:
        headers = {"authorization": f"Bearer {key}"}
        self.orchestra = httpx.Client(base_url=stack.url, headers=headers, timeout=30)
        self.operations = httpx.Client(base_url=f"http://127.0.0.1:{stack.operations_port}", headers=headers, timeout=30)
        self.channel = grpc.insecure_channel(f"127.0.0.1:{stack.grpc_port}")
        self.tasks = task_service_pb2_grpc.TaskServiceStub(self.channel)
        self.metadata = (("authorization", f"Bearer {key}"),)

    def close(self) -> None:
        self.orchestra.close()
        self.operations.close()
        self.channel.close()

    def shown(self, digits: str) -> dict[str, Any]:
        """The task as each API shows it."""
        native = self.tasks.GetTask(task_service_pb2.GetTaskRequest(id=f"task_{digits}"), metadata=self.metadata)
        answers = {
            "orchestration": self.orchestra.get(f"/v1/executions/execution_{digits}"),
            "operations": self.operations.get(f"/v1/tasks/task_{digits}"),
            "coordinaitor": self.operations.get(f"/api/v1/tasks/task-{digits}"),
            "industrial": self.orchestra.get(f"/api/v1/tasks/{digits}"),
        }
        for name, answer in answers.items():
            assert answer.status_code == 200, (name, answer.text)
        found = {name: answer.json() for name, answer in answers.items()}
        return {**{name: each.get("data", each) for name, each in found.items()}, "native": native}


@pytest.fixture
def everywhere(stack: Stack, key: str):
    opened = Everywhere(stack, key)
    yield opened
    opened.close()


def test_a_task_is_the_same_one_in_every_api_until_it_ends(everywhere: Everywhere) -> None:
    operations = everywhere.operations
    agent = operations.post("/v1/agents", json={"name": "One", "type": "writer", "capabilities": ["write"]}).json()["data"]
    made = operations.post(
        "/api/v1/tasks", json={"title": "Write a page", "description": "About otters", "agentId": agent["id"], "type": "write"}
    )
    assert made.status_code == 201, made.text
    digits = made.json()["data"]["id"].removeprefix("task-")
    shown = everywhere.shown(digits)
    assert shown["industrial"]["title"] == shown["coordinaitor"]["title"] == shown["native"].title == "Write a page"
    _stands(shown, "pending")
    worker = operations.post("/v1/workers", json={"agent_id": agent["id"], "capacity": 1}).json()["data"]
    lease = operations.post(f"/v1/workers/{worker['id']}/leases", json={"max": 1}).json()["data"][0]
    assert lease["task"]["id"] == f"task_{digits}"
    _stands(everywhere.shown(digits), "running")
    path = f"/v1/workers/{worker['id']}/tasks/task_{digits}"
    operations.post(f"{path}/progress", json={"attempt": lease["attempt"], "progress": 40, "message": "half a page"})
    shown = everywhere.shown(digits)
    assert shown["coordinaitor"]["progress"] == 0.4 and shown["operations"]["progress"] == 40
    done = operations.post(f"{path}/complete", json={"attempt": lease["attempt"], "output": {"page": "Otters swim."}})
    assert done.status_code == 200, done.text
    shown = everywhere.shown(digits)
    _stands(shown, "completed")
    assert shown["orchestration"]["output"] == {"page": "Otters swim."} == shown["operations"]["result"]


@pytest.mark.parametrize("api", ["orchestration", "operations", "coordinaitor", "industrial", "native"])
def test_a_trace_context_comes_in_through_every_api(everywhere: Everywhere, api: str) -> None:
    trace = f"00-{'a' * 32}-{'b' * 16}-01"
    operations, orchestra, headers = everywhere.operations, everywhere.orchestra, {"traceparent": trace}
    agent = operations.post("/v1/agents", json={"name": "One", "type": "writer", "capabilities": ["write"]}).json()["data"]
    title = {"title": "Write", "description": "About otters"}
    if api == "orchestration":
        code = {"name": "echo", "code": "import os\ndef main(): return os.environ.get('TRACEPARENT')"}
        deployed = orchestra.post("/v1/agents", json=code).json()
        made = orchestra.post(f"/v1/agents/{deployed['id']}/execute", json={"input": {}}, headers=headers)
        assert made.json()["output"] == trace, made.text
    elif api == "operations":
        made = operations.post("/v1/tasks", json={"agent_id": agent["id"], "type": "write"}, headers=headers)
    elif api == "coordinaitor":
        made = operations.post("/api/v1/tasks", json={**title, "agentId": agent["id"], "type": "write"}, headers=headers)
    elif api == "industrial":
        session = orchestra.post("/api/v1/sessions", json={"title": "s"}).json()
        body = {**title, "session_id": session["id"]}
        made = orchestra.post("/api/v1/tasks", json=body, headers=headers)
    if api == "native":
        request = task_service_pb2.CreateTaskRequest(agent_id=agent["id"])
        task = everywhere.tasks.CreateTask(request, metadata=(*everywhere.metadata, ("traceparent", trace)))
    else:
        assert made.status_code in (200, 201), made.text
        shown = made.json()
        shown = shown.get("data", shown)
        digits = (shown.get("id") or shown["execution_id"]).replace("-", "")[-32:]
        request = task_service_pb2.GetTaskRequest(id=f"task_{digits}")
        task = everywhere.tasks.GetTask(request, metadata=everywhere.metadata)
    assert task.traceparent == trace


def _stands(shown: dict[str, Any], status: str) -> None:
    said = {name: shown[name]["status"] for name in WORDS}
    assert said == {name: words[status] for name, words in WORDS.items()}
