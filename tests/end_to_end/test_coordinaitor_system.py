"""The system's endpoints of the CoordinAItor API, through a real Envoy."""

from __future__ import annotations

import httpx2 as httpx
import pytest

from tests.support.stack import Stack
from tests.support.waiting import until

pytestmark = pytest.mark.xdist_group("stack")


@pytest.fixture
def people(stack: Stack, key: str):
    """A client of the port and paths of this API."""
    base = f"http://127.0.0.1:{stack.operations_port}"
    with httpx.Client(base_url=base, headers={"authorization": f"Bearer {key}"}, timeout=30) as opened:
        yield opened


def test_health_has_the_documented_shape_and_figures_of_nobody_for_nobody(people: httpx.Client) -> None:
    made = people.post("/api/v1/agents", json={"name": "Ada", "type": "qa"})
    assert made.status_code == 201
    found = people.get("/api/v1/system/health")
    health = found.json()["data"]
    assert found.status_code == 200 and health["status"] in ("healthy", "degraded"), found.text
    assert health["uptime"] > 0 and health["version"] and health["environment"] == "development"
    assert health["services"]["database"]["status"] == "healthy" and health["services"]["database"]["latency"] > 0
    assert health["services"]["database"]["connections"] >= 1 and "redis" not in health["services"]
    agents = health["services"]["agents"]
    assert agents["total"] >= 1 and agents["available"] + agents["busy"] <= agents["total"]
    assert health["metrics"]["activeTasks"] >= 0 and health["metrics"]["completedToday"] >= 0
    assert health["metrics"]["averageResponseTime"] > 0 and 0 <= health["metrics"]["errorRate"] <= 1
    nobody = httpx.get(f"{people.base_url}/api/system/health")
    public = nobody.json()["data"]
    assert nobody.status_code == 200 and public["status"] == health["status"]
    assert "agents" not in public["services"] and "activeTasks" not in public["metrics"]
    wrong = httpx.get(f"{people.base_url}/api/v1/system/health", headers={"authorization": "Bearer ak_wrong"})
    assert wrong.status_code == 401


def test_metrics_and_status_say_what_there_is(people: httpx.Client) -> None:
    metrics = people.get("/api/v1/system/metrics?period=1h").json()["data"]
    assert metrics["period"] == "1h" and metrics["tasks"]["active"] >= 0 and metrics["agents"]["total"] >= 0
    assert metrics["api"]["averageResponseTime"] > 0 and 0 < metrics["machine"]["memoryUsage"] <= 1
    assert set(metrics["series"]) == {"completionRate", "errorRate", "responseTime", "throughput"}
    refused = people.get("/api/v1/system/metrics?period=1y")
    assert refused.status_code == 422 and list(refused.json()["error"]["details"]) == ["period"]
    status = people.get("/api/v1/system/status").json()["data"]
    assert {"database", "queue", "cache", "sandbox"} == set(status["components"])
    assert {"server", "python", "grpcio", "protobuf"} < set(status["versions"])
    assert status["events"]["head"] >= 0 and status["process"]["streams"] >= 0 and status["queue"]["pending"] >= 0
    assert status["workers"] == {"active": 0, "draining": 0} or status["workers"]["active"] >= 0
    for path in ("metrics", "status", "logs"):
        assert httpx.get(f"{people.base_url}/api/v1/system/{path}").status_code == 401


def test_the_servers_log_can_be_asked_for(people: httpx.Client) -> None:
    def lines() -> list[dict]:
        return people.get("/api/v1/system/logs?level=info&service=server&limit=1000").json()["data"]

    until(lambda: any(line["message"] == "serving" for line in lines()))
    serving = next(line for line in lines() if line["message"] == "serving")
    assert serving["level"] == "info" and serving["fields"]["isolation"] and serving["timestamp"]
    later = people.get("/api/v1/system/logs", params={"since": "2200-01-01T00:00:00+00:00"})
    assert later.status_code == 200 and later.json()["data"] == []
    for query in ("level=loud", "limit=0", "limit=1001", "since=yesterday"):
        assert people.get(f"/api/v1/system/logs?{query}").status_code == 422, query
