"""Webhooks as the Agent Orchestration API documents them, through a real Envoy, with receivers that verify."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from standardwebhooks.webhooks import Webhook as StandardWebhook
from standardwebhooks.webhooks import WebhookVerificationError

from tests.support.services import missing
from tests.support.stack import Stack
from tests.support.waiting import until

pytestmark = pytest.mark.xdist_group("stack")

ROOT = Path(__file__).resolve().parents[2]
SECRET = "your-webhook-secret"
# As the document has it, in the place of Express.
VERIFIER = """
const crypto = require('crypto');

function verifyWebhookSignature(payload, signature, secret) {
  const expectedSignature = crypto
    .createHmac('sha256', secret)
    .update(payload)
    .digest('hex');
  
  return `sha256=${expectedSignature}` === signature;
}

const lines = require('fs').readFileSync(0, 'utf8').trim().split('\\n').map(JSON.parse);
for (const { body, signature } of lines) {
  const payload = JSON.stringify(JSON.parse(body));
  console.log(verifyWebhookSignature(payload, signature, process.env.WEBHOOK_SECRET));
}
"""


class Hook:
    """A receiver in a thread; it answers `status`."""

    def __init__(self) -> None:
        self.received: list[tuple[dict[str, str], bytes]] = []
        self.status = 200
        hook = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                hook.received.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(hook.status)
                self.send_header("content-length", "8")
                self.end_headers()
                self.wfile.write(b"received")

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/webhook"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def events(self) -> list[str]:
        return [headers["x-orchestrator-event"] for headers, _ in self.received]


@pytest.fixture
def hook() -> Iterator[Hook]:
    running = Hook()
    yield running
    running.close()


def register(client: httpx.Client, **body: Any) -> dict[str, Any]:
    answer = client.post("/v1/webhooks", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def delivered(client: httpx.Client, webhook: str, count: int) -> list[dict[str, Any]]:
    """Its deliveries, once so many have been delivered."""
    path = f"/v1/webhooks/{webhook}/deliveries"
    until(lambda: client.get(path, params={"status": "delivered", "limit": 1}).json()["total"] == count)
    return client.get(path, params={"limit": 100}).json()["deliveries"]


def test_the_documented_request_registers_a_webhook(client: httpx.Client) -> None:
    body = {"url": "https://your-app.com/webhook", "events": ["session.completed", "agent.failed"]}
    answer = client.post("/v1/webhooks", json=body)
    assert answer.status_code == 201 and answer.headers["etag"] == '"1"'
    made = answer.json()
    assert made["id"].startswith("webhook_") and made["events"] == body["events"] and made["url"] == body["url"]
    assert made["enabled"] is True and made["order"] == "subject" and len(made["secret"]) >= 32
    assert made["signing_secret"].startswith("whsec_")
    shown = client.get(f"/v1/webhooks/{made['id']}").json()
    assert {**made, "secret": None, "signing_secret": None} == {**shown, "secret": None, "signing_secret": None}
    assert "secret" not in shown and "signing_secret" not in shown
    listed = client.get("/v1/webhooks").json()
    assert (listed["webhooks"], listed["total"], listed["limit"], listed["offset"]) == ([shown], 1, 10, 0)


def test_the_documented_verifier_and_standard_webhooks_accept_what_is_delivered(
    client: httpx.Client, hook: Hook
) -> None:
    made = register(client, url=hook.url, events=["*"], secret=SECRET, headers={"User-Agent": "Orchestrator-Webhook/1.0"})
    # Numbers, escapes and keys that JavaScript prints in its own way.
    agent = client.post("/v1/agents", json={"name": "É\u2028 \"x\"", "type": "python", "code": "def f(x): return x"}).json()
    strange = {"x": {"10": 1.0, "2": 1e21, "b": -0.0, "a": [1e-7, 123456789012345680000, 0.1], "é": "\u0007\U0001f600"}}
    assert client.post(f"/v1/agents/{agent['id']}/execute", json={"input_data": strange}).status_code == 200
    until(lambda: "execution.completed" in hook.events)
    delivered(client, made["id"], len(hook.received))
    for headers, body in hook.received:
        StandardWebhook(made["signing_secret"]).verify(body, headers)
        with pytest.raises(WebhookVerificationError):
            StandardWebhook(made["signing_secret"]).verify(body + b" ", headers)
        assert headers["user-agent"] == "Orchestrator-Webhook/1.0" and set(json.loads(body)) == {
            "event", "timestamp", "data", "organization"
        }  # fmt: skip
    created = next(json.loads(body) for headers, body in hook.received if headers["x-orchestrator-event"] == "execution.created")
    assert created["data"]["input_data"] == {**strange, "x": {**strange["x"], "b": 0}}
    if shutil.which("node") is None:
        missing("node is not there to run the documented verifier")
    lines = [{"body": body.decode(), "signature": headers["x-orchestrator-signature"]} for headers, body in hook.received]
    done = subprocess.run(
        ["node", "-e", VERIFIER],
        input="\n".join(map(json.dumps, lines)),
        env={"WEBHOOK_SECRET": SECRET, "PATH": "/usr/bin:/bin:/usr/local/bin"},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.stdout.split() == ["true"] * len(lines), done.stderr


def test_what_a_webhook_gets_is_what_the_stream_of_events_shows(client: httpx.Client, hook: Hook) -> None:
    made = register(client, url=hook.url, events=["session.*"])
    session = client.post("/v1/sessions", json={"name": "s"}).json()["id"]
    client.post(f"/v1/sessions/{session}/complete")
    until(lambda: len(hook.received) == 2)
    assert hook.events == ["session.created", "session.completed"]
    streamed = {}
    with client.stream("GET", "/v1/events", headers={"Last-Event-ID": "0"}) as stream:
        for line in stream.iter_lines():
            if line.startswith("data: "):
                event = json.loads(line[6:])
                streamed[event["type"]] = event
            if "session.completed" in streamed:
                break
    for _, body in hook.received:
        said = json.loads(body)
        event = streamed[said["event"]]
        assert (said["data"], said["timestamp"]) == (event["data"], event["created_at"])
        assert said["organization"]["id"].startswith("org_") and said["organization"]["name"]
    one = delivered(client, made["id"], 2)[0]
    assert one["attempts"][0]["status"] == 200 and one["attempts"][0]["response"] == "received"
    assert one["event_id"] == streamed[one["event"]]["id"]
    whole = client.get(f"/v1/webhooks/{made['id']}/deliveries/{one['id']}").json()
    assert whole["body"].encode() == hook.received[1][1] and "body" not in one


def test_a_webhook_is_changed_switched_tested_and_deleted(client: httpx.Client, hook: Hook) -> None:
    made = register(client, url=hook.url, events=["agent.*"], enabled=False)
    path = f"/v1/webhooks/{made['id']}"
    assert (made["enabled"], made["disabled_reason"]) == (False, "requested")
    changed = client.patch(path, json={"events": ["session.created"], "headers": {"X-A": "1"}}, headers={"If-Match": '"1"'})
    assert changed.json()["events"] == ["session.created"] and changed.headers["etag"] == '"2"'
    assert client.patch(path, json={"url": hook.url}, headers={"If-Match": '"1"'}).status_code == 412
    assert client.put(path, json={"headers": {}, "order": "strict"}).json()["headers"] == {}
    client.post("/v1/sessions", json={"name": "not told"})
    tested = client.post(f"{path}/test")
    assert tested.status_code == 202 and tested.json()["event"] == "webhook.test"
    until(lambda: hook.events == ["webhook.test"])
    assert client.post(f"{path}/enable").json()["enabled"] is True
    client.post("/v1/sessions", json={"name": "told"})
    until(lambda: hook.events == ["webhook.test", "session.created"])
    assert client.post(f"{path}/disable").json()["disabled_reason"] == "requested"
    again = client.post(f"{path}/deliveries/{tested.json()['id']}/redeliver")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "WEBHOOK_DISABLED")
    client.post(f"{path}/enable")
    assert client.post(f"{path}/deliveries/{tested.json()['id']}/redeliver").status_code == 202
    until(lambda: hook.events == ["webhook.test", "session.created", "webhook.test"])
    assert hook.received[0][0]["webhook-id"] == hook.received[2][0]["webhook-id"]
    rotated = client.post(f"{path}/rotate-secret", json={"secret": "another secret"}).json()
    assert rotated["secret"] == "another secret" and rotated["previous_secret_until"]
    first = client.get("/v1/sessions").json()["total"]
    assert client.post(f"{path}/rewind", json={"event": 1}).status_code == 202
    until(lambda: len(hook.received) == 3 + first)
    headers, body = hook.received[-1]
    for secret in (made["signing_secret"], rotated["signing_secret"]):
        StandardWebhook(secret).verify(body, headers)
    assert client.delete(path).json() == {"id": made["id"], "deleted": True}
    assert client.get(path).status_code == 404


def test_the_same_request_shows_the_same_secret_again_and_no_answer_is_kept(client: httpx.Client, stack: Stack) -> None:
    body = {"url": "https://your-app.com/webhook", "events": ["*"]}
    first, again = (client.post("/v1/webhooks", json=body, headers={"Idempotency-Key": "k"}) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201) and first.json() == again.json()
    for name in stack.data_dir.glob("orchestrator.db*"):
        assert first.json()["secret"].encode() not in name.read_bytes()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"events": ["*"]}, "url"),
        ({"url": "file:///etc/passwd", "events": ["*"]}, "url"),
        ({"url": "https://user:secret@example.com/", "events": ["*"]}, "url"),
        ({"url": "https://example.com/", "events": []}, "events"),
        ({"url": "https://example.com/", "events": ["session.nonsense"]}, "events"),
        ({"url": "https://example.com/", "events": ["*"], "secret": "short"}, "secret"),
        ({"url": "https://example.com/", "events": ["*"], "headers": {"Host": "other"}}, "headers.'Host'"),
        ({"url": "https://example.com/", "events": ["*"], "headers": {"X-A": "a\r\nX-B: c"}}, "headers.'X-A'"),
        ({"url": "https://example.com/", "events": ["*"], "headers": {"X-A": 1}}, "headers.'X-A'"),
        ({"url": "https://example.com/", "events": ["*"], "order": "random"}, "order"),
    ],
)
def test_what_cannot_be_a_webhook_is_refused_by_its_field(client: httpx.Client, body: dict, field: str) -> None:
    answer = client.post("/v1/webhooks", json=body)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["details"]["field"]) == (400, "INVALID_REQUEST", field)
    if body.get("events") == ["session.nonsense"]:
        assert "session.completed" in error["details"]["known"] and "execution.created" in error["details"]["known"]


def test_the_page_on_webhooks_works_as_pasted(stack: Stack, key: str, hook: Hook, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "webhooks.md").read_text()
    (block,) = re.findall(r"```sh\n(API=.*?)```", page, re.S)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "dev-api-key").write_text(key + "\n")
    script = block.replace("localhost:8000", f"localhost:{stack.port}").replace("http://localhost:9000/hook", hook.url)
    done = subprocess.run(["bash", "-ec", script], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    until(lambda: "session.created" in hook.events)
