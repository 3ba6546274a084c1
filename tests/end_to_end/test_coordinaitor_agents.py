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
    older = people.get(f"/api/agents/{agent['id']}").json()
    assert older["agent"] == older["data"] == agent
    listed = people.get("/api/agents?limit=1").json()
    assert listed["agents"] == listed["data"]
