"""A dashboard over the Industrial API, page by page through a real Envoy: whatever a page prints is there to be printed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx2 as httpx
import pytest
from websockets.sync.client import connect

from tests.support.stack import Stack

pytestmark = pytest.mark.xdist_group("stack")

LIST = {"items", "total", "page", "page_size", "has_more"}
METRICS = {"total_tasks", "completed_tasks", "failed_tasks", "execution_time_ms", "tokens_used"}
CHECKPOINT = {"id", "sequence", "created_at", "trigger"}
SESSION = {
    "id", "title", "status", "type", "priority", "initial_prompt", "parent_session_id", "max_duration_seconds", "result",
    "error", "retry_count", "checkpoint_count", "metrics", "created_at", "updated_at", "started_at", "completed_at",
    "checkpoints", "truncated_fields",
}  # fmt: skip
TASK = {
    "id", "session_id", "parent_task_id", "title", "description", "status", "complexity", "priority",
    "required_capabilities", "assigned_agent_id", "estimated_minutes", "progress", "subtask_count", "completed_subtasks",
    "failed_subtasks", "dependencies", "result", "error", "attempt", "tokens_used", "created_at", "updated_at",
    "started_at", "completed_at", "cancel_requested", "truncated_fields",
}  # fmt: skip
AGENT = {
    "id", "name", "type", "status", "capabilities", "tier", "current_load", "max_concurrent_tasks", "current_tasks",
    "tasks_completed", "tasks_failed", "success_rate", "registered_at", "last_heartbeat", "truncated_fields",
}  # fmt: skip


@pytest.fixture
def api(stack: Stack, key: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{stack.url}/api/v1", headers={"x-api-key": key}, timeout=30) as client:
        yield client


def read(client: httpx.Client, method: str, path: str, fields: set[str], body: Any = None, **query: Any) -> Any:
    """An answer that has exactly these fields."""
    answer = client.request(method, path, params=query, json=body)
    assert answer.status_code in (200, 201), answer.text
    found = answer.json()
    assert found.keys() == fields, (path, found.keys() ^ fields)
    return found


def test_every_page_finds_what_it_prints(stack: Stack, key: str, api: httpx.Client) -> None:
    assert read(api, "GET", "/sessions", LIST) == {"items": [], "total": 0, "page": 1, "page_size": 20, "has_more": False}
    statistics = read(api, "GET", "/sessions/statistics", {"total", "by_status", "avg_completion_time_ms", "success_rate"})
    assert statistics["success_rate"] is None and statistics["avg_completion_time_ms"] is None
    figures = {"total_agents", "active_agents", "avg_success_rate", "total_tasks_completed", "by_tier"}
    assert read(api, "GET", "/agents/performance", figures)["avg_success_rate"] is None

    # The agents page, of one that has done nothing and one that has never been heard of.
    new = {"name": "AGENT-BACKEND-001", "type": "BACKEND", "capabilities": ["CODE_GENERATION"], "max_concurrent_tasks": 5}
    agent = read(api, "POST", "/agents/register", AGENT, new)
    assert agent["success_rate"] is None and agent["current_load"] == 0 and agent["last_heartbeat"].endswith("Z")
    operations = f"http://127.0.0.1:{stack.operations_port}/v1"
    silent = {"name": "silent", "type": "x"}
    assert httpx.post(f"{operations}/agents", json=silent, headers={"x-api-key": key}).status_code == 201
    agents = read(api, "GET", "/agents", LIST)
    assert all(each.keys() == AGENT for each in agents["items"]) and agents["total"] == 2
    assert agents["items"][0]["last_heartbeat"] is None and agents["items"][1] == agent
    assert read(api, "GET", f"/agents/{agent['id']}", AGENT)["id"] == agent["id"]

    # A session that is opened before anything has happened in it.
    session = read(api, "POST", "/sessions", SESSION, {"title": "Session-Alpha-001", "type": "CODING", "priority": "HIGH"})
    assert session["started_at"] is session["completed_at"] is session["result"] is session["parent_session_id"] is None
    assert (session["checkpoints"], session["metrics"].keys()) == ([], METRICS)
    path = f"/sessions/{session['id']}"
    with connect(f"ws://127.0.0.1:{stack.port}/ws{path}", additional_headers={"x-api-key": key}) as room:
        heard: list[dict[str, Any]] = []

        def hear(type: str) -> Any:
            while not heard or heard[-1]["type"] != type:
                heard.append(json.loads(room.recv(10)))
                assert {"type", "payload", "timestamp"} <= heard[-1].keys()
            return heard[-1]["payload"]

        hear("subscription.confirmed")
        read(api, "POST", f"{path}/start", SESSION, {})
        shown = hear("session.status_changed")
        assert shown.keys() == {"session_id", "status", "session"} and shown["session"].keys() == SESSION
        whole = {"session_id": session["id"], "title": "Implement login endpoint", "description": "Create POST /auth/login"}
        whole = read(api, "POST", "/tasks", TASK, {**whole, "complexity": "MEDIUM"})
        assert whole["assigned_agent_id"] is whole["tokens_used"] is whole["parent_task_id"] is None
        shown = hear("session.task_added")
        assert shown.keys() == {"session_id", "task_id", "task"} and shown["task"] == {**whole}
        parts = read(api, "POST", f"/tasks/{whole['id']}/decompose", {"parent_task_id", "subtasks", "template_used"}, {})
        assert parts["template_used"] == "WEB_SERVICE" and all(each.keys() == TASK for each in parts["subtasks"])
        more = {"session_id": session["id"], "title": "One more", "parent_task_id": whole["id"]}
        added = read(api, "POST", "/tasks", TASK, {**more, "required_capabilities": ["CODE_GENERATION"]})
        assert added["parent_task_id"] == whole["id"]

        # A worker does it, and says how it goes.
        with httpx.Client(base_url=operations, headers={"x-api-key": key}, timeout=30) as there:
            worker = there.post("/workers", json={"agent_id": agent["id"]}).json()["data"]["id"]
            taken = there.post(f"/workers/{worker}/leases", json={"wait_seconds": 10}).json()["data"]
            lease = f"/workers/{worker}/tasks/{taken[0]['task_id']}"
            there.post(f"{lease}/logs", json={"attempt": 1, "level": "warning", "message": "slow"}).raise_for_status()
            line = hear("session.log")
            assert (line["level"], line["message"], line["task_id"]) == ("warning", "slow", added["id"])
            assert line.keys() == {"session_id", "task_id", "level", "message", "timestamp"}
            there.post(f"{lease}/progress", json={"attempt": 1, "progress": 50}).raise_for_status()
            assert hear("task.progress").keys() == {"session_id", "task_id", "progress", "message"}
            there.post(f"{lease}/complete", json={"attempt": 1, "output": {"ok": True}}).raise_for_status()
        shown = hear("task.status_changed")
        assert shown["task"].keys() == TASK
        assert hear("session.metrics_updated")["metrics"].keys() == METRICS
        kept = {"id", "session_id", "sequence", "name", "data", "created_at", "trigger", "truncated_fields"}
        checkpoint = read(api, "POST", f"{path}/checkpoints", kept, {"name": "half", "data": {"step": 1}})
        assert hear("session.checkpoint_created")["checkpoint"] == checkpoint

    # The tree: every part is under its task, whatever else there is.
    for listed in (read(api, "GET", "/tasks", LIST), read(api, "GET", f"{path}/tasks", LIST)):
        assert all(each.keys() == TASK for each in listed["items"]) and not listed["has_more"]
        found = {each["id"]: each for each in listed["items"]}
        assert len(found) == listed["total"] == 2 + len(parts["subtasks"])
        assert (found[whole["id"]]["completed_subtasks"], found[whole["id"]]["subtask_count"]) == (1, len(found) - 1)
        assert all(found[each["id"]]["dependencies"] == each["dependencies"] for each in parts["subtasks"])
        assert all(each["parent_task_id"] == whole["id"] for each in found.values() if each["id"] != whole["id"])

    opened = read(api, "GET", path, SESSION)
    assert opened["checkpoints"] == [{name: checkpoint[name] for name in CHECKPOINT}]
    assert read(api, "GET", f"{path}/checkpoints", LIST)["items"] == [checkpoint]
    assert read(api, "GET", f"{path}/checkpoints/{checkpoint['id']}", kept) == checkpoint
    (in_list,) = read(api, "GET", "/sessions", LIST)["items"]
    assert {**in_list, "metrics": None} == {**opened, "metrics": None}
    assert read(api, "GET", f"/agents/{agent['id']}", AGENT)["success_rate"] == 1

    # Pages that have an address of their own say what is wrong in one shape, and a stale page changes nothing.
    stale = api.post(f"{path}/pause", headers={"if-match": '"1"'})
    assert stale.status_code == 412 and stale.json()["error"]["code"] == "VERSION_MISMATCH"
    ignored = api.get(path, headers={"if-match": '"1"'})
    assert ignored.status_code == 400 and ignored.json()["error"]["details"]["field"] == "If-Match"
    current = api.get(path).headers["etag"]
    two = [("x-api-key", key), ("if-match", '"77"'), ("if-match", current)]
    assert httpx.post(f"{stack.url}/api/v1{path}/pause", headers=two).status_code == 200
