"""The Industrial API through a real Envoy: the walk of the examples, and the same tasks through the other APIs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import httpx2 as httpx
import pytest

from tests.support.stack import Stack

pytestmark = pytest.mark.xdist_group("stack")

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def api(stack: Stack, key: str):
    with httpx.Client(base_url=f"{stack.url}/api/v1", headers={"x-api-key": key}, timeout=30) as client:
        yield client


def walk(stack: Stack, suffix: str, **environment: str) -> list[str]:
    command = [sys.executable, str(ROOT / "examples" / "coding_session.py"), "--suffix", suffix]
    variables = {**os.environ, "ORCHESTRATOR_ORCHESTRA": f"127.0.0.1:{stack.port}", **environment}
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def test_a_whole_coding_session_goes_its_way(stack: Stack, key: str, api: httpx.Client) -> None:
    lines = walk(stack, "walk", ORCHESTRATOR_KEY=key)
    assert "MICROSERVICE: 6 parts" in lines
    did = [line.partition(" did: ")[2] for line in lines if " did: " in line]
    assert did[0] == "Design the interface of Implement login endpoint" and len(did) == 6
    assert did.index("Test Implement login endpoint") < did.index("Make Implement login endpoint deployable")
    room = [line.split()[1:3] for line in lines if line.startswith("  room:")]
    words = [each[0] for each in room]
    assert words[:2] == ["connection.established", "subscription.confirmed"]
    assert ["session.status_changed", "RUNNING"] in room and room[-1] == ["session.status_changed", "COMPLETED"]
    assert words.count("session.task_added") == 7 and "session.checkpoint_created" in words
    assert any(line.startswith("Session-Alpha-001 is COMPLETED") and '"completed_tasks": 7' in line for line in lines)
    assert "AGENT-QA-walk: 2 tasks, success rate 1" in " ".join(lines).replace("1.0", "1")

    # The same task through the other two APIs, and through this one.
    session = next(each for each in api.get("/sessions").json()["items"] if each["title"] == "Session-Alpha-001")
    listed = api.get("/tasks", params={"session_id": session["id"], "parent_only": "true"}).json()
    assert listed["total"] == 1
    task = listed["items"][0]
    assert task["status"] == "COMPLETED" and task["subtask_count"] == 6
    digits = task["id"].replace("-", "")
    execution = httpx.get(f"{stack.url}/v1/executions/execution_{digits}", headers={"x-api-key": key}).json()
    assert execution["status"] == "completed" and execution["session_id"].endswith(session["id"].replace("-", ""))
    operations = f"http://127.0.0.1:{stack.operations_port}/v1"
    shown = httpx.get(f"{operations}/tasks/task_{digits}", headers={"x-api-key": key}).json()["data"]
    assert shown["status"] == "completed" and shown["progress"] == 100
    part = next(each for each in api.get(f"/sessions/{session['id']}/tasks").json()["items"] if each["parent_task_id"])
    same = httpx.get(f"{operations}/tasks/{part['id']}", headers={"x-api-key": key}).json()["data"]
    assert same["result"] == part["result"] and same["parent_id"] == f"task_{digits}"


def test_in_development_the_walk_needs_no_key(stack: Stack) -> None:
    environment = {"ORCHESTRATOR_KEY": ""}
    assert any(re.match("Session-Alpha-001 is COMPLETED", line) for line in walk(stack, "guest", **environment))


def test_an_error_has_its_documented_shape_and_the_id_of_its_request(api: httpx.Client) -> None:
    answer = api.get("/sessions/xyz", headers={"x-request-id": "abc123"})
    assert answer.status_code == 404 and answer.headers["x-request-id"] == "abc123"
    assert answer.json() == {
        "error": {"code": "SESSION_NOT_FOUND", "message": "Session with ID xyz not found", "request_id": "abc123"}
    }
    session = api.post("/sessions", json={"title": "t"}).json()["id"]
    refused = api.post(f"/sessions/{session}/pause")
    assert refused.status_code == 400
    assert refused.json()["error"]["code"] == "INVALID_TRANSITION"
    assert refused.json()["error"]["details"]["from"] == "PENDING"
    nobody = api.post("/tasks", json={"session_id": session, "title": "t", "required_capabilities": ["TELEPATHY"]})
    assert nobody.status_code == 503 and nobody.json()["error"]["code"] == "AGENT_UNAVAILABLE"


@pytest.mark.parametrize("page", [{"page": 0}, {"page_size": 1000}, {"page_size": 0}, {"status": "RUNING"}])
def test_a_list_that_cannot_be_is_refused(api: httpx.Client, page: dict) -> None:
    answer = api.get("/sessions", params=page)
    assert answer.status_code == 400 and answer.json()["error"]["details"]["field"] in page


def test_an_external_agent_works_with_its_token_alone(stack: Stack, api: httpx.Client) -> None:
    registered = api.post(
        "/agents/external/register",
        json={
            "protocol_version": "1.0",
            "name": "outside",
            "version": "2.1",
            "agent_type": "implementer",
            "capabilities": ["HAIKU"],
            "endpoint_url": "http://localhost:9/hook",
            "metadata": {"env": "test"},
        },
    )
    assert registered.status_code == 201
    agent = registered.json()
    assert agent["status"] == "registered" and agent["heartbeat_interval_seconds"] == 30
    session = api.post("/sessions", json={"title": "outside"}).json()["id"]
    api.post(f"/sessions/{session}/start")
    task = api.post("/tasks", json={"session_id": session, "title": "t", "required_capabilities": ["HAIKU"]}).json()
    assert task["assigned_agent_id"] == agent["agent_id"]
    own = f"{stack.url}/api/v1/agents/external/{agent['agent_id']}"
    with httpx.Client(headers={"x-agent-token": agent["auth_token"]}, timeout=30) as outside:
        beat = outside.post(
            f"{own}/heartbeat", json={"status": "healthy", "current_load": 0.5, "metrics": {"uptime": 1}}
        )
        assert beat.status_code == 200 and beat.json()["status"] == "ACTIVE"
        assert outside.post(f"{own}/heartbeat", json={"current_load": 101}).status_code == 400
        done = outside.post(f"{own}/tasks/{task['id']}/result", json={"status": "completed", "result": "5-7-5"})
        assert done.status_code == 200 and done.json()["status"] == "COMPLETED" and done.json()["result"] == "5-7-5"
        assert outside.get(f"{stack.url}/api/v1/sessions").status_code == 403
        assert outside.get(f"{stack.url}/v1/sessions").status_code == 403
        assert api.delete(f"/agents/{agent['agent_id']}").json()["status"] == "deregistered"
        assert outside.post(f"{own}/heartbeat", json={}).status_code == 404
