"""Workflows over REST, through a real Envoy."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx2 as httpx
import pytest

from tests.support.stack import Stack

pytestmark = pytest.mark.xdist_group("stack")


@pytest.fixture
def rest(stack: Stack) -> Iterator[httpx.Client]:
    headers = {"authorization": f"Bearer {stack.tenant()}"}
    url = f"http://127.0.0.1:{stack.operations_port}"
    with httpx.Client(base_url=url, headers=headers, timeout=30) as opened:
        orchestra = httpx.Client(base_url=stack.url, headers=headers, timeout=60)
        opened.deploy = lambda code: orchestra.post("/v1/agents", json={"name": "a", "code": code})
        yield opened
        orchestra.close()


def ended(rest: httpx.Client, run: dict, status: str | None = None) -> dict:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        found = rest.get(f"/v1/workflows/{run['workflow_id']}/runs/{run['id']}").json()["data"]
        if found["status"] != "running":
            return found
        time.sleep(0.05)
    raise AssertionError(found)


def test_workflows_over_rest(rest: httpx.Client) -> None:
    # Deployed agents are of the type `python` unless they say otherwise.
    assert rest.deploy("def f(n): return {'n': n + 1}").status_code < 300
    steps = [
        {"id": "extract", "name": "Extraction", "agent_type": "python", "order": 1, "input": {"n": "${parameters.n}"}},
        {"name": "Two", "agent_type": "python", "order": 2, "input": {"n": "${steps.extract.output.n}"}},
    ]
    created = rest.post("/v1/workflows", json={"name": "Pipeline", "description": "d", "steps": steps})
    assert created.status_code == 201 and created.headers["etag"] == '"1"', created.text
    workflow = created.json()["data"]
    assert workflow["status"] == "active" and workflow["steps"][1]["id"] == "step_2"
    assert {key: workflow["steps"][0][key] for key in ("id", "name", "agent_type", "order")} == {
        "id": "extract",
        "name": "Extraction",
        "agent_type": "python",
        "order": 1,
    }
    path = f"/v1/workflows/{workflow['id']}"
    assert rest.get(path).json()["data"] == workflow
    listed = rest.get("/v1/workflows", params={"status": "active", "limit": 5}).json()
    assert listed["data"] == [workflow] and listed["pagination"] == {"page": 1, "limit": 5, "total": 1, "pages": 1}
    changed = rest.put(path, json={"name": "New"}, headers={"if-match": '"1"'}).json()["data"]
    assert (changed["name"], changed["version"], len(changed["steps"])) == ("New", 2, 2)
    assert rest.put(path, json={"name": "X"}, headers={"if-match": '"1"'}).status_code == 412
    missing = rest.post(f"{path}/execute", json={"parameters": {}})
    assert missing.status_code == 400 and missing.json()["error"]["details"]["field"] == "parameters.n"
    body = {"parameters": {"n": 1}, "priority": "high"}
    begun = rest.post(f"{path}/execute", json=body, headers={"idempotency-key": "once"})
    assert begun.status_code == 202, begun.text
    assert rest.post(f"{path}/execute", json=body, headers={"idempotency-key": "once"}).json() == begun.json()
    run = begun.json()["data"]
    assert run["workflow_id"] == workflow["id"] and run["priority"] == "high" and run["parameters"] == {"n": 1}
    assert [step["status"] for step in run["steps"]][1] == "waiting"
    done = ended(rest, run)
    assert done["status"] == "completed" and done["output"] == {"step_2": {"n": 3}}, done
    assert done["duration"] >= 0 and done["started_at"] == done["created_at"] and done["completed_at"]
    assert [(step["id"], step["status"], step["attempts"]) for step in done["steps"]] == [
        ("extract", "completed", 1),
        ("step_2", "completed", 1),
    ]
    assert done["steps"][0]["output"] == {"n": 2} and done["steps"][0]["task_id"].startswith("task_")
    assert rest.get(f"/v1/runs/{run['id']}").json()["data"] == done
    runs = rest.get(f"{path}/runs").json()
    assert [each["id"] for each in runs["data"]] == [run["id"]] and runs["pagination"]["total"] == 1
    retry = rest.post(f"{path}/runs/{run['id']}/retry", json={})
    assert retry.status_code == 409 and retry.json()["error"]["code"] == "NOT_RETRYABLE"
    assert rest.post(f"/v1/runs/{run['id']}/cancel", json={}).json()["data"]["status"] == "completed"
    gone = rest.delete(path)
    assert gone.status_code == 200 and gone.json().keys() == {"message", "deleted_at"}
    assert rest.get(path).status_code == 404 and rest.get(f"{path}/runs").status_code == 404


def test_runs_over_rest_are_cancelled_and_retried(rest: httpx.Client) -> None:
    assert rest.deploy("def f(n):\n    import time\n    time.sleep(n)\n    return n").status_code < 300
    steps = [{"agent_type": "python", "input": {"n": 30}}]
    path = f"/v1/workflows/{rest.post('/v1/workflows', json={'name': 'w', 'steps': steps}).json()['data']['id']}"
    run = rest.post(f"{path}/execute", json={}).json()["data"]
    open_run = rest.delete(path)
    assert open_run.status_code == 409 and open_run.json()["error"]["code"] == "WORKFLOW_RUNNING"
    assert open_run.json()["error"]["details"] == {"runs": 1}
    cancelled = rest.post(f"{path}/runs/{run['id']}/cancel", json={}).json()["data"]
    assert cancelled["status"] == "cancelled" and cancelled["error"]
    until = time.monotonic() + 15
    while (retried := rest.post(f"{path}/runs/{run['id']}/retry", json={})).status_code == 409:
        assert retried.json()["error"]["code"] == "RUN_STOPPING" and time.monotonic() < until
        time.sleep(0.05)
    assert retried.json()["data"]["status"] == "running"
    rest.post(f"{path}/runs/{run['id']}/cancel", json={})


def test_bad_requests_over_rest(rest: httpx.Client) -> None:
    def field(body, path="/v1/workflows"):
        answer = rest.post(path, json=body)
        assert answer.status_code == 400, answer.text
        return answer.json()["error"]["details"].get("field")

    good = {"agent_type": "python"}
    assert field({"steps": [good]}) == "name"
    assert field({"name": "w"}) == "steps"
    assert field({"name": "w", "steps": [{}]}) == "steps[0].agent_type"
    assert field({"name": "w", "steps": [{"id": "a b", **good}]}) == "steps[0].id"
    assert field({"name": "w", "steps": [good, {**good, "input": "${steps.step_2.output}"}]}) == "steps[1].input"
    assert field({"name": "w", "steps": [{**good, "retry": {"max_retries": 101}}]}) == "steps[0].retry.max_retries"
    made = rest.post("/v1/workflows", json={"name": "w", "steps": [{"agent_type": "nobody"}]}).json()["data"]
    path = f"/v1/workflows/{made['id']}/execute"
    assert field({"parameters": []}, path) == "parameters"
    assert field({"priority": "urgent"}, path) == "priority"
    assert "no agent of type 'nobody'" in rest.post(path, json={}).json()["error"]["message"]
    for bad in ("?limit=101", "?page=0", "?status=odd"):
        assert rest.get(f"/v1/workflows{bad}").status_code == 400, bad
    assert rest.get("/v1/workflows/workflow_x").status_code == 404
    assert rest.post("/v1/workflows/workflow_x/execute", json={}).status_code == 404
