"""Projects of the CoordinAItor API, as its users see them: through a real Envoy."""

from __future__ import annotations

import re
import subprocess
import uuid
from pathlib import Path

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


DOCUMENTED = {
    "name": "Mobile Application",
    "description": "Cross-platform mobile app for iOS and Android",
    "startDate": "2024-02-01T00:00:00Z",
    "endDate": "2024-06-30T23:59:59Z",
    "priority": "medium",
    "budget": {"hours": 500, "cost": 75000},
    "tags": ["mobile", "react-native", "ios", "android"],
}


def test_a_project_is_created_and_listed_as_documented(people: httpx.Client) -> None:
    made = people.post("/api/v1/projects", json=DOCUMENTED)
    assert made.status_code == 201, made.text
    project = made.json()["data"]
    assert project["id"].startswith("proj-") and made.headers["etag"] == '"1"'
    assert project["budget"] == DOCUMENTED["budget"] and project["startDate"] == DOCUMENTED["startDate"]
    assert [each["role"] for each in project["teamMembers"]] == ["project-manager"] and project["agents"] == []
    found = people.get("/api/v1/projects?limit=1&search=MOBILE").json()
    listed = {name: value for name, value in project.items() if name not in ("teamMembers", "agents")}
    assert found["data"] == [listed] and listed["taskCount"] == {"total": 0, "completed": 0, "active": 0, "pending": 0}
    assert (listed["progress"], listed["teamSize"], listed["assignedAgents"]) == (0, 1, 0)
    assert found["pagination"] == {"page": 1, "limit": 1, "total": 1, "pages": 1, "hasNext": False, "hasPrev": False}
    assert found["links"]["first"] == "/api/v1/projects?page=1&limit=1&search=MOBILE" and found["links"]["next"] is None
    older = people.get("/api/projects").json()
    assert older["projects"] == older["data"] == [listed]


def created(people: httpx.Client, **given) -> dict:
    made = people.post("/api/v1/projects", json={"name": "P", **given})
    assert made.status_code == 201, made.text
    return made.json()["data"]


def agent(people: httpx.Client) -> str:
    made = people.post("/v1/agents", json={"name": "Ada", "type": "analysis", "capabilities": ["sums"]}).json()
    return made["data"]["id"]


def test_every_path_of_a_project_answers_with_its_status_and_shape(stack: Stack, people: httpx.Client) -> None:
    who = agent(people)
    project = created(people, agents=[who], startDate="2024-02-01T00:00:00Z", budget={"hours": 1})
    path = f"/api/v1/projects/{project['id']}"
    assert project["agents"][0]["name"] == "Ada" and project["assignedAgents"] == 1
    assert project["budget"] == {"hours": 1, "cost": None}
    found = people.get(path)
    assert found.status_code == 200 and found.json()["data"] == project and found.headers["etag"] == '"1"'
    older = people.get(f"/api/projects/{project['id']}").json()
    assert older["project"] == older["data"] == project
    changed = people.put(path, json={"name": "Q", "tags": [], "startDate": None, "budget": None, "status": "on-hold"})
    assert changed.status_code == 200, changed.text
    data = changed.json()["data"]
    assert (data["name"], data["status"], data["startDate"], data["budget"]) == ("Q", "on-hold", None, None)
    completed = people.patch(path, json={"status": "completed"}, headers={"if-match": '"2"'}).json()["data"]
    assert completed["status"] == "completed" and completed["completedAt"] and completed["name"] == "Q"
    stale = people.patch(path, json={"name": "R"}, headers={"if-match": '"2"'})
    assert stale.status_code == 409 and stale.json()["error"]["code"] == "CONFLICT_ERROR"
    wrong = people.patch(path, json={"status": "on-hold"})
    assert wrong.status_code == 409 and wrong.json()["error"]["details"]["reason"] == "INVALID_TRANSITION"
    (owner,) = people.get(f"{path}/members").json()["data"]
    assert owner["role"] == "project-manager" and owner["projectId"] == project["id"]
    again = people.post(f"{path}/members", json={"userId": owner["userId"], "role": "viewer"})
    assert again.status_code == 409 and again.json()["error"]["details"]["reason"] == "MEMBER_EXISTS"
    gone = people.delete(f"{path}/members/{owner['userId']}")
    assert gone.status_code == 204 and gone.content == b"" and "content-type" not in gone.headers
    assert "content-length" not in gone.headers
    wanted = {"userId": owner["userId"], "role": "developer", "permissions": ["tasks:read", "tasks:write"]}
    added = people.post(f"{path}/members", json=wanted)
    assert added.status_code == 201 and added.json()["data"]["permissions"] == ["tasks:read", "tasks:write"]
    changed = people.put(f"{path}/members/{owner['userId']}", json={"role": "viewer"})
    assert changed.json()["data"]["role"] == "viewer" and changed.json()["data"]["permissions"] == []
    assert people.delete(f"{path}/agents/{who}").status_code == 204
    assert people.delete(f"{path}/agents/{who}").status_code == 404
    assert people.post(f"{path}/agents", json={"agentId": who}).json()["data"]["assignedAgents"] == 1
    assert people.get(f"{path}/tasks").json()["data"] == []
    assert people.delete(path).status_code == 204
    assert people.get(path).status_code == 404 and people.get(f"{path}/tasks").status_code == 404


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"description": "x" * 10_001}, "description"),
        ({"priority": "urgent"}, "priority"),
        ({"status": "open"}, "status"),
        ({"startDate": "soon"}, "startDate"),
        ({"startDate": 7}, "startDate"),
        ({"startDate": "2024-02-02", "endDate": "2024-02-01T23:59:59Z"}, "endDate"),
        ({"budget": {"hours": -1}}, "budget.hours"),
        ({"tags": ["x"] * 10_000}, "tags"),
        ({"tags": ["x" * 101]}, "tags[0]"),
        ({"teamMembers": [{"userId": "", "role": "developer"}]}, "teamMembers[0].userId"),
        ({"teamMembers": [{"userId": "user-1", "role": "boss"}]}, "teamMembers[0].role"),
        ({"teamMembers": [{"userId": "user-1", "permissions": ["moon:land"]}]}, "teamMembers[0].permissions"),
    ],
)
def test_what_is_wrong_with_a_project_is_said_by_field(people: httpx.Client, given: dict, field: str) -> None:
    refused = people.post("/api/v1/projects", json={"name": "P", **given})
    assert refused.status_code == 422, refused.text
    assert refused.json()["error"]["code"] == "VALIDATION_ERROR" and field in refused.json()["error"]["details"]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": ""}, "name"),
        ({"endDate": "2024-01-01"}, "endDate"),
        ({"budget": {"cost": "much"}}, "budget.cost"),
        ({"budget": 5}, "budget"),
        ({"tags": "x"}, "tags"),
        ({"tags": ["x"] * 10_000}, "tags"),
        ({"tags": ["x" * 101]}, "tags"),
    ],
)
def test_what_is_wrong_with_a_change_is_said_by_field(people: httpx.Client, given: dict, field: str) -> None:
    project = created(people, startDate="2024-02-01T00:00:00Z")
    refused = people.put(f"/api/v1/projects/{project['id']}", json=given)
    assert refused.status_code == 422, refused.text
    assert field in refused.json()["error"]["details"]


def test_projects_of_others_and_what_is_none_are_not_found(stack: Stack, people: httpx.Client) -> None:
    mine, who = created(people), agent(people)
    theirs = httpx.Client(base_url=people.base_url, headers={"authorization": f"Bearer {stack.tenant()}"})
    for path in (f"/api/v1/projects/{mine['id']}", "/api/v1/projects/proj-1"):
        for method, part in (("GET", ""), ("PUT", ""), ("DELETE", ""), ("GET", "/tasks"), ("GET", "/members")):
            found = theirs.request(method, path + part, **({"json": {}} if method == "PUT" else {}))
            assert found.status_code == 404, (method, path, part, found.text)
    own = theirs.post("/api/v1/projects", json={"name": "theirs"}).json()["data"]
    foreign = mine["teamMembers"][0]["userId"]
    path = f"/api/v1/projects/{own['id']}"
    assert theirs.post(f"{path}/members", json={"userId": foreign, "role": "viewer"}).status_code == 404
    assert theirs.post(f"{path}/agents", json={"agentId": who}).status_code == 404
    assert theirs.post("/api/v1/projects", json={"name": "n", "agents": [who]}).status_code == 404
    assert [each["name"] for each in theirs.get("/api/v1/projects").json()["data"]] == ["theirs"]
    unknown = people.get("/api/v1/projects?colour=red")
    assert unknown.status_code == 400
    assert people.get("/api/v1/projects?limit=101").status_code == 422
    assert "status" in people.get("/api/v1/projects?status=new").json()["error"]["details"]


def test_a_viewers_key_reads_and_what_it_lacks_is_named(stack: Stack) -> None:
    base, organization = f"http://127.0.0.1:{stack.operations_port}", uuid.uuid4().hex
    keys = [stack.new_key(organization)[1], stack.new_key(organization, scopes="projects:read tasks:read")[1]]
    boss, viewer = [httpx.Client(base_url=base, headers={"authorization": f"Bearer {key}"}) for key in keys]
    path, who = f"/api/v1/projects/{created(boss)['id']}", agent(boss)
    task = boss.post("/v1/tasks", json={"agent_id": who, "type": "analysis", "input": {}}).json()["data"]["id"]
    assert viewer.get(path).status_code == viewer.get(f"{path}/members").status_code == 200
    for method, place, scope, more in (
        ("POST", "/api/v1/projects", "projects:write", {"json": {"name": "x"}}),
        ("PUT", path, "projects:write", {"json": {"name": "x"}}),
        ("DELETE", path, "projects:write", {}),
        ("POST", f"{path}/members", "projects:write", {"json": {"userId": "user-1"}}),
        ("PUT", f"{path}/members/user-1", "projects:write", {"json": {}}),
        ("DELETE", f"{path}/members/user-1", "projects:write", {}),
        ("POST", f"{path}/agents", "projects:write", {"json": {"agentId": who}}),
        ("DELETE", f"{path}/agents/{who}", "projects:write", {}),
        ("POST", f"/api/v1/tasks/{task}/comments", "tasks:write", {"json": {"content": "x"}}),
        ("POST", f"/api/v1/tasks/{task}/files", "tasks:write", {"files": {"file": ("x", b"x")}}),
        ("POST", f"/api/v1/tasks/{task}/rating", "tasks:write", {"json": {"quality": 1}}),
    ):
        refused = viewer.request(method, place, **more)
        assert refused.status_code == 403, (method, place, refused.text)
        error = refused.json()["error"]
        assert error["code"] == "AUTHORIZATION_ERROR" and error["details"]["scope"] == scope and scope in error["message"]
    assert boss.get(path).headers["etag"] == '"1"'


def test_what_the_documentation_of_projects_shows_works_as_pasted(stack: Stack, key: str, tmp_path: Path) -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "projects.md").read_text()
    (script,) = re.findall(r"```sh\n(.*?)```", text, re.S)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "dev-api-key").write_text(key + "\n")
    script = script.replace("localhost:3000", f"localhost:{stack.operations_port}")
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert '"total":1' in done.stdout and '"status":"completed"' in done.stdout, (done.stdout, done.stderr)
    assert done.stdout.endswith("204\n")
