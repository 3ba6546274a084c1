"""Every example of the Agent Orchestration document, replayed in its order through a real Envoy."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass, field
from typing import Any

import httpx2 as httpx
import pytest

from tests.support.examples import TIME, differs, filled
from tests.support.stack import Stack
from tests.support.waiting import until

pytestmark = pytest.mark.xdist_group("stack")
CODE = "def process_data(data): return data.upper()"


@dataclass(frozen=True)
class Example:
    """A request, and what its answer must have: values, patterns of texts, or types."""

    name: str
    method: str
    path: str
    status: int
    has: dict[str, Any]
    body: Any = None
    files: dict[str, Any] = field(default_factory=dict)
    form: dict[str, str] = field(default_factory=dict)
    # What of the answer later examples name in braces.
    keep: str = ""


EXAMPLES = [
    Example(
        "create session",
        "POST",
        "/sessions",
        201,
        {"id": re.compile("session_.+"), "name": "My Session", "status": "created", "created_at": TIME},
        body={
            "name": "My Session",
            "description": "Session description",
            "config": {"timeout": 3600, "max_iterations": 100},
        },
        keep="session",
    ),
    Example("get session", "GET", "/sessions/{session}", 200, {"id": "{session}", "name": "My Session"}),
    Example(
        "list sessions",
        "GET",
        "/sessions?limit=10&offset=0",
        200,
        {"sessions": [{"id": "{session}"}], "total": 1, "limit": 10, "offset": 0},
    ),
    Example(
        "deploy agent, with requirements",
        "POST",
        "/agents",
        201,
        {"id": re.compile("agent_.+"), "name": "Data Processor", "type": "python", "status": "installing"},
        body={"name": "Data Processor", "type": "python", "code": CODE, "requirements": ["pandas", "numpy"]},
    ),
    Example(
        "deploy agent, that needs nothing from the network",
        "POST",
        "/agents",
        201,
        {"id": re.compile("agent_.+"), "status": "active"},
        body={"name": "Data Processor", "type": "python", "code": CODE},
        keep="agent",
    ),
    Example(
        "execute agent",
        "POST",
        "/agents/{agent}/execute",
        200,
        {"status": "completed", "output": "HELLO WORLD", "session_id": "{session}"},
        body={"input_data": {"text": "hello world"}, "session_id": "{session}"},
    ),
    Example(
        "upload document",
        "POST",
        "/knowledge/documents",
        201,
        {"id": re.compile("document_.+"), "title": "Document Title", "tags": ["tag1", "tag2"], "status": "processing"},
        files={"file": ("notes.bin", b"A query finds this sentence.")},
        form={"metadata": '{"title": "Document Title", "tags": ["tag1", "tag2"]}'},
        keep="document",
    ),
    Example(
        "search knowledge",
        "GET",
        "/knowledge/search?q=query&limit=10",
        200,
        {"query": "query", "limit": 10, "results": [{"document_id": "{document}", "title": "Document Title"}]},
    ),
    Example(
        "an error",
        "POST",
        "/sessions",
        400,
        {
            "error": {
                "code": "INVALID_REQUEST",
                "message": str,
                "details": {"field": "name", "issue": "required field missing"},
            }
        },
        body={"description": "without a name"},
    ),
    Example("not found", "GET", "/sessions/session_123", 404, {"error": {"code": "NOT_FOUND", "message": str}}),
    Example(
        "webhooks",
        "POST",
        "/webhooks",
        201,
        {"id": re.compile("webhook_.+"), "events": ["session.completed", "agent.failed"], "secret": str},
        # The document's host is one of those that have no address.
        body={"url": "https://127.0.0.1/webhook", "events": ["session.completed", "agent.failed"]},
    ),
]


def test_every_example_of_the_document_is_answered_as_it_says(client: httpx.Client) -> None:
    known: dict[str, str] = {}
    for example in EXAMPLES:
        path = "/v1" + filled(example.path, known)
        if example.files:
            answer = client.request(example.method, path, files=example.files, data=example.form)
        else:
            answer = client.request(example.method, path, json=filled(example.body, known))
        said = answer.json()
        assert answer.status_code == example.status, (example.name, said)
        assert answer.headers["content-type"] == "application/json", example.name
        assert not differs(filled(example.has, known), said), (example.name, said)
        if example.keep:
            known[example.keep] = said["id"]
        if example.keep == "document":
            until(lambda: client.get(f"/v1/knowledge/documents/{known['document']}").json()["status"] == "ready")


def test_every_code_of_the_document_comes_with_its_status(stack: Stack, client: httpx.Client) -> None:
    with stack.client("ak_nobody") as nobody, stack.client(stack.new_key(hourly_limit=1)[1]) as limited:
        limited.get("/v1/sessions")
        answers = {
            "INVALID_REQUEST": (400, client.post("/v1/sessions", json={})),
            "UNAUTHORIZED": (401, nobody.get("/v1/sessions")),
            "NOT_FOUND": (404, client.get("/v1/agents/agent_123")),
            "RATE_LIMITED": (429, limited.get("/v1/sessions")),
        }
    for code, (status, answer) in answers.items():
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_the_documented_limits_hold(stack: Stack) -> None:
    with stack.client(stack.tenant()) as client:
        for _ in range(10):
            assert client.post("/v1/sessions", json={"name": "s"}).status_code == 201
        assert client.post("/v1/sessions", json={"name": "s"}).json()["error"]["code"] == "RATE_LIMITED"
    head = (
        f"POST /v1/knowledge/documents HTTP/1.1\r\nhost: 127.0.0.1:{stack.port}\r\nauthorization: Bearer {stack.key}\r\n"
        "content-type: multipart/form-data; boundary=b\r\ncontent-length: 105906176\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", stack.port), timeout=10) as connection:
        # Before a byte of the file is sent.
        connection.sendall(head.encode())
        assert connection.recv(1 << 16).startswith(b"HTTP/1.1 413")
