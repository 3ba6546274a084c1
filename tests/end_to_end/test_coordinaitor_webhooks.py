"""Webhooks of the CoordinAItor API, through a real Envoy, with a real receiver."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator

import httpx2 as httpx
import pytest

from tests.end_to_end.test_webhooks import Hook
from tests.support.stack import Stack
from tests.support.waiting import until

pytestmark = pytest.mark.xdist_group("stack")
# As the document says it, but for the address.
DOCUMENTED = {
    "events": ["task.created", "task.completed", "task.failed", "agent.status_changed"],
    "secret": "your-webhook-secret",
    "active": True,
    "headers": {"User-Agent": "Orchestrator-Webhook/1.0"},
}


@pytest.fixture
def people(stack: Stack, key: str) -> Iterator[httpx.Client]:
    base = f"http://127.0.0.1:{stack.operations_port}"
    with httpx.Client(base_url=base, headers={"authorization": f"Bearer {key}"}, timeout=30) as opened:
        yield opened


@pytest.fixture
def hook() -> Iterator[Hook]:
    running = Hook()
    yield running
    running.close()


def test_the_documented_webhook_is_told_with_names_headers_and_signature(people: httpx.Client, hook: Hook) -> None:
    made = people.post("/api/v1/webhooks", json={"url": hook.url, **DOCUMENTED})
    webhook = made.json()["data"]
    assert made.status_code == 201 and webhook["active"] is True and webhook["secret"] == "your-webhook-secret"
    agent = people.post("/v1/agents", json={"name": "Senior Developer Bot", "type": "t", "capabilities": []}).json()
    wanted = {"agent_id": agent["data"]["id"], "type": "t", "input": {}}
    task = people.post("/v1/tasks", json=wanted).json()["data"]["id"].removeprefix("task_")
    until(lambda: "task.created" in hook.events)
    headers, body = hook.received[hook.events.index("task.created")]
    told = json.loads(body)
    assert list(told) == ["event", "timestamp", "data", "organization"] and told["event"] == "task.created"
    assert told["data"]["id"] == f"task-{task}" and told["data"]["status"] == "pending"
    assert told["data"]["agent"]["name"] == "Senior Developer Bot" and told["data"]["agent"]["id"].startswith("agent-")
    assert told["data"]["project"] is None and told["data"]["completedAt"] is None
    assert told["organization"]["id"].startswith("org-") and told["organization"]["name"]
    assert headers["user-agent"] == "Orchestrator-Webhook/1.0"
    expected = hmac.new(b"your-webhook-secret", body, hashlib.sha256).hexdigest()
    assert headers["x-orchestrator-signature"] == f"sha256={expected}"
    # The receiver has it before the server has noted so.
    path = f"/api/v1/webhooks/{webhook['id']}/deliveries?status=delivered"
    until(lambda: people.get(path).json()["pagination"]["total"] >= 1)
    assert people.get(path).json()["data"][0]["status"] == "delivered"
    people.delete(f"/api/v1/webhooks/{webhook['id']}")


def test_a_webhook_is_read_changed_switched_tested_and_deleted(people: httpx.Client, hook: Hook) -> None:
    webhook = people.post("/api/webhooks", json={"url": hook.url, "events": ["project.*", "user.registered"]}).json()
    assert webhook["webhook"] == webhook["data"]
    path = f"/api/v1/webhooks/{webhook['data']['id']}"
    assert people.get(path).json()["data"]["events"] == ["project.*", "user.registered"]
    assert "secret" not in people.get(path).json()["data"]
    listed = people.get("/api/v1/webhooks?limit=1").json()
    assert listed["pagination"]["total"] >= 1 and listed["data"][0]["id"] == webhook["data"]["id"]
    assert listed["links"]["prev"] is None
    changed = people.patch(path, json={"events": ["task.completed"], "description": "mine"}).json()["data"]
    assert changed["events"] == ["task.completed"] and changed["url"] == hook.url
    assert people.put(path, json={"active": False}).json()["data"]["disabledReason"] == "requested"
    again = people.post(f"{path}/recover", json={"since": "2024-01-01T00:00:00Z"})
    assert again.status_code == 409 and again.json()["error"]["code"] == "CONFLICT_ERROR"
    assert people.post(f"{path}/enable", json={}).json()["data"]["active"] is True
    tested = people.post(f"{path}/test", json={})
    assert tested.status_code == 202
    until(lambda: hook.events == ["webhook.test"])
    delivery = f"{path}/deliveries/{tested.json()['data']['id']}"
    until(lambda: people.get(delivery).json()["data"]["status"] == "delivered")
    assert json.loads(people.get(delivery).json()["data"]["body"])["event"] == "webhook.test"
    assert people.post(f"{delivery}/redeliver", json={}).status_code == 202
    until(lambda: len(hook.events) == 2)
    rotated = people.post(f"{path}/rotate-secret", json={"secret": "another-secret"}).json()["data"]
    assert rotated["secret"] == "another-secret" and rotated["previousSecretUntil"]
    assert people.post(f"{path}/rewind", json={"event": 1}).status_code == 202
    assert people.post(f"{path}/recover", json={"since": "2024-01-01T00:00:00Z"}).status_code == 202
    assert people.delete(path).json()["data"] == {"id": webhook["data"]["id"], "deleted": True}
    assert people.get(path).status_code == 404


def test_an_event_that_there_is_not_is_refused_with_those_that_there_are(people: httpx.Client) -> None:
    refused = people.post("/api/v1/webhooks", json={"url": "http://localhost:9/", "events": ["task.exploded"]})
    assert refused.status_code == 422 and refused.json()["error"]["code"] == "VALIDATION_ERROR"
    said = " ".join(refused.json()["error"]["details"]["events"])
    documented = (
        "task.created task.updated task.completed task.failed task.assigned agent.created agent.status_changed "
        "project.created project.completed user.registered"
    ).split()
    assert "task.exploded" in said and all(name in said for name in documented)
