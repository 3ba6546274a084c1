"""Agents of the CoordinAItor API, through a real Envoy."""

from __future__ import annotations

import httpx2 as httpx
import pytest

from tests.support.stack import Stack

pytestmark = pytest.mark.xdist_group("stack")

DOCUMENTED = {
    "name": "Full Stack Developer Bot",
    "type": "coding",
    "model": "gpt-4",
    "provider": "openai",
    "capabilities": ["react", "nodejs", "python", "postgresql", "aws"],
    "specializations": ["full-stack", "microservices", "devops"],
    "maxConcurrentTasks": 2,
    "workingHours": {
        "timezone": "America/New_York",
        "start": "09:00",
        "end": "17:00",
        "days": ["monday", "tuesday", "wednesday", "thursday", "friday"],
    },
    "configuration": {
        "temperature": 0.7,
        "maxTokens": 4000,
        "codeStyle": "clean-code",
        "testingFramework": "jest",
        "documentationLevel": "comprehensive",
    },
}


@pytest.fixture
def people(stack: Stack, key: str):
    """A client of the port and paths of this API."""
    base = f"http://127.0.0.1:{stack.operations_port}"
    with httpx.Client(base_url=base, headers={"authorization": f"Bearer {key}"}, timeout=30) as opened:
        yield opened


def test_the_documented_agent_is_made_read_and_found(people: httpx.Client) -> None:
    made = people.post("/api/v1/agents", json=DOCUMENTED)
    agent = made.json()["data"]
    assert made.status_code == 201 and made.headers["etag"], made.text
    assert agent["id"].startswith("agent-") and agent["status"] == "offline" and agent["currentTasks"] == 0
    assert agent["workingHours"] == DOCUMENTED["workingHours"]
    assert agent["configuration"] == DOCUMENTED["configuration"]
    assert agent["specializations"] == sorted(DOCUMENTED["specializations"]) and agent["model"] == "gpt-4"
    assert "successRate" not in agent and "averageResponseTime" not in agent and "lastActiveAt" not in agent
    assert "tasks" not in agent and "metrics" not in agent and "logs" not in agent
    found = people.get(f"/api/v1/agents/{agent['id']}")
    assert found.json()["data"] == agent
    listed = people.get("/api/v1/agents?type=coding&capabilities=react,aws&status=offline&available=false&limit=1")
    assert listed.json()["pagination"]["total"] >= 1 and listed.json()["data"][0]["id"] == agent["id"]
    assert listed.json()["links"]["prev"] is None
    none = people.get("/api/v1/agents?capabilities=react,cobol").json()
    assert none["data"] == [] and none["pagination"]["total"] == 0
    elsewhere = people.get(f"/v1/agents/{agent['id']}").json()["data"]
    assert elsewhere["name"] == DOCUMENTED["name"] and elsewhere["status"] == "initializing"
    older = people.get(f"/api/agents/{agent['id']}").json()
    assert older["agent"] == older["data"] == agent
    head = people.head(f"/api/v1/agents/{agent['id']}")
    assert head.status_code == 200 and head.headers["etag"] == made.headers["etag"] and head.content == b""
    wrong = people.post(f"/api/v1/agents/{agent['id']}", json={})
    assert wrong.status_code == 405 and wrong.headers["allow"] == "GET, HEAD, PUT, PATCH, DELETE"
    listed = people.get("/api/agents?limit=1").json()
    assert listed["agents"] == listed["data"]


def made(people: httpx.Client, **more: object) -> dict:
    return people.post("/api/v1/agents", json={"name": "Ada", "type": "qa", **more}).json()["data"]


def test_an_agent_is_changed_disabled_enabled_and_deleted(people: httpx.Client) -> None:
    agent = made(people, capabilities=["sums"], configuration={"b": 1, "a": 2})
    path = f"/api/v1/agents/{agent['id']}"
    etag = people.get(path).headers["etag"]
    hours = {"timezone": "Europe/Berlin", "start": "22:00", "end": "06:00"}
    put = people.put(path, json={"name": "Eve", "workingHours": hours, "specializations": ["x"]}, headers={"if-match": etag})
    assert put.status_code == 200 and put.json()["data"]["workingHours"] == hours
    assert put.json()["data"]["name"] == "Eve" and put.json()["data"]["capabilities"] == ["sums"]
    assert list(put.json()["data"]["configuration"]) == ["b", "a"]
    stale = people.patch(path, json={"name": "Bob"}, headers={"if-match": etag})
    assert stale.status_code == 409 and stale.json()["error"]["code"] == "CONFLICT_ERROR"
    patched = people.patch(path, json={"workingHours": None, "capabilities": []}).json()["data"]
    assert "workingHours" not in patched and patched["capabilities"] == [] and patched["name"] == "Eve"
    disabled = people.post(f"{path}/disable", json={"reason": "Maintenance required"})
    assert disabled.status_code == 200 and disabled.json()["data"]["enabled"] is False
    assert disabled.json()["data"]["statusMessage"] == "Maintenance required"
    enabled = people.post(f"{path}/enable").json()["data"]
    assert enabled["enabled"] is True and "statusMessage" not in enabled
    gone = people.delete(path)
    assert gone.status_code == 204 and gone.content == b""
    assert people.get(path).status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({"type": ""}, "type"),
        ({"maxConcurrentTasks": 0}, "maxConcurrentTasks"),
        ({"capabilities": ["x" * 101]}, "capabilities"),
        ({"specializations": ["x"] * 40}, "specializations"),
        ({"configuration": [1]}, "configuration"),
        ({"workingHours": {"timezone": "Mars", "start": "09:00", "end": "17:00"}}, "workingHours.timezone"),
        ({"workingHours": {"start": "25:00", "end": "17:00"}}, "workingHours.start"),
        ({"workingHours": {"start": "09:00", "end": "09:00"}}, "workingHours.end"),
        ({"workingHours": {"start": "09:00", "end": "17:00", "days": ["freitag"]}}, "workingHours.days"),
    ],
)
def test_what_no_agent_can_be_is_refused_and_the_field_is_named(people: httpx.Client, body: dict, field: str) -> None:
    refused = people.post("/api/v1/agents", json={"name": "Ada", "type": "qa", **body})
    assert refused.status_code == 422, refused.text
    assert refused.json()["error"]["code"] == "VALIDATION_ERROR" and list(refused.json()["error"]["details"]) == [field]


def test_queries_that_mean_nothing_are_refused(people: httpx.Client) -> None:
    agent = made(people)
    for query in ("status=asleep", "page=0", "limit=101"):
        assert people.get(f"/api/v1/agents?{query}").status_code == 422, query
    for query in ("colour=red", "available=perhaps"):
        assert people.get(f"/api/v1/agents?{query}").status_code == 400, query
    path = f"/api/v1/agents/{agent['id']}"
    assert list(people.get(f"{path}?include=tasks,gossip").json()["error"]["details"]) == ["include"]
    assert people.get(f"{path}/metrics?start=yesterday").status_code == 422
    wrong = people.get(f"{path}/metrics?start=2026-01-02T00:00:00Z&end=2026-01-01T00:00:00Z")
    assert wrong.status_code == 422 and list(wrong.json()["error"]["details"]) == ["end"]
    for missing in ("/api/v1/agents/agent-0123", "/api/v1/agents/agent-0123/tasks", "/api/v1/agents/agent-0123/metrics"):
        assert people.get(missing).status_code == 404


def test_what_an_agent_did_is_shown_with_it(stack: Stack, people: httpx.Client) -> None:
    code = {"name": "Data Processor", "type": "python", "code": "def process(data): return data"}
    deployed = people.post(f"http://127.0.0.1:{stack.port}/v1/agents", json=code).json()
    agent_id = deployed["id"].replace("agent_", "agent-")
    ran = people.post(f"http://127.0.0.1:{stack.port}/v1/agents/{deployed['id']}/execute", json={"input_data": {"a": 1}})
    assert ran.json()["status"] == "completed", ran.text
    path = f"/api/v1/agents/{agent_id}"
    agent = people.get(f"{path}?include=tasks,metrics,logs").json()["data"]
    assert agent["status"] == "available" and agent["totalTasksCompleted"] == 1 and agent["successRate"] == 1
    assert agent["averageResponseTime"] >= 0 and agent["lastActiveAt"]
    assert [task["status"] for task in agent["tasks"]] == ["completed"] and agent["logs"] == []
    assert agent["tasks"][0]["agentId"] == agent_id and "createdAt" in agent["tasks"][0]
    metrics = people.get(f"{path}/metrics").json()["data"]
    assert metrics["agentId"] == agent_id and metrics["period"]["start"] == agent["createdAt"]
    counted = metrics["taskMetrics"]
    assert (counted["totalTasks"], counted["completedTasks"], counted["failedTasks"]) == (1, 1, 0)
    assert counted["cancelledTasks"] == 0 and counted["successRate"] == 1 and counted["averageCompletionTime"] > 0
    assert list(metrics["performanceMetrics"]) == ["averageResponseTime"]
    used = metrics["utilizationMetrics"]
    assert used["totalHours"] > 0 and used["activeHours"] > 0 and len(used["peakHours"]) == 1
    assert 0 < used["utilizationRate"] <= 1
    tasks = people.get(f"{path}/tasks?status=completed&limit=5").json()
    assert tasks["pagination"]["total"] == 1 and tasks["data"][0]["status"] == "completed"
    assert people.get(f"{path}/tasks?status=pending").json()["data"] == []
    assert people.get(f"/api/agents/{agent_id}/tasks").json()["tasks"][0]["id"] == tasks["data"][0]["id"]
    seen = people.get("/v1/agents?type=qa").json()["data"]
    assert made(people)["id"].removeprefix("agent-") not in {each["id"] for each in seen}


def test_an_agent_made_here_takes_tasks_over_rest_within_its_hours_alone(people: httpx.Client) -> None:
    agent = made(people, maxConcurrentTasks=1)
    path, number = f"/api/v1/agents/{agent['id']}", agent["id"].removeprefix("agent-")
    worker = people.post("/v1/workers", json={"agent_id": number, "capacity": 5}).json()["data"]
    assert people.get(path).json()["data"]["status"] == "available"
    task = people.post("/v1/tasks", json={"agent_id": number, "type": "sum", "payload": {}}).json()["data"]
    leases = people.post(f"/v1/workers/{worker['id']}/leases", json={"limit": 5}).json()["data"]
    assert len(leases) == 1, leases
    log = {"attempt": 1, "level": "info", "message": "adding"}
    said = people.post(f"/v1/workers/{worker['id']}/tasks/{task['id']}/logs", json=log)
    assert said.status_code == 200, said.text
    busy = people.get(f"{path}?include=logs").json()["data"]
    assert busy["status"] == "busy" and busy["currentTasks"] == 1
    assert [line["message"] for line in busy["logs"]] == ["adding"]
    # Hours that do not begin within the next three.
    hour = int(people.get("/api/v1/system/health").json()["data"]["timestamp"][11:13])
    hours = {"start": f"{(hour + 4) % 24:02}:00", "end": f"{(hour + 6) % 24:02}:00"}
    assert people.patch(path, json={"workingHours": hours}).json()["data"]["status"] == "offline"
    done = people.post(f"/v1/workers/{worker['id']}/tasks/{task['id']}/complete", json={"attempt": 1, "result": 3})
    assert done.status_code == 200, done.text
    waits = people.post("/v1/tasks", json={"agent_id": number, "type": "sum", "payload": {}}).json()["data"]
    assert people.post(f"/v1/workers/{worker['id']}/leases", json={"limit": 5}).json()["data"] == []
    people.patch(path, json={"workingHours": None})
    (lease,) = people.post(f"/v1/workers/{worker['id']}/leases", json={"limit": 5}).json()["data"]
    assert waits["id"] in str(lease)
