"""Projects of the CoordinAItor API, as its users see them: through a real Envoy."""

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
