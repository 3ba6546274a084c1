"""The audit log through a real Envoy: what callers of several APIs did, and what they were refused."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2 as httpx
import pytest

from tests.support.stack import Stack
from tests.support.waiting import until

pytestmark = pytest.mark.xdist_group("stack")
PATH = "/api/v1/system/audit"


@pytest.fixture
def people(stack: Stack, key: str) -> Iterator[httpx.Client]:
    base = f"http://127.0.0.1:{stack.operations_port}"
    with httpx.Client(base_url=base, headers={"authorization": f"Bearer {key}"}, timeout=30) as opened:
        yield opened


def test_an_administrator_sees_who_did_what_through_which_api(
    stack: Stack, people: httpx.Client, client: httpx.Client
) -> None:
    people.post("/v1/agents", json={"name": "Ada", "type": "t"})
    client.post("/v1/sessions", json={"name": "s"})
    found = people.get(PATH).json()
    assert found["success"] is True and found["pagination"]["total"] == 2
    session, agent = found["data"]
    assert (session["action"], session["api"], session["outcome"]) == ("session.created", "agent_orchestration", "done")
    assert (agent["action"], agent["api"]) == ("agent.created", "agent_operations")
    assert agent["actor"] == session["actor"] and agent["actor"].startswith("user-") and agent["credential"]
    assert agent["eventId"] == "1" and agent["timestamp"].endswith("Z")
    mine = people.get(PATH, params={"actor": agent["actor"], "api": "agent_operations"}).json()
    assert mine["data"] == [agent] and "actor=" in mine["links"]["first"]
    assert people.get("/api/system/audit").json()["entries"] == found["data"]


def test_what_is_refused_is_there_too(stack: Stack, people: httpx.Client) -> None:
    organization = "Refused " + people.headers["authorization"][-8:]
    admin = {"authorization": f"Bearer {stack.new_key(organization)[1]}"}
    identifier, weak = stack.new_key(organization, scopes="tasks:read")
    refused = people.get(PATH, headers={"authorization": f"Bearer {weak}", "x-request-id": "mine"})
    assert refused.status_code == 403 and refused.json()["error"]["details"]["scope"] == "audit:read"
    until(lambda: people.get(PATH, headers=admin).json()["pagination"]["total"] >= 1)
    [entry] = people.get(PATH, headers=admin, params={"outcome": "refused"}).json()["data"]
    assert entry["action"].endswith("AuditService/ListAuditEntries") and entry["outcome"] == "FORBIDDEN"
    assert entry["requestId"] == "mine" and entry["api"] == "coordinaitor" and "audit:read" in entry["detail"]
    assert entry["eventId"] is None
    stack.revoke(identifier)
    until(lambda: people.get(PATH, headers={"authorization": f"Bearer {weak}"}).status_code == 401)
    until(lambda: people.get(PATH, headers=admin, params={"outcome": "UNAUTHORIZED"}).json()["data"] != [])


@pytest.mark.parametrize("query", ["since=yesterday", "page=0&limit=1000", "actor=nobody", "colour=red"])
def test_what_cannot_be_asked_for_is_refused(people: httpx.Client, query: str) -> None:
    assert people.get(f"{PATH}?{query}").status_code in (400, 422)
