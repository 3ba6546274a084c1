"""The Agent Operations API as its document has it, through a real Envoy."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import datetime, timedelta

import httpx2 as httpx
import pytest

from tests.support.stack import Stack

pytestmark = pytest.mark.xdist_group("stack")

AGENT = {
    "name": "New Processing Agent",
    "type": "data_processor",
    "configuration": {"max_concurrent_tasks": 5, "timeout": 300, "retry_attempts": 3},
    "environment": "production",
}
TASK = {
    "type": "data_processing",
    "priority": "medium",
    "payload": {"source": "database", "query": "SELECT 1", "output_format": "json"},
    "schedule": {"type": "immediate"},
}
UPPER = {"name": "Upper", "type": "python", "code": "def process_data(data): return data.upper()"}
NOBODY = "00000000000070008000000000000000"


@pytest.fixture
def api(stack: Stack, key: str) -> Iterator[httpx.Client]:
    url = f"http://127.0.0.1:{stack.operations_port}"
    with httpx.Client(base_url=url, headers={"authorization": f"Bearer {key}"}, timeout=60) as opened:
        yield opened


def create(api: httpx.Client, path: str, body: dict, **headers: str) -> dict:
    answer = api.post(path, json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.json()["data"]


def until(check, seconds: float = 15.0):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = check()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("never came true")


def test_an_agent_is_created_and_read_as_documented(api: httpx.Client) -> None:
    made = create(api, "/v1/agents", AGENT)
    assert made["id"].startswith("agent_") and made["status"] == "initializing"
    assert (made["name"], made["type"], made["environment"]) == (AGENT["name"], "data_processor", "production")
    assert made["created_at"].endswith("Z")
    got = api.get(f"/v1/agents/{made['id']}")
    assert got.status_code == 200 and got.headers["etag"] == '"1"'
    agent = got.json()["data"]
    assert agent["configuration"] == AGENT["configuration"]
    assert agent["health"]["status"] == "unknown" and agent["health"]["uptime"] == 0
    assert agent["health"]["last_check"].endswith("Z")
    assert agent["metrics"] == {"tasks_completed": 0, "tasks_failed": 0}
    digits = made["id"].removeprefix("agent_")
    dashed = f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
    for spelling in (digits, digits.upper(), dashed, f"urn_{digits}"):
        assert api.get(f"/v1/agents/{spelling}").json()["data"]["id"] == made["id"]


def test_configuration_has_defaults_and_keeps_what_it_is_given(api: httpx.Client) -> None:
    plain = create(api, "/v1/agents", {"name": "a", "type": "t"})
    assert plain["configuration"] == {"max_concurrent_tasks": 10, "timeout": 300, "retry_attempts": 3}
    given = {"model": {"name": "m", "sizes": [1, 2.5, None]}, "timeout": 0.5, "verbose": True}
    agent = create(api, "/v1/agents", {"name": "a", "type": "t", "configuration": given, "capabilities": ["b", "a"]})
    assert agent["configuration"] == {**given, "max_concurrent_tasks": 10, "retry_attempts": 3}
    assert agent["capabilities"] == ["a", "b"]


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_an_update_changes_what_is_given_alone(api: httpx.Client, method: str) -> None:
    agent = create(api, "/v1/agents", {**AGENT, "configuration": {"timeout": 300, "model": "m", "colour": "red"}})
    path = f"/v1/agents/{agent['id']}"
    body = {
        "name": "Updated Agent Name",
        "configuration": {"max_concurrent_tasks": 15, "timeout": 600, "colour": None, "size": 1},
    }
    changed = api.request(method, path, json=body, headers={"If-Match": '"1"'})
    assert changed.status_code == 200 and changed.headers["etag"] == '"2"', changed.text
    data = changed.json()["data"]
    assert data["name"] == "Updated Agent Name" and data["type"] == "data_processor"
    expected = {"max_concurrent_tasks": 15, "timeout": 600, "retry_attempts": 3, "model": "m", "size": 1}
    assert data["configuration"] == expected
    assert data["environment"] == "production"
    for given in (body, {"name": "c"}):
        stale = api.request(method, path, json=given, headers={"If-Match": '"1"'})
        assert stale.status_code == 412 and stale.json()["error"]["code"] == "VERSION_MISMATCH"
    off = api.request(method, path, json={"status": "inactive"}).json()["data"]
    assert off["status"] == "inactive"
    refused = api.post("/v1/tasks", json={**TASK, "agent_id": agent["id"]})
    assert refused.status_code == 409 and refused.json()["error"]["code"] == "AGENT_INACTIVE"
    assert api.request(method, path, json={"status": "active"}).json()["data"]["status"] == "initializing"


def test_an_agent_is_deleted_as_documented(api: httpx.Client) -> None:
    agent = create(api, "/v1/agents", AGENT)
    task = create(api, "/v1/tasks", {**TASK, "agent_id": agent["id"]})
    deleted = api.delete(f"/v1/agents/{agent['id']}")
    assert deleted.status_code == 200
    assert deleted.json()["message"] and deleted.json()["deleted_at"].endswith("Z")
    assert set(deleted.json()) == {"message", "deleted_at"}
    assert api.get(f"/v1/agents/{agent['id']}").status_code == 404
    assert api.get(f"/v1/tasks/{task['id']}").json()["data"]["status"] == "cancelled"
    assert api.get("/v1/agents").json()["pagination"]["total"] == 0


def test_agents_are_listed_in_pages_and_by_filter(api: httpx.Client, stack: Stack, key: str) -> None:
    empty = api.get("/v1/agents").json()
    assert empty == {"data": [], "pagination": {"page": 1, "limit": 20, "total": 0, "pages": 0}}
    made = [create(api, "/v1/agents", {"name": f"a{n}", "type": "even" if n % 2 == 0 else "odd"}) for n in range(5)]
    with stack.client(key) as orchestra:
        python = orchestra.post("/v1/agents", json=UPPER).json()["id"]
        installing = orchestra.post("/v1/agents", json={**UPPER, "requirements": ["no-such-package-of-ours-0"]}).json()[
            "id"
        ]
    newest_first = [installing, python, *(each["id"] for each in made[::-1])]
    page = api.get("/v1/agents?page=2&limit=3").json()
    assert [each["id"] for each in page["data"]] == newest_first[3:6]
    assert page["pagination"] == {"page": 2, "limit": 3, "total": 7, "pages": 3}
    assert api.get("/v1/agents?page=9").json()["data"] == []
    ids = lambda query: [each["id"] for each in api.get(f"/v1/agents?{query}").json()["data"]]
    assert ids("type=even") == [made[n]["id"] for n in (4, 2, 0)]
    assert ids("status=active") == [python]
    assert set(ids("status=initializing")) - {installing} == {each["id"] for each in made}
    api.put(f"/v1/agents/{made[0]['id']}", json={"status": "inactive"})
    assert ids("status=inactive") == [made[0]["id"]]
    until(lambda: ids("status=error") == [installing])
    listed = api.get("/v1/agents?status=active").json()["data"][0]
    assert listed["type"] == "python" and listed["metrics"] == {"tasks_completed": 0, "tasks_failed": 0}


def test_a_task_of_this_port_is_an_execution_of_the_other(api: httpx.Client, stack: Stack, key: str) -> None:
    with stack.client(key) as orchestra:
        agent = orchestra.post("/v1/agents", json=UPPER).json()["id"]
        body = {"agent_id": agent, "type": "text", "priority": "high", "payload": {"text": "hello"}}
        task = create(api, "/v1/tasks", body)
        assert task["id"].startswith("task_") and task["priority"] == "high"
        done = until(lambda: (t := api.get(f"/v1/tasks/{task['id']}").json()["data"])["status"] == "completed" and t)
        assert done["result"] == "HELLO" and done["payload"] == {"text": "hello"} and done["progress"] == 100
        assert done["duration"] >= 0 and done["agent_id"] == agent and done["logs"] == [] and done["attempts"] == []
        assert done["started_at"] <= done["completed_at"] and "estimated_completion" not in done and "error" not in done
        execution = orchestra.get(f"/v1/executions/{task['id']}").json()
        assert execution["id"] == task["id"].replace("task_", "execution_")
        assert (execution["status"], execution["output"]) == ("completed", "HELLO")
        other = orchestra.post(f"/v1/agents/{agent}/execute", json={"input_data": {"text": "b"}}).json()
        assert api.get(f"/v1/tasks/{other['id']}").json()["data"]["result"] == "B"
        listed = api.get("/v1/tasks").json()["data"]
        assert [each["result"] for each in listed] == ["B", "HELLO"] and "payload" not in listed[0]
        shown = api.get(f"/v1/agents/{agent}").json()["data"]
        assert shown["metrics"]["success_rate"] == 100 and shown["metrics"]["tasks_completed"] == 2
        assert shown["metrics"]["avg_response_time"] > 0 and shown["health"]["status"] == "healthy"
        assert "cpu_usage" not in shown["metrics"]


def test_a_failure_shows_its_error_and_its_attempts_and_is_retried(api: httpx.Client, stack: Stack, key: str) -> None:
    with stack.client(key) as orchestra:
        agent = orchestra.post("/v1/agents", json={"name": "a", "code": "def f(): raise ValueError('no')"}).json()["id"]
    retry = {"max_retries": 1, "initial_delay": 0.01}
    task = create(api, "/v1/tasks", {"agent_id": agent, "type": "x", "retry": retry})
    read = lambda: api.get(f"/v1/tasks/{task['id']}").json()["data"]
    failed = until(lambda: (t := read())["status"] == "failed" and t)
    assert failed["error"] == {"type": "ValueError", "message": "no"}
    assert [(each["number"], each["outcome"], each["error"]["type"]) for each in failed["attempts"]] == [
        (1, "failed", "ValueError"),
        (2, "failed", "ValueError"),
    ]
    assert failed["retry"]["max_retries"] == 1 and "result" not in failed
    again = api.post(f"/v1/tasks/{task['id']}/retry")
    assert again.status_code == 200 and again.json()["data"]["status"] == "pending"
    until(lambda: read()["status"] == "failed" and read()["attempt"] == 4)
    assert api.get(f"/v1/agents/{agent}").json()["data"]["metrics"]["success_rate"] == 0


def test_a_task_is_cancelled_pending_or_running(api: httpx.Client, stack: Stack, key: str) -> None:
    agent = create(api, "/v1/agents", AGENT)["id"]
    pending = create(api, "/v1/tasks", {**TASK, "agent_id": agent})
    cancelled = api.post(f"/v1/tasks/{pending['id']}/cancel")
    assert cancelled.status_code == 200 and cancelled.json()["data"]["status"] == "cancelled"
    assert api.post(f"/v1/tasks/{pending['id']}/cancel").json()["data"]["status"] == "cancelled"
    with stack.client(key) as orchestra:
        code = "import time\ndef sleep(seconds): time.sleep(seconds)"
        sleeper = orchestra.post("/v1/agents", json={"name": "s", "code": code}).json()["id"]
    running = create(api, "/v1/tasks", {"agent_id": sleeper, "type": "s", "payload": {"seconds": 20}})
    read = lambda: api.get(f"/v1/tasks/{running['id']}").json()["data"]
    until(lambda: read()["status"] == "running")
    assert "estimated_completion" not in read() and "completed_at" not in read() and "duration" not in read()
    asked = api.post(f"/v1/tasks/{running['id']}/cancel").json()["data"]
    assert asked["cancel_requested"] and asked["status"] == "running"
    until(lambda: read()["status"] == "cancelled")
    quick = create(api, "/v1/tasks", {"agent_id": sleeper, "type": "s", "payload": {"seconds": 0}})
    until(lambda: api.get(f"/v1/tasks/{quick['id']}").json()["data"]["status"] == "completed")
    conflict = api.post(f"/v1/tasks/{quick['id']}/retry")
    assert conflict.status_code == 409 and conflict.json()["error"]["code"] == "NOT_RETRYABLE"
    long = create(api, "/v1/tasks", {"agent_id": sleeper, "type": "s", "payload": {"seconds": 20}})
    seen = until(lambda: (t := api.get(f"/v1/tasks/{long['id']}").json()["data"])["status"] == "running" and t)
    assert seen["estimated_completion"] >= seen["started_at"]
    api.post(f"/v1/tasks/{long['id']}/cancel")


def test_schedules_are_kept_as_written(api: httpx.Client) -> None:
    agent = create(api, "/v1/agents", AGENT)["id"]
    make = lambda schedule: create(api, "/v1/tasks", {**TASK, "agent_id": agent, "schedule": schedule})
    assert "schedule" not in make({"type": "immediate"}) and "schedule" not in make({})
    at = make({"type": "at", "at": "2040-01-31T12:00:00+02:00"})
    assert at["schedule"] == {"type": "at", "at": "2040-01-31T12:00:00+02:00", "next_runs": []}
    assert make({"type": "delay", "seconds": 90})["schedule"]["seconds"] == 90
    cron = make({"type": "cron", "expression": "0 8 * * 1", "timezone": "Europe/Berlin"})
    got = api.get(f"/v1/tasks/{cron['id']}").json()["data"]["schedule"]
    assert got["expression"] == "0 8 * * 1" and got["timezone"] == "Europe/Berlin" and len(got["next_runs"]) == 3
    first = make({"type": "delay", "seconds": 90})
    after = create(api, "/v1/tasks", {**TASK, "agent_id": agent, "depends_on": [first["id"]]})
    assert after["status"] == "pending"
    assert until(lambda: api.get("/v1/health").json()["services"]["message_queue"]["pending_messages"]) >= 5


def test_tasks_without_an_agent_find_one(api: httpx.Client) -> None:
    agent = create(api, "/v1/agents", {**AGENT, "type": "extractor", "capabilities": ["pdf"]})["id"]
    for body in ({"type": "extractor"}, {"type": "x", "agent_type": "extractor"}, {"type": "pdf"}):
        task = create(api, "/v1/tasks", {**TASK, **body})
        assert "agent_id" not in task and task["status"] == "pending"
    create(api, "/v1/tasks", {"type": "x", "agent_type": "extractor", "capabilities": ["pdf"], "timeout": 5})
    assert api.get(f"/v1/tasks?agent_id={agent}").json()["pagination"]["total"] == 0


def test_tasks_are_listed_by_every_filter(api: httpx.Client) -> None:
    first, second = (create(api, "/v1/agents", AGENT)["id"] for _ in range(2))
    words = ["low", "medium", "high", "critical"]
    made = [create(api, "/v1/tasks", {**TASK, "agent_id": first, "priority": word})["id"] for word in words]
    made.append(create(api, "/v1/tasks", {"agent_id": second, "type": "other"})["id"])
    api.post(f"/v1/tasks/{made[0]}/cancel")
    ids = lambda **query: [each["id"] for each in api.get("/v1/tasks", params=query).json()["data"]]
    assert ids() == made[::-1]
    assert ids(agent_id=second) == [made[4]] and ids(type="other") == [made[4]]
    assert ids(priority="critical") == [made[3]] and ids(status="cancelled") == [made[0]]
    assert ids(agent_id=first, status="pending", priority="high") == [made[2]]
    middle = api.get(f"/v1/tasks/{made[2]}").json()["data"]["created_at"]
    assert ids(created_after=middle) == [made[4], made[3]]
    assert ids(created_before=middle) == [made[1], made[0]]
    hours = timedelta(hours=2)
    shifted = (datetime.fromisoformat(middle) + hours).replace(tzinfo=None).isoformat() + "+02:00"
    assert ids(created_after=shifted) == [made[4], made[3]]
    raw = api.get(f"/v1/tasks?created_after={shifted}").json()["data"]
    assert [each["id"] for each in raw] == [made[4], made[3]], "a plus sign that is not escaped"
    assert ids(created_after="2020-01-01", created_before="2020-01-02") == []
    page = api.get("/v1/tasks?page=2&limit=2").json()
    assert [each["id"] for each in page["data"]] == [made[2], made[1]]
    assert page["pagination"] == {"page": 2, "limit": 2, "total": 5, "pages": 3}


def test_a_request_is_done_once_under_its_idempotency_key(api: httpx.Client) -> None:
    agent = create(api, "/v1/agents", AGENT, **{"Idempotency-Key": "k"})
    again = api.post("/v1/agents", json=AGENT, headers={"Idempotency-Key": "k"})
    assert again.status_code == 201 and again.json()["data"]["id"] == agent["id"]
    body = {**TASK, "agent_id": agent["id"]}
    first = create(api, "/v1/tasks", body, **{"Idempotency-Key": "t"})
    assert create(api, "/v1/tasks", body, **{"Idempotency-Key": "t"})["id"] == first["id"]
    other = api.post("/v1/tasks", json={**body, "priority": "low"}, headers={"Idempotency-Key": "t"})
    assert other.status_code == 409
    assert api.get("/v1/tasks").json()["pagination"]["total"] == 1


def test_health_is_as_documented(api: httpx.Client) -> None:
    create(api, "/v1/agents", AGENT)
    answer = api.get("/v1/health")
    assert answer.status_code == 200
    health = answer.json()
    assert health["status"] == "healthy" and health["timestamp"].endswith("Z")
    services, metrics = health["services"], health["metrics"]
    assert services["database"]["status"] == "healthy" and 0 < services["database"]["response_time"] < 1000
    assert services["redis"] == {"status": "not_configured"}
    assert services["message_queue"] == {"status": "healthy", "pending_messages": 0, "oldest_age_seconds": 0}
    assert metrics["active_agents"] == metrics["running_tasks"] == metrics["completed_tasks_today"] == 0
    assert metrics["system_load"] >= 0 and 0 < metrics["memory_usage"] <= 100 and 0 < metrics["disk_usage"] <= 100


def test_metrics_are_as_documented(api: httpx.Client, stack: Stack, key: str) -> None:
    with stack.client(key) as orchestra:
        agent = orchestra.post("/v1/agents", json=UPPER).json()["id"]
        orchestra.post(f"/v1/agents/{agent}/execute", json={"input_data": {"text": "a"}})
    data = api.get("/v1/metrics").json()["data"]
    assert data["period"] == "24h"
    assert set(data["metrics"]) == {"task_completion_rate", "response_time", "error_rate", "throughput"}
    (point,) = data["metrics"]["task_completion_rate"]
    assert point["value"] == 100 and point["timestamp"].endswith("Z")
    assert data["metrics"]["response_time"][0]["value"] > 0 and data["metrics"]["error_rate"][0]["value"] == 0
    for period, buckets in (("1h", 60), ("24h", 24), ("7d", 28), ("30d", 30)):
        one = api.get(f"/v1/metrics?period={period}&metric=throughput").json()["data"]
        assert one["period"] == period and list(one["metrics"]) == ["throughput"]
        assert len(one["metrics"]["throughput"]) == buckets


REFUSALS = [
    ("GET", "/v1/agents?page=0", None, 400, "page", ""),
    ("GET", "/v1/agents?page=-1", None, 400, "page", ""),
    ("GET", "/v1/agents?page=many", None, 400, "page", "whole number"),
    ("GET", "/v1/agents?limit=0", None, 400, "limit", ""),
    ("GET", "/v1/agents?limit=1000", None, 400, "limit", "100"),
    ("GET", "/v1/agents?status=asleep", None, 400, "status", "active"),
    ("GET", "/v1/agents?colour=red", None, 400, "colour", "unknown"),
    ("GET", "/v1/tasks?page=0", None, 400, "page", ""),
    ("GET", "/v1/tasks?limit=101", None, 400, "limit", ""),
    ("GET", "/v1/tasks?status=asleep", None, 400, "status", ""),
    ("GET", "/v1/tasks?priority=urgent", None, 400, "priority", "critical"),
    ("GET", "/v1/tasks?agent_id=x", None, 400, "agent_id", "id of a"),
    ("GET", "/v1/tasks?created_after=yesterday", None, 400, "created_after", "2030"),
    ("GET", "/v1/tasks?created_before=1700000000", None, 400, "created_before", ""),
    ("GET", "/v1/tasks?created_before=9999-01-01T00:00:00Z", None, 400, "created_before", ""),
    ("GET", "/v1/metrics?period=2h", None, 400, "period", "1h, 24h, 7d, 30d"),
    ("GET", "/v1/metrics?metric=beauty", None, 400, "metric", "throughput"),
    ("POST", "/v1/agents", {}, 400, "name", "required"),
    ("POST", "/v1/agents", {"name": "a"}, 400, "type", "required"),
    ("POST", "/v1/agents", {"name": "a", "type": "  "}, 400, "type", ""),
    ("POST", "/v1/agents", {"name": "x" * 201, "type": "t"}, 400, "name", "200"),
    ("POST", "/v1/agents", {"name": 1, "type": "t"}, 400, "name", "string"),
    ("POST", "/v1/agents", {"name": "a", "type": "t", "configuration": "fast"}, 400, "configuration", "object"),
    (
        "POST",
        "/v1/agents",
        {"name": "a", "type": "t", "configuration": {"timeout": 0}},
        400,
        "configuration.timeout",
        "",
    ),
    (
        "POST",
        "/v1/agents",
        {"name": "a", "type": "t", "configuration": {"timeout": "x"}},
        400,
        "configuration.timeout",
        "number",
    ),
    ("POST", "/v1/agents", {"name": "a", "type": "t", "configuration": {"model": 5}}, 400, "configuration.model", "string"),
    ("POST", "/v1/agents", {"name": "a", "type": "t", "configuration": {"model": "mode/lite"}}, 400, "configuration.model", "provider"),
    (
        "POST",
        "/v1/agents",
        {"name": "a", "type": "t", "configuration": {"retry_attempts": 1.5}},
        400,
        "configuration.retry_attempts",
        "whole",
    ),
    (
        "POST",
        "/v1/agents",
        {"name": "a", "type": "t", "configuration": {"max_concurrent_tasks": 0}},
        400,
        "configuration.max_concurrent_tasks",
        "",
    ),
    (
        "POST",
        "/v1/agents",
        {"name": "a", "type": "t", "configuration": {"max_concurrent_tasks": True}},
        400,
        "configuration.max_concurrent_tasks",
        "",
    ),
    (
        "POST",
        "/v1/agents",
        {"name": "a", "type": "t", "configuration": {"x": "y" * 70_000}},
        400,
        "configuration",
        "larger",
    ),
    ("POST", "/v1/agents", {"name": "a", "type": "t", "capabilities": [""]}, 400, "capabilities", ""),
    ("POST", "/v1/agents", b"{", 400, "body", "JSON"),
    ("POST", "/v1/agents", [], 400, "body", "object"),
    ("PUT", "/v1/agents/{agent}", {"name": ""}, 400, "name", ""),
    ("PUT", "/v1/agents/{agent}", {"status": "error"}, 400, "status", "inactive"),
    ("POST", "/v1/tasks", {}, 400, "agent_id", ""),
    ("POST", "/v1/tasks", {"type": "nobody"}, 400, "type", "nobody"),
    ("POST", "/v1/tasks", {"type": "x", "agent_type": "nobody"}, 400, "agent_type", "nobody"),
    ("POST", "/v1/tasks", {"agent_id": "{agent}", "priority": "urgent"}, 400, "priority", ""),
    ("POST", "/v1/tasks", {"agent_id": "{agent}", "payload": "text"}, 400, "payload", "object"),
    ("POST", "/v1/tasks", {"agent_id": "{agent}", "payload": {"x": "y" * 1_100_000}}, 400, "payload", "larger"),
    ("POST", "/v1/tasks", {"agent_id": "{agent}", "schedule": {"type": "soon"}}, 400, "schedule.type", "cron"),
    ("POST", "/v1/tasks", {"agent_id": "{agent}", "schedule": {"type": "at"}}, 400, "schedule.at", ""),
    ("POST", "/v1/tasks", {"agent_id": "{agent}", "schedule": {"type": "at", "at": "noon"}}, 400, "schedule.at", ""),
    (
        "POST",
        "/v1/tasks",
        {"agent_id": "{agent}", "schedule": {"type": "delay", "seconds": -1}},
        400,
        "schedule.seconds",
        "",
    ),
    (
        "POST",
        "/v1/tasks",
        {"agent_id": "{agent}", "schedule": {"type": "cron", "expression": "x"}},
        400,
        "schedule.expression",
        "",
    ),
    (
        "POST",
        "/v1/tasks",
        {"agent_id": "{agent}", "schedule": {"type": "cron", "expression": "* * * * *", "timezone": "Mars"}},
        400,
        "schedule.timezone",
        "",
    ),
    (
        "POST",
        "/v1/tasks",
        {"agent_id": "{agent}", "schedule": {"type": "immediate", "at": "x"}},
        400,
        "schedule.at",
        "",
    ),
    ("POST", "/v1/tasks", {"agent_id": "{agent}", "timeout": 0}, 400, "timeout", ""),
    ("POST", "/v1/tasks", {"agent_id": "{agent}", "retry": {"max_retries": 101}}, 400, "retry.max_retries", ""),
    ("POST", "/v1/tasks", {"agent_id": "{agent}", "depends_on": ["x"]}, 400, "depends_on", ""),
    ("POST", "/v1/tasks", {"agent_id": "{agent}", "retry": 3}, 400, "retry", "must be an object"),
    ("POST", "/v1/workflows", {"name": "w", "steps": ["x"]}, 400, "steps[0]", "must be an object"),
    ("GET", "/v1/agents?page=1&page=2", None, 400, "page", "is given twice"),
    ("GET", "/v1/tasks?type=%ff", None, 400, "query", "malformed"),
    ("GET", "/v1/tasks?type=%00", None, 400, "type", "NUL"),
    ("GET", "/v1/agents?type=a%00", None, 400, "type", "NUL"),
]


@pytest.mark.parametrize(
    "case", REFUSALS, ids=[f"{case[0]} {case[1]} {case[4]} {n}" for n, case in enumerate(REFUSALS)]
)
def test_bad_input_gets_a_clear_error_as_documented(api: httpx.Client, case: tuple) -> None:
    method, path, body, status, field, issue = case
    agent = create(api, "/v1/agents", AGENT)["id"] if "{agent}" in f"{path}{str(body)[:500]}" else ""
    content = (
        body
        if isinstance(body, bytes)
        else None
        if body is None
        else json.dumps(body).replace("{agent}", agent).encode()
    )
    answer = api.request(
        method, path.replace("{agent}", agent), content=content, headers={"content-type": "application/json"}
    )
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert error["code"] == "INVALID_REQUEST" and error["message"], error
    assert error["details"]["field"] == field and issue in error["details"]["issue"], error


@pytest.mark.parametrize("name", ["agent_id", "agentId", "agent%5Fid"])
def test_the_path_alone_says_which_agent(api: httpx.Client, name: str) -> None:
    mine, other = (create(api, "/v1/agents", AGENT)["id"] for _ in range(2))
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        body = {"name": "changed"} if method in ("PUT", "PATCH") else None
        refused = api.request(method, f"/v1/agents/{mine}?{name}={other}", json=body)
        assert refused.status_code == 400 and refused.json()["error"]["details"]["field"] == "agent_id", refused.text
    for method in ("PUT", "PATCH"):
        answer = api.request(
            method, f"/v1/agents/{mine}", json={name.replace("%5F", "_"): other, "description": method}
        )
        if name == "agentId":
            assert answer.json()["data"]["id"] == mine
        else:
            assert answer.status_code == 400 and answer.json()["error"]["details"]["field"] == "agent_id", answer.text
    assert api.get(f"/v1/agents/{other}").json()["data"]["description"] == ""
    assert api.put(f"/v1/agents/{mine}", json={"agent_id": mine, "name": "b"}).status_code == 200


def test_the_path_alone_says_which_task_run_or_worker(api: httpx.Client) -> None:
    agent = create(api, "/v1/agents", AGENT)["id"]
    one, two = (create(api, "/v1/tasks", {**TASK, "agent_id": agent})["id"] for _ in range(2))
    worker, other = (create(api, "/v1/workers", {"agent_id": agent})["id"] for _ in range(2))
    paths = [(f"/v1/tasks/{one}/{verb}", "task_id", two) for verb in ("cancel", "retry")]
    paths += [
        (f"/v1/workflows/workflow_{NOBODY}/runs/run_{NOBODY}/cancel", each, "x") for each in ("workflow_id", "run_id")
    ]
    paths += [(f"/v1/runs/run_{NOBODY}/{verb}", "run_id", "x") for verb in ("cancel", "retry")]
    paths += [(f"/v1/workflows/workflow_{NOBODY}/execute", "workflow_id", "x")]
    paths += [(f"/v1/workers/{worker}/{verb}", "worker_id", other) for verb in ("heartbeat", "leases", "drain")]
    verbs = ("progress", "logs", "complete", "fail", "cancelled", "release")
    paths += [(f"/v1/workers/{worker}/tasks/{one}/{verb}", "task_id", two) for verb in verbs]
    for path, field, value in paths:
        for refused in (api.post(path, json={field: value}), api.post(f"{path}?{field}={value}", json={})):
            assert refused.status_code == 400 and refused.json()["error"]["details"]["field"] == field, (
                path,
                refused.text,
            )
    for path, field in (
        (f"/v1/tasks/{one}", "task_id"),
        (f"/v1/workers/{worker}", "worker_id"),
        ("/v1/runs/x", "run_id"),
    ):
        refused = api.get(f"{path}?{field}=x")
        assert refused.status_code == 400 and refused.json()["error"]["details"]["field"] == field, (path, refused.text)
    refused = api.delete(f"/v1/workers/{worker}?worker_id={other}")
    assert refused.status_code == 400 and refused.json()["error"]["details"]["field"] == "worker_id"
    assert api.get(f"/v1/tasks/{two}").json()["data"]["status"] == "pending"
    assert {api.get(f"/v1/workers/{each}").json()["data"]["status"] for each in (worker, other)} == {"active"}
    assert api.get(f"/v1/runs?workflow_id=workflow_{NOBODY}").status_code == 404


def test_grpc_is_refused_at_the_port_of_json(api: httpx.Client) -> None:
    for method, path in (("GET", "/v1/agents"), ("POST", "/v1/agents"), ("POST", "/oauth/token"), ("GET", "/v1/nope")):
        for content_type in ("application/grpc", "Application/gRPC+proto", "application/grpc-web"):
            answer = api.request(method, path, content=b"", headers={"content-type": content_type})
            assert answer.status_code == 415 and answer.headers["content-type"] == "application/json"
            error = answer.json()["error"]
            assert (error if path == "/oauth/token" else error["code"]) == (
                "invalid_request" if path == "/oauth/token" else "UNSUPPORTED_MEDIA_TYPE"
            )
            assert "grpc-status" not in answer.headers


def test_what_is_no_request_for_a_token_is_refused_in_the_words_of_oauth(api: httpx.Client) -> None:
    large = {"content": b" " * 3_000_000}
    for status, method, path, more in (
        (405, "GET", "/oauth/token", {}),
        (404, "POST", "/oauth/nothing", {}),
        (400, "POST", "/oauth/token?grant_type=client_credentials", {}),
        (413, "POST", "/oauth/token", large),
    ):
        answer = api.request(method, path, **more)
        assert answer.status_code == status and answer.headers["cache-control"] == "no-store", answer.text
        assert answer.json()["error"] == "invalid_request" and answer.json()["error_description"]


def test_what_is_not_there_gets_404_and_others_see_nothing(api: httpx.Client, stack: Stack) -> None:
    mine = create(api, "/v1/agents", AGENT)["id"]
    task = create(api, "/v1/tasks", {**TASK, "agent_id": mine})["id"]
    paths = [("GET", f"/v1/agents/{mine}"), ("PUT", f"/v1/agents/{mine}"), ("DELETE", f"/v1/agents/{mine}")]
    paths += [("GET", f"/v1/tasks/{task}"), ("POST", f"/v1/tasks/{task}/cancel"), ("POST", f"/v1/tasks/{task}/retry")]
    with httpx.Client(base_url=api.base_url, headers={"authorization": f"Bearer {stack.tenant()}"}) as stranger:
        for method, path in paths:
            assert stranger.request(method, path).status_code == 404, path
        assert stranger.post("/v1/tasks", json={**TASK, "agent_id": mine}).status_code == 404
        assert stranger.get("/v1/tasks").json()["pagination"]["total"] == 0
    assert api.post("/v1/health").status_code == 405 and api.post("/v1/health").headers["allow"] == "GET, HEAD"
    for method, path in paths + [("GET", "/v1/nope"), ("GET", "/v1/events"), ("GET", "/v1/sessions")]:
        path = path.replace(mine, f"agent_{NOBODY}").replace(task, "task_x")
        answer = api.request(method, path)
        assert answer.status_code == 404 and answer.json()["error"]["code"] == "NOT_FOUND", (path, answer.text)
    unknown = api.post("/v1/tasks", json={**TASK, "agent_id": f"agent_{NOBODY}"})
    assert unknown.status_code == 404 and unknown.json()["error"]["details"]["resource"] == "agent"


def test_credentials_and_scopes(api: httpx.Client, stack: Stack) -> None:
    _, weak = stack.new_key(scopes="tasks:read")
    with httpx.Client(base_url=api.base_url) as client:
        for headers in ({}, {"authorization": "Bearer wrong"}):
            refused = client.get("/v1/agents", headers=headers)
            assert refused.status_code == 401 and refused.json()["error"]["code"] == "UNAUTHORIZED"
        mine = {"authorization": f"Bearer {weak}"}
        assert client.get("/v1/tasks", headers=mine).status_code == 200
        for method, path in (
            ("GET", "/v1/agents"),
            ("GET", "/v1/health"),
            ("GET", "/v1/metrics"),
            ("POST", "/v1/tasks"),
        ):
            assert (
                client.request(method, path, headers=mine, json={"type": "x"} if method == "POST" else None).status_code
                == 403
            )
    standing = api.get("/v1/agents").headers
    assert standing["x-ratelimit-limit"] == "100000" and int(standing["x-ratelimit-remaining"]) < 100000
    assert int(standing["x-ratelimit-reset"]) > time.time()
    large = api.post("/v1/tasks", content=b"{" + b" " * 3_000_000 + b"}", headers={"content-type": "application/json"})
    assert large.status_code == 413 and large.json()["error"]["code"] == "PAYLOAD_TOO_LARGE"


def test_a_burst_is_refused_after_a_hundred_in_a_minute(tmp_path) -> None:
    stack = Stack(tmp_path / "data").start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{stack.operations_port}") as client:
            minute = None
            while minute != time.time() // 60:
                # Again, with another key, where the minute has ended meanwhile.
                minute, mine = time.time() // 60, {"authorization": f"Bearer {stack.tenant()}"}
                answers = [client.get("/v1/agents", headers=mine) for _ in range(101)]
            assert [answer.status_code for answer in answers] == [200] * 100 + [429]
            assert (
                answers[0].headers["x-ratelimit-limit"] == "1000"
                and answers[0].headers["x-ratelimit-remaining"] == "999"
            )
            error = answers[100].json()["error"]
            assert error["code"] == "RATE_LIMITED" and error["details"]["window"] == "minute"
            assert 1 <= int(answers[100].headers["retry-after"]) <= 60
            assert answers[100].headers["x-ratelimit-limit"] == "100"
    finally:
        stack.stop()
