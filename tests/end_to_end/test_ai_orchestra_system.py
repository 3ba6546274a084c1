"""Health, readiness, metrics and webhooks of the AI Orchestra API, through a real Envoy, as its document has them."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2 as httpx
import pytest
from websockets.sync.client import connect

from server.settings import Settings
from tests.end_to_end.test_webhooks import Hook
from tests.support.industry import Door
from tests.support.stack import Stack
from tests.support.waiting import eventually, until

pytestmark = pytest.mark.xdist_group("stack")

TOKEN = "a-token-for-scraping"
PRODUCTION = {"host": "api.ai-orchestra.com"}
OWN = {"orchestra_manager", "command_dispatcher", "memory_system", "swarm_intelligence"}
INDUSTRIAL = {"database", "queue", "cache", "sandbox"}


@pytest.fixture
def api(stack: Stack, key: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack.url, headers={"authorization": f"Bearer {key}"}, timeout=30) as opened:
        yield opened


@pytest.fixture
def hook() -> Iterator[Hook]:
    running = Hook()
    yield running
    running.close()


def success(answer: httpx.Response, status: int = 200) -> Any:
    """The data of a success, in the envelope of the document."""
    said = answer.json()
    assert answer.status_code == status and set(said) == {"success", "data", "error", "metadata"}, answer.text
    assert said["success"] is True and said["error"] is None
    metadata = said["metadata"]
    assert set(metadata) == {"request_id", "timestamp", "version"} and metadata["version"] == "v2"
    assert metadata["request_id"] == answer.headers["x-request-id"]
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT.*Z", metadata["timestamp"])
    return said["data"]


def failure(answer: httpx.Response) -> tuple[int, str, dict[str, Any]]:
    """The status, code and details of a failure, in the envelope of the document."""
    said = answer.json()
    assert set(said) == {"success", "data", "error", "metadata"} and said["success"] is False and said["data"] is None
    assert set(said["error"]) == {"code", "message", "details"} and said["error"]["message"]
    assert said["metadata"]["request_id"] == answer.headers["x-request-id"] and said["metadata"]["version"] == "v2"
    return answer.status_code, said["error"]["code"], said["error"]["details"]


def test_health_at_port_8000_has_what_both_documents_name_and_at_its_host_its_own(stack: Stack) -> None:
    at_port = httpx.get(f"{stack.url}/health")
    at_host = httpx.get(f"{stack.url}/health", headers=PRODUCTION)
    for answer, components in ((at_port, OWN | INDUSTRIAL), (at_host, OWN)):
        health = answer.json()
        assert answer.status_code == 200 and set(health) == {"status", "version", "uptime", "components"}
        assert health["status"] in ("healthy", "degraded") and health["version"] and health["uptime"] > 0
        assert set(health["components"]) == components
    assert at_host.json()["components"] == {
        "orchestra_manager": "healthy",
        "command_dispatcher": "healthy",
        "memory_system": "healthy",
        "swarm_intelligence": "not_configured",
    }


def test_readiness_is_as_documented_and_asks_for_no_key(stack: Stack) -> None:
    for headers in ({}, PRODUCTION, {"authorization": "Bearer ak_wrong"}):
        answer = httpx.get(f"{stack.url}/readiness", headers=headers)
        checks = {"database": True, "cache": True, "external_services": True, "migrations": True}
        assert answer.status_code == 200 and answer.json() == {"ready": True, "checks": checks}


def scraped(text: str) -> dict[str, float]:
    """The samples of a scrape by their names and labels, each of which is there once."""
    found: dict[str, float] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            assert name not in found and re.fullmatch(r'[a-z_]+(\{([a-z]+="[^"]*",?)+\})?', name), line
            found[name] = float(value)
    return found


def test_metrics_are_as_documented_and_count_by_documented_paths(stack: Stack, api: httpx.Client, key: str) -> None:
    before = scraped(api.get("/metrics").text)
    missing = "session_" + "0" * 32
    # The last of these the gateway refuses, and no server sees it.
    for path, status in ((missing, 404), (missing, 404), (f"{missing}?a=1", 400)):
        assert api.get(f"/v1/sessions/{path}").status_code == status
    assert api.post("/v1/sessions", json={"name": "n"}).status_code == 201
    with connect(f"ws://127.0.0.1:{stack.port}/ws/system?token={key}"):
        until(lambda: scraped(api.get("/metrics").text)["websocket_connections"] >= 1)
    answer = api.get("/metrics")
    assert answer.status_code == 200 and answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    for name, kind, help in (
        ("http_requests_total", "counter", "Total HTTP requests"),
        ("websocket_connections", "gauge", "Active WebSocket connections"),
    ):
        assert f"# HELP {name} {help}\n# TYPE {name} {kind}\n{name}" in answer.text
    after = scraped(answer.text)

    def grown(name: str) -> float:
        return after.get(name, 0) - before.get(name, 0)

    one = 'method="GET",endpoint="/v1/sessions/{session_id}"'
    assert grown(f"http_requests_total{{{one}}}") == grown(f'http_responses_total{{{one},code="404"}}') == 2
    post = 'method="POST",endpoint="/v1/sessions"'
    assert grown(f'http_responses_total{{{post},code="201"}}') == grown(f"http_requests_total{{{post}}}") == 1
    buckets = [
        value for name, value in after.items() if name.startswith(f"http_request_duration_seconds_bucket{{{post}")
    ]
    assert buckets == sorted(buckets) and buckets[-1] == after[f"http_request_duration_seconds_count{{{post}}}"]
    assert 0 < after[f"http_request_duration_seconds_sum{{{post}}}"] < 60
    assert after['http_responses_total{method="GET",endpoint="/ws/system",code="101"}'] >= 1
    assert missing not in answer.text and after["server_processes"] == 1 and after["database_connections"] >= 1


def test_metrics_of_a_key_are_of_its_tasks_alone(stack: Stack, api: httpx.Client) -> None:
    operations = httpx.Client(base_url=f"http://127.0.0.1:{stack.operations_port}", headers=api.headers)
    made = operations.post("/v1/agents", json={"name": "B", "type": "t", "capabilities": []}).json()["data"]["id"]
    for _ in range(3):
        assert operations.post("/v1/tasks", json={"agent_id": made, "type": "t", "input": {}}).status_code == 201
    until(lambda: scraped(api.get("/metrics").text)['tasks{state="claimable"}'] == 3)
    own = scraped(api.get("/metrics").text)
    assert own["queue_depth"] == 3 and own["queue_oldest_seconds"] >= 0 and own['tasks{state="running"}'] == 0
    other = httpx.get(f"{stack.url}/metrics", headers={"x-api-key": stack.tenant()})
    assert scraped(other.text)["queue_depth"] == 0


def test_metrics_are_for_keys_that_may_read_the_system(stack: Stack) -> None:
    def ask(**headers: str) -> httpx.Response:
        return httpx.get(f"{stack.url}/metrics", headers={name.replace("_", "-"): each for name, each in headers.items()})

    assert failure(ask())[:2] == (401, "AUTHENTICATION_ERROR")
    assert failure(ask(authorization="Bearer wrong"))[:2] == (401, "AUTHENTICATION_ERROR")
    assert failure(ask(authorization="Basic eDp5"))[:2] == (401, "AUTHENTICATION_ERROR")
    # No token is set here, so that none is right.
    assert failure(ask(authorization=f"Bearer {TOKEN}"))[:2] == (401, "AUTHENTICATION_ERROR")
    narrow = stack.new_key(scopes="tasks:read")[1]
    assert failure(ask(authorization=f"Bearer {narrow}")) == (403, "FORBIDDEN", {"scope": "system:read"})
    wide = stack.new_key(scopes="system:read")[1]
    answer = ask(x_api_key=wide)
    assert answer.status_code == 200 and int(answer.headers["x-ratelimit-limit"]) > 0


def test_the_documented_webhook_is_made_tested_changed_and_deleted(api: httpx.Client, hook: Hook) -> None:
    events = ["chat.completed", "session.ended"]
    made = success(
        api.post("/webhooks", json={"url": hook.url, "events": events, "secret": "webhook-secret"}), status=201
    )
    path = f"/webhooks/{made['id']}"
    assert made["url"] == hook.url and made["events"] == events and made["secret"] == "webhook-secret"
    assert made["enabled"] is True and made["order"] == "subject"
    shown = api.get(path)
    assert "secret" not in success(shown) and success(shown)["id"] == made["id"]
    listed = success(api.get("/webhooks"))
    assert [each["id"] for each in listed["webhooks"]] == [made["id"]] and listed["total"] == 1
    assert (listed["limit"], listed["offset"]) == (10, 0)

    sent = success(api.post(f"{path}/test", json={}), status=202)
    until(lambda: hook.events == ["webhook.test"])
    headers, body = hook.received[0]
    signed = hmac.new(b"webhook-secret", body, hashlib.sha256).hexdigest()
    assert headers["x-orchestrator-signature"] == f"sha256={signed}" and json.loads(body)["event"] == "webhook.test"
    until(lambda: success(api.get(f"{path}/deliveries?status=delivered"))["total"] == 1)
    delivery = success(api.get(f"{path}/deliveries/{sent['id']}"))
    assert delivery["status"] == "delivered" and delivery["attempts"][0]["status"] == 200
    assert success(api.post(f"{path}/deliveries/{sent['id']}/redeliver", json={}), status=202)["id"] == sent["id"]

    changed = api.patch(path, json={"events": ["webhook.*"], "description": "d"}, headers={"if-match": shown.headers["etag"]})
    assert success(changed)["events"] == ["webhook.*"] and success(changed)["description"] == "d"
    old = failure(api.patch(path, json={"description": "e"}, headers={"if-match": shown.headers["etag"]}))
    assert old[:2] == (412, "VERSION_MISMATCH")
    rotated = success(api.post(f"{path}/rotate-secret", json={}))
    assert rotated["secret"] not in ("", "webhook-secret") and rotated["previous_secret_until"]
    # No webhook is told of its own events, so it is another one that it is told of.
    other = success(api.post("/webhooks", json={"url": hook.url, "events": ["*"], "headers": {"x-a": "b"}}), status=201)
    until(lambda: "webhook.created" in hook.events)
    told = json.loads(hook.received[hook.events.index("webhook.created")][1])["data"]
    assert told["id"] == other["id"] and "headers" not in told and "secret" not in told
    assert success(api.get(f"/webhooks/{other['id']}"))["headers"] == {"x-a": "b"}
    assert success(api.post(f"{path}/disable", json={}))["disabled_reason"] == "requested"
    conflict = failure(api.post(f"{path}/recover", json={"since": "2026-01-01T00:00:00Z"}))
    assert conflict[:2] == (409, "WEBHOOK_DISABLED")
    assert success(api.post(f"{path}/enable", json={}))["enabled"] is True
    assert success(api.post(f"{path}/recover", json={"since": "2026-01-01T00:00:00Z"}), status=202)["recovered"] >= 0
    assert success(api.delete(path)) == {"id": made["id"], "deleted": True}
    assert failure(api.get(path))[:2] == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code", "details"),
    [
        ("POST", "/webhooks", {"events": ["chat.completed"]}, 400, "VALIDATION_ERROR", {"field": "url"}),
        ("POST", "/webhooks", {"url": "https://x.example", "events": ["task.made"]}, 400, "VALIDATION_ERROR", {"field": "events"}),
        ("POST", "/webhooks", {}, 400, "VALIDATION_ERROR", {"field": "url", "violations": list}),
        ("POST", "/webhooks?a=1", {}, 400, "VALIDATION_ERROR", {"field": "a", "reason": "unknown query parameter"}),
        ("POST", "/webhooks", "{", 400, "VALIDATION_ERROR", {"field": str}),
        ("GET", "/webhooks/webhook_1", None, 404, "NOT_FOUND", {"resource": "webhook"}),
        ("GET", "/webhooks/a/b/c/d", None, 404, "NOT_FOUND", {}),
        ("DELETE", "/readiness", None, 405, "METHOD_NOT_ALLOWED", {}),
        ("GET", "/chat/nothing", None, 404, "NOT_FOUND", {}),
    ],
)
def test_errors_are_in_the_envelope_with_the_documents_words(
    api: httpx.Client, method: str, path: str, body: Any, status: int, code: str, details: dict[str, Any]
) -> None:
    content = body if isinstance(body, str) else json.dumps(body) if body is not None else None
    answer = api.request(method, path, content=content, headers={"content-type": "application/json"})
    found = failure(answer)
    assert found[:2] == (status, code), answer.text
    for name, wanted in details.items():
        assert isinstance(found[2][name], wanted) if isinstance(wanted, type) else found[2][name] == wanted
    if code == "VALIDATION_ERROR":
        assert answer.json()["error"]["message"] == "Invalid request parameters" and found[2]["reason"]


def test_paths_below_v1_that_are_of_nobody_are_still_the_other_apis(api: httpx.Client) -> None:
    answer = api.get("/v1/nothing")
    assert answer.status_code == 404 and set(answer.json()) == {"error"}
    for host in ("api.ai-orchestra.com", "staging-api.ai-orchestra.com"):
        assert failure(api.get("/v1/sessions", headers={"host": host}))[:2] == (404, "NOT_FOUND")
        assert success(api.get("/webhooks", headers={"host": host}))["total"] == 0


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Two server processes, with a scrape token and the limits of the document."""
    running = Stack(tmp_path_factory.mktemp("pair") / "data", "--workers", "2", METRICS_TOKEN=TOKEN).start()
    yield running
    running.stop()


def of_all(stack: Stack) -> dict[str, float]:
    while True:
        answer = httpx.get(f"{stack.url}/metrics", headers={"authorization": f"Bearer {TOKEN}"})
        if answer.status_code != 503:
            break
        # The gateway has yet to find out that a server has gone.
    assert answer.status_code == 200, answer.text
    return scraped(answer.text)


def test_two_processes_count_together_and_never_less_also_when_one_is_killed(pair: Stack) -> None:
    key = pair.tenant()
    one = 'http_responses_total{method="GET",endpoint="/v1/agents",code="200"}'

    def ask(number: int) -> None:
        for _ in range(number):
            # A connection of its own each, so that both processes get some.
            assert httpx.get(f"{pair.url}/v1/agents", headers={"x-api-key": key}).status_code == 200

    ask(20)
    seen = [of_all(pair).get(one, 0)]
    while seen[-1] < 20:
        # What the other process has counted is written within two seconds.
        seen.append(of_all(pair).get(one, 0))
    assert seen == sorted(seen) and seen[-1] == 20 and of_all(pair)["server_processes"] == 2
    killed = pair.server()
    killed.send_signal(signal.SIGKILL)
    killed.wait(10)
    for _ in range(10):
        assert of_all(pair)[one] == 20
    until(lambda: of_all(pair)["server_processes"] == 2)
    ask(4)
    until(lambda: of_all(pair)[one] == 24)


def test_the_scrape_token_reads_what_everybody_has_and_nothing_else(pair: Stack) -> None:
    operations = f"http://127.0.0.1:{pair.operations_port}/v1"
    for _ in range(2):
        headers = {"x-api-key": pair.tenant()}
        agent = httpx.post(f"{operations}/agents", json={"name": "B", "type": "t", "capabilities": []}, headers=headers)
        task = {"agent_id": agent.json()["data"]["id"], "type": "t", "input": {}}
        assert httpx.post(f"{operations}/tasks", json=task, headers=headers).status_code == 201
    # Each process looks at most once a second, so they need not say the same at once.
    names = ("queue_depth", 'tasks{state="claimable"}', 'tasks{state="running"}', 'tasks{state="waiting"}')
    until(lambda: [of_all(pair)[name] for name in names] == [2, 2, 0, 0])
    token = {"authorization": f"Bearer {TOKEN}"}
    assert failure(httpx.get(f"{pair.url}/webhooks", headers=token))[:2] == (401, "AUTHENTICATION_ERROR")


def test_a_burst_is_refused_with_what_the_document_calls_it(pair: Stack) -> None:
    request = f"GET /webhooks HTTP/1.1\r\nhost: x\r\nx-api-key: {pair.tenant()}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", pair.port)) as opened:
        # One after the other over one connection, as fast as they go.
        answers, rest = [], b""
        opened.sendall(request * 300)
        while len(answers) < 300:
            rest += opened.recv(65_536)
            found = re.findall(rb"HTTP/1\.1 (\d+)", rest)
            answers = found
    assert answers.count(b"200") >= 67 and set(answers) == {b"200", b"429"}


async def test_without_a_server_it_is_unavailable_in_the_envelope(tmp_path: Path) -> None:
    nobody = SimpleNamespace(grpc_path=tmp_path / "server.sock", path=tmp_path / "socket.sock")
    door = Door(nobody, Settings().origins)
    try:

        async def refuses() -> bool:
            try:
                return (await door.ask("GET", "/readiness")).status == 503
            except OSError:
                return False

        await eventually(refuses, 20)
        for path, headers in (("/webhooks", {}), ("/metrics", {}), ("/health", {"Host": "api.ai-orchestra.com"})):
            answer = await door.ask("GET", path, **headers)
            said = answer.json
            assert answer.status == 503 and said["success"] is False and said["data"] is None, answer.text
            assert said["error"]["code"] == "SERVICE_UNAVAILABLE" and said["error"]["details"] == {}
            assert said["metadata"]["request_id"] == answer.headers["x-request-id"]
    finally:
        await door.close()
