"""Tasks of the CoordinAItor API as people and agents share them: through a real Envoy."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

import httpx2 as httpx
import pytest

from tests.support.stack import Stack
from tests.support.waiting import until

pytestmark = pytest.mark.xdist_group("stack")
DASHBOARD = {
    "title": "Build user dashboard",
    "description": "Create a comprehensive user dashboard with analytics and controls",
    "priority": "medium",
    "tags": ["frontend", "dashboard", "analytics"],
    "estimatedHours": 12,
    "dueDate": "2024-02-20T00:00:00Z",
    "requirements": ["Responsive design", "Real-time data updates"],
    "acceptanceCriteria": ["Dashboard loads within 2 seconds"],
}


@pytest.fixture
def people(stack: Stack, key: str):
    """A client of the port and paths of this API."""
    base = f"http://127.0.0.1:{stack.operations_port}"
    with httpx.Client(base_url=base, headers={"authorization": f"Bearer {key}"}, timeout=30) as opened:
        yield opened


def make(people: httpx.Client, **given) -> dict:
    made = people.post("/api/v1/tasks", json={**DASHBOARD, **given})
    assert made.status_code == 201, made.text
    return made.json()["data"]


def worker(people: httpx.Client) -> dict:
    """An external agent with a worker that is there."""
    name = f"bot {uuid.uuid4().hex[:6]}"
    agent = people.post("/v1/agents", json={"name": name, "type": "coding", "capabilities": ["react"]}).json()["data"]
    connected = people.post("/v1/workers", json={"agent_id": agent["id"], "capacity": 3})
    assert connected.status_code in (200, 201), connected.text
    return {"agent": agent["id"].replace("agent_", "agent-"), "name": name, "worker": connected.json()["data"]["id"]}


def test_a_task_of_a_person_has_what_he_said_of_it(people: httpx.Client) -> None:
    made = people.post("/api/v1/tasks", json=DASHBOARD)
    task = made.json()["data"]
    assert made.status_code == 201 and made.headers["etag"] == '"1"'
    assert task["title"] == "Build user dashboard" and task["status"] == "pending"
    assert task["tags"] == ["analytics", "dashboard", "frontend"] and task["dueDate"] == "2024-02-20T00:00:00Z"
    assert task["estimatedHours"] == 12 and task["actualHours"] == 0 and task["progress"] == 0
    assert task["createdBy"].startswith("user-") and task["agentId"] is None and task["projectId"] is None
    assert task["acceptanceCriteria"] == DASHBOARD["acceptanceCriteria"] and "assignedAgent" not in task
    assert people.get(f"/api/v1/tasks/{task['id']}").json()["data"] == task
    older = people.post("/api/tasks", json={"title": "x"}).json()
    assert older["task"] == older["data"]
    assert people.get(f"/api/tasks/{task['id']}").json()["task"] == task


def test_everything_that_is_wrong_is_said_at_once(people: httpx.Client) -> None:
    refused = people.post("/api/v1/tasks", json={"title": " ", "priority": "urgent", "dueDate": "soon"})
    assert refused.status_code == 422
    error = refused.json()["error"]
    assert error["code"] == "VALIDATION_ERROR"
    assert error["details"]["title"] == ["Title is required"]
    assert error["details"]["priority"] == ["Priority must be one of: low, medium, high"]
    assert set(error["details"]) == {"title", "priority", "dueDate"}
    only = people.post("/api/v1/tasks", json={})
    assert only.status_code == 422 and only.json()["error"]["details"] == {"title": ["Title is required"]}
    for query, field in (
        ("status=done", "status"),
        ("sortBy=colour", "sortBy"),
        ("createdAfter=2024-02-01&createdBefore=2024-01-01", "createdAfter"),
        ("limit=101", "limit"),
        ("projectId=nothing", "projectId"),
    ):
        bad = people.get(f"/api/v1/tasks?{query}")
        assert bad.status_code == 422 and field in bad.json()["error"]["details"], (query, bad.text)
    assert people.get("/api/v1/tasks?colour=red").status_code == 400
    bad = people.get(f"/api/v1/tasks/{make(people)['id']}?include=colour")
    assert bad.status_code == 422 and "include" in bad.json()["error"]["details"]


def test_lists_are_filtered_sorted_and_linked(people: httpx.Client) -> None:
    tag = f"t{uuid.uuid4().hex[:8]}"
    low = make(people, title="Authentication with tokens", tags=[tag, "a"], priority="low", dueDate="2024-03-01")
    high = make(people, title="Sessions", description="They authenticate users", tags=[tag, "b"], priority="high")
    make(people, title="Something else", tags=["a", "b"])

    def ids(query: str) -> list[str]:
        found = people.get(f"/api/v1/tasks?{query}")
        assert found.status_code == 200, found.text
        return [each["id"] for each in found.json()["data"]]

    assert ids(f"tags={tag}") == [high["id"], low["id"]]
    assert ids(f"tags={tag},a") == [low["id"]] and ids(f"tags={tag},a,b") == []
    assert ids(f"tags={tag}&priority=high") == [high["id"]]
    assert ids(f"tags={tag}&search=authenticating") == [high["id"], low["id"]]
    assert ids(f"tags={tag}&search=authentication%20tokens") == [low["id"]]
    assert ids(f"tags={tag}&sortBy=dueDate&sortOrder=asc") == [high["id"], low["id"]]
    assert ids(f"tags={tag}&sortBy=priority&sortOrder=asc") == [low["id"], high["id"]]
    assert ids(f"tags={tag}&status=completed") == []
    page = people.get(f"/api/v1/tasks?tags={tag}&limit=1").json()
    assert page["pagination"] == {
        "page": 1, "limit": 1, "total": 2, "pages": 2, "hasNext": True, "hasPrev": False,
    }  # fmt: skip
    assert page["links"]["prev"] is None and page["links"]["next"] == f"/api/v1/tasks?page=2&limit=1&tags={tag}"
    assert people.get(page["links"]["next"]).json()["data"][0]["id"] == low["id"]
    older = people.get(f"/api/tasks?tags={tag}").json()
    assert older["tasks"] == older["data"] and len(older["tasks"]) == 2


def test_a_task_is_changed_moved_and_deleted(people: httpx.Client) -> None:
    task = make(people)
    path = f"/api/v1/tasks/{task['id']}"
    changed = people.put(path, json={"title": "Updated", "priority": "high", "dueDate": None, "tags": ["new"]})
    assert changed.status_code == 200, changed.text
    data = changed.json()["data"]
    assert (data["title"], data["priority"], data["dueDate"], data["tags"]) == ("Updated", "high", None, ["new"])
    assert data["description"] == task["description"]
    assert people.get("/api/v1/tasks?search=updated&tags=new").json()["data"][0]["id"] == task["id"]
    stale = people.patch(path, json={"title": "Again"}, headers={"if-match": '"1"'})
    assert stale.status_code == 409 and stale.json()["error"]["code"] == "CONFLICT_ERROR"
    taken = people.patch(path, json={"status": "active"}).json()["data"]
    assert taken["status"] == "active" and taken["takenBy"] == task["createdBy"]
    done = people.patch(path, json={"status": "completed", "actualHours": 7.5, "progress": 1.0}).json()["data"]
    assert (done["status"], done["actualHours"], done["progress"]) == ("completed", 7.5, 1)
    assert people.patch(path, json={"status": "failed"}).status_code == 409
    opened = people.patch(path, json={"status": "pending"}).json()["data"]
    assert opened["status"] == "pending" and opened["takenBy"] is None and opened["completedAt"] is None
    full = people.get(f"{path}?include=history,metrics").json()["data"]
    assert full["metrics"] == {"timeSpent": 7.5, "completionRate": 0, "changeRequests": 1}
    actions = [(each["action"], each["from"], each["to"]) for each in full["history"]]
    assert ("reopened", "completed", "pending") in actions and ("status_changed", "pending", "active") in actions
    assert actions[-1][0] == "created"
    assert {each["via"] for each in full["history"]} == {"coordinaitor"}
    assert {each["user"] for each in full["history"]} == {task["createdBy"]}
    gone = people.delete(f"{path}?reason=duplicate")
    assert gone.status_code == 204 and gone.content == b""
    assert people.get(path).status_code == 404 and people.delete(path).status_code == 404
    assert people.get("/api/v1/tasks?search=updated&tags=new").json()["data"] == []


def test_what_an_agent_does_is_taken_from_it(people: httpx.Client) -> None:
    bot = worker(people)
    task = make(people, agentId=bot["agent"])
    path = f"/api/v1/tasks/{task['id']}"
    assert people.get(path).json()["data"]["assignedAgent"] == {
        "id": bot["agent"], "name": bot["name"], "type": "coding",
    }  # fmt: skip
    claimed = people.post(f"/v1/workers/{bot['worker']}/leases", json={"max": 1})
    assert claimed.status_code == 200, claimed.text
    lease = claimed.json()["data"][0]
    assert lease["task"]["payload"]["title"] == "Build user dashboard"
    held = people.patch(path, json={"status": "completed"})
    assert held.status_code == 409 and "/take" in held.json()["error"]["message"]
    taken = people.post(f"{path}/take").json()["data"]
    assert taken["status"] == "active" and taken["agentId"] is None and taken["takenBy"]
    late = people.post(
        f"/v1/workers/{bot['worker']}/tasks/{lease['task']['id']}/complete",
        json={"attempt": lease["attempt"], "result": {"late": True}},
    )
    assert late.status_code == 409 and "STALE_LEASE" in late.text, late.text
    why = people.get(f"{path}/why").json()["data"]
    assert why["reasons"][0]["rule"] == "person"
    back = people.post(f"{path}/release", json={}).json()["data"]
    assert back["status"] == "pending" and back["agentId"] == bot["agent"]
    history = people.get(f"{path}/history").json()
    assert history["pagination"]["total"] == len(history["data"])
    assert ("status_changed", bot["agent"]) in {(each["action"], each["user"]) for each in history["data"]}


def test_of_two_people_who_move_a_task_at_once_one_is_told_so(stack: Stack, people: httpx.Client) -> None:
    ada, bob = (httpx.Client(base_url=people.base_url, headers=each, timeout=30) for each in two_people(people))
    with ada, bob, ThreadPoolExecutor(2) as pool:
        for status in ("active", "completed"):
            path = f"/api/v1/tasks/{make(ada)['id']}"
            moved = list(pool.map(lambda who, path=path, to=status: who.patch(path, json={"status": to}), (ada, bob)))
            assert sorted(each.status_code for each in moved) == [200, 409], [each.text for each in moved]
            (refused,) = [each.json()["error"] for each in moved if each.status_code == 409]
            assert refused["code"] == "CONFLICT_ERROR" and refused["details"]["reason"] == "TAKEN"


def two_people(people: httpx.Client) -> list[dict[str, str]]:
    """The credentials of two people of one organization."""
    password, tokens, invitation = "kX9-lamp-river", [], {}
    for name in ("Ada", "Bob"):
        email = f"{uuid.uuid4().hex}@example.com"
        if tokens:
            offer = people.post("/api/v1/invitations", json={"email": email, "role": "developer"}, headers=tokens[0])
            invitation = {"invitationToken": offer.json()["data"]["token"]}
        person = {"email": email, "password": password, "name": name, **invitation}
        login = people.post("/api/v1/auth/register", json=person, headers={"authorization": ""}).json()
        tokens.append({"authorization": f"Bearer {login['accessToken']}"})
    return tokens


def test_what_is_open_keeps_its_project_and_goes_with_its_agent(people: httpx.Client) -> None:
    bot = worker(people)
    project = people.post("/api/v1/projects", json={"name": "p"}).json()["data"]["id"]
    task = make(people, agentId=bot["agent"], projectId=project)
    (lease,) = people.post(f"/v1/workers/{bot['worker']}/leases", json={"max": 1}).json()["data"]
    kept = people.delete(f"/api/v1/projects/{project}")
    assert kept.status_code == 409 and kept.json()["error"]["details"]["reason"] == "PROJECT_HAS_OPEN_TASKS"
    # The agent is deleted while it works: its task ends, and what it says too late counts for nothing.
    assert people.delete(f"/api/v1/agents/{bot['agent']}").status_code == 204
    until(lambda: people.get(f"/api/v1/tasks/{task['id']}").json()["data"]["status"] == "cancelled", 30)
    late = people.post(
        f"/v1/workers/{bot['worker']}/tasks/{lease['task_id']}/complete", json={"attempt": 1, "result": {"late": True}}
    )
    assert late.status_code in (404, 409), late.text
    shown = people.get(f"/api/v1/tasks/{task['id']}").json()["data"]
    assert shown["status"] == "cancelled" and not shown.get("result")
    # A person may open it again all the same.
    opened = people.patch(f"/api/v1/tasks/{task['id']}", json={"status": "active"})
    assert opened.status_code == 200 and opened.json()["data"]["agentId"] is None, opened.text
    done = people.patch(f"/api/v1/tasks/{task['id']}", json={"status": "completed"})
    assert done.status_code == 200 and people.delete(f"/api/v1/projects/{project}").status_code == 204
