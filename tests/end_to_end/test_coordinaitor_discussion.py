"""Comments, files and ratings of the CoordinAItor API, as its users see them: through a real Envoy."""

from __future__ import annotations

import socket

import httpx2 as httpx
import psutil
import pytest

from tests.support.stack import Stack
from tests.support.waiting import until

pytestmark = pytest.mark.xdist_group("stack")
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256))


@pytest.fixture
def people(stack: Stack, key: str):
    """A client of the port and paths of this API."""
    base = f"http://127.0.0.1:{stack.operations_port}"
    with httpx.Client(base_url=base, headers={"authorization": f"Bearer {key}"}, timeout=60) as opened:
        yield opened


@pytest.fixture
def task(people: httpx.Client) -> str:
    """The path of a task."""
    agent = people.post("/v1/agents", json={"name": "Ada", "type": "analysis", "capabilities": ["sums"]}).json()
    wanted = {"agent_id": agent["data"]["id"], "type": "analysis", "input": {}}
    return f"/api/v1/tasks/{people.post('/v1/tasks', json=wanted).json()['data']['id']}"


@pytest.fixture
def me(people: httpx.Client) -> str:
    return people.post("/api/v1/projects", json={"name": "P"}).json()["data"]["teamMembers"][0]["userId"]


def upload(people: httpx.Client, task: str, data: bytes, name: str = "notes.txt", **fields) -> httpx.Response:
    return people.post(f"{task}/files", files={"file": (name, data)}, data=fields)


def test_a_comment_is_said_listed_and_deleted(people: httpx.Client, task: str, me: str) -> None:
    before = people.get(task).headers["etag"]
    wanted = {"content": "Great progress on the authentication system!", "mentions": [me, me]}
    made = people.post(f"{task}/comments", json=wanted)
    assert made.status_code == 201, made.text
    comment = made.json()["data"]
    assert comment["id"].startswith("comment-") and comment["author"] == me and comment["mentions"] == [me]
    assert comment["content"] == wanted["content"] and comment["createdAt"]
    second = people.post(task.replace("/v1", "") + "/comments", json={"content": "two"}).json()["data"]
    found = people.get(f"{task}/comments?limit=1").json()
    assert found["data"] == [second] and found["pagination"]["total"] == 2
    assert people.get(found["links"]["next"]).json()["data"] == [comment]
    assert people.get(task).headers["etag"] == before, "comments leave the task's version as it is"
    gone = people.delete(f"{task}/comments/{comment['id']}")
    assert (gone.status_code, gone.content) == (204, b"")
    assert people.delete(f"{task}/comments/{comment['id']}").status_code == 404
    assert people.get(f"{task}/comments").json()["data"] == [second]


def test_a_request_to_say_something_that_arrives_twice_is_done_once(people: httpx.Client, task: str) -> None:
    said = [
        people.post(f"{task}/comments", json={"content": "x"}, headers={"idempotency-key": "k"}).json() for _ in "ab"
    ]
    assert said[0]["data"] == said[1]["data"] and people.get(f"{task}/comments").json()["pagination"]["total"] == 1


def test_a_mention_of_nobody_is_refused_and_named(stack: Stack, people: httpx.Client, task: str, me: str) -> None:
    other = httpx.Client(base_url=people.base_url, headers={"authorization": f"Bearer {stack.tenant()}"})
    stranger = other.post("/api/v1/projects", json={"name": "P"}).json()["data"]["createdBy"]
    for nobody in ("user-123", "user-" + "0" * 32, stranger, "Ada"):
        refused = people.post(f"{task}/comments", json={"content": "x", "mentions": [me, nobody]})
        assert refused.status_code == 422, nobody
        assert nobody in refused.json()["error"]["details"]["mentions[1]"][0]
    assert people.get(f"{task}/comments").json()["data"] == []


@pytest.mark.parametrize(
    ("given", "field"),
    [({}, "content"), ({"content": " \n"}, "content"), ({"content": "x" * 10_001}, "content")]
    + [({"content": "x", "mentions": ["user-1"] * 1000}, "mentions"), ({"content": "x\0"}, "content")],
)
def test_what_is_wrong_with_a_comment_is_said_by_field(people: httpx.Client, task: str, given: dict, field: str) -> None:
    refused = people.post(f"{task}/comments", json=given)
    assert refused.status_code == 422 and field in refused.json()["error"]["details"], refused.text


def test_what_hangs_on_tasks_of_others_is_not_found(stack: Stack, people: httpx.Client, task: str) -> None:
    file = upload(people, task, b"x").json()["data"]["id"]
    comment = people.post(f"{task}/comments", json={"content": "x"}).json()["data"]["id"]
    other = httpx.Client(base_url=people.base_url, headers={"authorization": f"Bearer {stack.tenant()}"})
    for method, path, more in (
        ("GET", "/comments", {}),
        ("POST", "/comments", {"json": {"content": "x"}}),
        ("DELETE", f"/comments/{comment}", {}),
        ("GET", "/files", {}),
        ("POST", "/files", {"files": {"file": ("x", b"x")}}),
        ("GET", f"/files/{file}", {}),
        ("GET", f"/files/{file}/content", {}),
        ("DELETE", f"/files/{file}", {}),
        ("POST", "/rating", {"json": {"quality": 1}}),
        ("GET", "/ratings", {}),
    ):
        assert other.request(method, task + path, **more).status_code == 404, (method, path)
    assert people.get(f"{task}/files").json()["pagination"]["total"] == 1
    # Nor is what hangs on another task.
    agent = people.get(task).json()["data"]["agentId"]
    second = people.post("/v1/tasks", json={"agent_id": agent, "type": "analysis", "input": {}}).json()["data"]["id"]
    for path in (f"/comments/{comment}", f"/files/{file}"):
        assert people.delete(f"/api/v1/tasks/{second}{path}").status_code == 404
    assert people.get(f"/api/v1/tasks/{second}/files/{file}/content").status_code == 404


def test_a_file_is_uploaded_listed_downloaded_and_deleted(people: httpx.Client, task: str, me: str) -> None:
    before = people.get(task).headers["etag"]
    made = upload(people, task, PNG, "design-mockup.png", description="UI mockup for authentication screen")
    assert made.status_code == 201, made.text
    file = made.json()["data"]
    assert file["id"].startswith("file-") and file["name"] == "design-mockup.png" and file["uploadedAt"]
    assert (file["size"], file["mimeType"], file["uploadedBy"]) == (len(PNG), "image/png", me)
    assert file["description"] == "UI mockup for authentication screen"
    assert people.get(f"{task}/files").json()["data"] == [file]
    path = f"{task}/files/{file['id']}"
    assert people.get(path).json()["data"] == file
    whole = people.get(f"{path}/content")
    assert whole.content == PNG and whole.headers["content-type"] == "image/png"
    assert whole.headers["content-disposition"].startswith('attachment; filename="design-mockup.png"')
    assert whole.headers["x-content-type-options"] == "nosniff"
    part = people.get(f"{path}/content", headers={"range": "bytes=1-3"})
    assert (part.status_code, part.content, part.headers["content-range"]) == (206, b"PNG", f"bytes 1-3/{len(PNG)}")
    assert people.get(f"{path}/content", headers={"range": "bytes=9999-"}).status_code == 416
    assert people.get(task).headers["etag"] == before, "files leave the task's version as it is"
    assert people.delete(path).status_code == 204 and people.delete(path).status_code == 404
    assert people.get(path).status_code == people.get(f"{path}/content").status_code == 404


@pytest.mark.parametrize(
    ("name", "data", "kept", "mime_type"),
    [
        ("../../x", b"x", "x", "text/plain"),
        ("..\\..\\evil.sh", b"#!/bin/sh", "evil.sh", "text/x-shellscript"),
        ("..", b"x", "file", "text/plain"),
        ("/etc/passwd", b"x", "passwd", "text/plain"),
        ("auth-component.tsx", b"export {}", "auth-component.tsx", "text/typescript"),
        ("picture.png", b"<html><script>alert(1)</script>", "picture.png", "text/html"),
        ("notes.md", b"", "notes.md", "text/markdown"),
        ("page.html", PNG, "page.html", "image/png"),
        ("random.bin", bytes(range(1, 256)) * 9, "random.bin", "application/octet-stream"),
    ],
)
def test_a_files_name_is_safe_and_its_type_is_of_what_is_in_it(
    people: httpx.Client, stack: Stack, task: str, name: str, data: bytes, kept: str, mime_type: str
) -> None:
    outside = {path for path in stack.data_dir.rglob("*") if path.is_file() and "blobs" not in path.parts}
    made = upload(people, task, data, name)
    assert made.status_code == 201, made.text
    file = made.json()["data"]
    assert (file["name"], file["mimeType"], file["size"]) == (kept, mime_type, len(data))
    assert people.get(f"{task}/files/{file['id']}/content").content == data
    written = {path for path in stack.data_dir.rglob("*") if path.is_file() and "blobs" not in path.parts}
    assert not [path for path in written - outside if "orchestrator.db" not in path.name]


def test_bad_uploads_are_refused_and_leave_nothing(people: httpx.Client, stack: Stack, task: str) -> None:
    blobs = stack.data_dir / "blobs"
    kept = {path for path in blobs.rglob("*") if path.is_file()}
    file = {"file": ("a.txt", b"x")}
    for files, data, field in (
        ({"other": ("a.txt", b"x")}, {}, "file"),
        (file, {"description": "x" * 1001}, "description"),
        (file, {"description": "x" * 70_000}, "description"),
        (file, {"attempt": "first"}, "attempt"),
    ):
        refused = people.post(f"{task}/files", files=files, data=data)
        assert refused.status_code == 422 and field in refused.json()["error"]["details"], refused.text
    assert people.post(f"{task}/files", json={}).status_code == 422
    assert people.post("/api/v1/tasks/task-1/files", files=file).status_code == 404
    stale = people.post(f"{task}/files", files=file, data={"attempt": "7"})
    assert stale.status_code == 409 and stale.json()["error"]["details"]["reason"] == "STALE_LEASE"
    with httpx.Client(base_url=people.base_url) as nobody:
        assert upload(nobody, task, b"x").status_code == 401
    assert people.get(f"{task}/files").json()["data"] == []
    assert {path for path in blobs.rglob("*") if path.is_file()} == kept


def test_an_upload_costs_no_memory_and_one_that_is_cut_off_leaves_nothing(
    people: httpx.Client, stack: Stack, task: str
) -> None:
    servers = [each for each in stack.children() if "envoy" in each.name()] + stack.servers()
    before = {each.pid: each.memory_info().rss for each in servers}
    line = b"a line of a large file, which has many of them; " * 20_000
    answer = upload(people, task, line * 50, "large.txt")
    assert answer.status_code == 201 and answer.json()["data"]["size"] == len(line) * 50
    grown = {each.name(): each.memory_info().rss - before[each.pid] for each in servers}
    assert all(bytes < 30 << 20 for bytes in grown.values()), grown
    blobs = stack.data_dir / "blobs"
    kept = {path for path in blobs.rglob("*") if path.is_file()}
    with socket.create_connection(("127.0.0.1", stack.operations_port)) as said:
        said.sendall(
            f"POST {task}/files HTTP/1.1\r\nhost: localhost\r\nauthorization: {people.headers['authorization']}\r\n"
            "content-type: multipart/form-data; boundary=x\r\ncontent-length: 90000000\r\n\r\n"
            '--x\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n'.encode()
        )
        said.sendall(line * 10)
    until(lambda: {path for path in blobs.rglob("*") if path.is_file()} == kept)
    assert people.get(f"{task}/files").json()["pagination"]["total"] == 1
    with socket.create_connection(("127.0.0.1", stack.operations_port)) as said:
        said.sendall(
            f"POST {task}/files HTTP/1.1\r\nhost: localhost\r\nauthorization: {people.headers['authorization']}\r\n"
            "content-type: multipart/form-data; boundary=x\r\ncontent-length: 105906176\r\n\r\n".encode()
        )
        said.settimeout(10)
        assert said.recv(65536).decode().startswith("HTTP/1.1 413")


def test_a_task_that_has_ended_is_rated_once_a_person(people: httpx.Client, task: str, me: str) -> None:
    early = people.post(f"{task}/rating", json={"quality": 0.9})
    assert early.status_code == 409 and early.json()["error"]["details"]["reason"] == "TASK_NOT_ENDED"
    people.post(task.replace("/api", "") + "/cancel", json={})
    assert people.get(task).json()["data"]["status"] == "cancelled"
    given = people.post(f"{task}/rating", json={"quality": 0.9, "satisfaction": 4, "comment": "well done"})
    assert given.status_code == 201, given.text
    rating = given.json()["data"]
    assert (rating["quality"], rating["codeQuality"], rating["satisfaction"]) == (0.9, None, 4)
    assert rating["userId"] == me and rating["agentId"].startswith("agent-")
    again = people.post(f"{task}/rating", json={"quality": 0.5, "codeQuality": 1})
    assert again.status_code == 200 and again.json()["data"]["satisfaction"] is None
    (only,) = people.get(f"{task}/ratings").json()["data"]
    assert only == again.json()["data"]
    for wrong, field in (
        ({"quality": 1.1}, "quality"),
        ({"codeQuality": -1}, "codeQuality"),
        ({"satisfaction": 0}, "satisfaction"),
        ({}, "quality"),
        ({"quality": 1, "comment": "x" * 2001}, "comment"),
    ):
        refused = people.post(f"{task}/rating", json=wrong)
        assert refused.status_code == 422 and field in refused.json()["error"]["details"], refused.text


def test_an_agent_with_its_own_token_writes_while_the_task_is_its_own(
    stack: Stack, people: httpx.Client, key: str, task: str
) -> None:
    with httpx.Client(base_url=f"{stack.url}/api/v1", headers={"authorization": f"Bearer {key}"}, timeout=30) as api:
        registered = {"protocol_version": "1.0", "name": "outside", "version": "1", "agent_type": "implementer"}
        more = {"capabilities": ["HAIKU"], "endpoint_url": "http://localhost:9/hook"}
        agent = api.post("/agents/external/register", json={**registered, **more}).json()
        session = api.post("/sessions", json={"title": "outside"}).json()["id"]
        api.post(f"/sessions/{session}/start")
        wanted = {"session_id": session, "title": "t", "required_capabilities": ["HAIKU"]}
        mine = api.post("/tasks", json=wanted).json()["id"]
        own, path = f"{stack.url}/api/v1/agents/external/{agent['agent_id']}", f"/api/v1/tasks/{mine}"
        assert api.patch(f"/tasks/{mine}/status", json={"status": "IN_PROGRESS"}).status_code == 200
    with httpx.Client(base_url=people.base_url, headers={"x-agent-token": agent["auth_token"]}, timeout=30) as outside:
        outside.post(f"{own}/heartbeat", json={"status": "healthy"})
        said = outside.post(f"{path}/comments", json={"content": "Started working on the login component"})
        assert said.status_code == 201, said.text
        shown = said.json()["data"]["author"]
        assert shown.startswith("agent-") and shown == people.get(path).json()["data"]["agentId"]
        file = upload(outside, path, b"export {}", "auth-component.tsx").json()["data"]
        assert file["uploadedBy"] == shown and outside.get(f"{path}/files/{file['id']}/content").content == b"export {}"
        # The lease lets it write about this task, and do nothing else.
        assert outside.get(path).status_code == outside.get("/api/v1/projects").status_code == 403
        assert outside.post("/api/v1/projects", json={"name": "x"}).status_code == 403
        assert outside.get(f"{task}/comments").status_code == 403
        assert outside.post(f"{task}/comments", json={"content": "x"}).status_code == 409
        done = outside.post(f"{own}/tasks/{mine}/result", json={"status": "completed", "result": "5-7-5"})
        assert done.status_code == 200
        late = outside.post(f"{path}/comments", json={"content": "late"})
        assert late.status_code == 409 and late.json()["error"]["details"]["reason"] == "STALE_LEASE"
        assert upload(outside, path, b"late").status_code == 409
    assert [each["content"] for each in people.get(f"{path}/comments").json()["data"]] == [
        "Started working on the login component"
    ]
    assert people.post(f"{path}/rating", json={"quality": 0.85}).json()["data"]["agentId"] == shown
