"""The CoordinAItor API as its users see it: through a real Envoy."""

from __future__ import annotations

import httpx2 as httpx
import pytest

from tests.support.stack import Stack

pytestmark = pytest.mark.xdist_group("stack")


@pytest.fixture
def people(stack: Stack, key: str):
    """A client of the port and paths of this API."""
    base = f"http://127.0.0.1:{stack.operations_port}"
    with httpx.Client(base_url=base, headers={"authorization": f"Bearer {key}"}, timeout=30) as opened:
        yield opened


def test_a_task_of_another_api_is_seen_in_this_ones_words(stack: Stack, people: httpx.Client) -> None:
    agent = people.post("/v1/agents", json={"name": "Ada", "type": "analysis", "capabilities": ["sums"]}).json()
    wanted = {"agent_id": agent["data"]["id"], "type": "analysis", "priority": "critical", "input": {}}
    made = people.post("/v1/tasks", json=wanted).json()["data"]
    found = people.get(f"/api/v1/tasks/{made['id']}", headers={"x-request-id": "mine"})
    task = found.json()["data"]
    assert found.status_code == 200 and found.headers["etag"] and "task" not in found.json()
    assert task["id"].startswith("task-") and task["status"] == "pending" and task["priority"] == "high"
    assert task["dueDate"] is None and task["agentId"].startswith("agent-") and task["tags"] == []
    meta = found.json()["meta"]
    assert found.json()["success"] is True and meta["requestId"] == "mine" and meta["version"] == "1.0.0"
    older = people.get(f"/api/tasks/{task['id']}").json()
    assert older["task"] == older["data"] == task


def test_what_is_refused_has_the_documented_shape(people: httpx.Client) -> None:
    missing = people.get("/api/v1/tasks/task-0123")
    assert missing.status_code == 404
    assert missing.json()["success"] is False and missing.json()["error"]["code"] == "NOT_FOUND"
    assert missing.json()["meta"]["requestId"]
    unknown = people.get("/api/v1/tasks/task-0123?colour=red")
    assert unknown.status_code == 400 and unknown.json()["error"]["code"] == "VALIDATION_ERROR"
    nobody = httpx.get(f"{people.base_url}/api/v1/tasks/task-0123")
    assert nobody.status_code == 401 and nobody.json()["error"]["code"] == "AUTHENTICATION_ERROR"
    nowhere = people.get("/api/v1/nothing")
    assert nowhere.status_code == 404 and nowhere.json()["error"]["code"] == "NOT_FOUND"
