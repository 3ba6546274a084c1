"""The Agent Orchestration API as its document has it, through a real Envoy."""

from __future__ import annotations

import gzip
import json
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import grpc
import httpx2 as httpx
import pytest
from orchestrator.v1 import task_service_pb2, task_service_pb2_grpc

from tests.support.stack import Stack, events_of

pytestmark = pytest.mark.xdist_group("stack")

UPPER = {"name": "Data Processor", "type": "python", "code": "def process_data(data): return data.upper()"}
SLEEP = {"name": "Sleeper", "type": "python", "code": "import time\ndef sleep(seconds): time.sleep(seconds)"}


def deploy(client: httpx.Client, agent: dict = UPPER) -> str:
    answer = client.post("/v1/agents", json=agent)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def test_a_session_is_created_as_documented(client: httpx.Client) -> None:
    body = {
        "name": "My Session",
        "description": "Session description",
        "config": {"timeout": 3600, "max_iterations": 100},
    }
    answer = client.post("/v1/sessions", json=body)
    assert answer.status_code == 201
    assert answer.headers["content-type"] == "application/json"
    session = answer.json()
    assert session["id"].startswith("session_")
    assert (session["name"], session["status"]) == ("My Session", "created")
    assert session["created_at"].endswith("Z")
    got = client.get(f"/v1/sessions/{session['id']}")
    assert got.status_code == 200 and got.json() == session
    assert got.headers["etag"] == '"1"'
    assert not [name for name in got.headers if name.startswith(("grpc", "x-http-status", "x-envoy"))]


def test_sessions_are_listed_by_limit_and_offset_with_their_number(client: httpx.Client) -> None:
    made = [client.post("/v1/sessions", json={"name": f"s{n}"}).json()["id"] for n in range(5)]
    page = client.get("/v1/sessions?limit=2&offset=1").json()
    assert [session["id"] for session in page["sessions"]] == made[::-1][1:3]
    assert (page["total"], page["limit"], page["offset"]) == (5, 2, 1)
    client.post(f"/v1/sessions/{made[0]}/complete")
    assert client.get("/v1/sessions?status=completed").json()["total"] == 1
    assert client.get("/v1/sessions?status=created").json()["total"] == 4
    client.delete(f"/v1/sessions/{made[0]}")
    assert client.get("/v1/sessions").json()["total"] == 4


def test_an_update_honours_if_match(client: httpx.Client) -> None:
    session = client.post("/v1/sessions", json={"name": "a"}).json()["id"]
    changed = client.patch(f"/v1/sessions/{session}", json={"name": "b"}, headers={"If-Match": '"1"'})
    assert changed.status_code == 200 and changed.headers["etag"] == '"2"' and changed.json()["name"] == "b"
    stale = client.patch(f"/v1/sessions/{session}", json={"name": "c"}, headers={"If-Match": '"1"'})
    assert stale.status_code == 412
    assert stale.json()["error"]["details"] == {"given": 1, "current": 2}
    assert client.post(f"/v1/sessions/{session}/complete", headers={"If-Match": '"1"'}).status_code == 412
    assert client.delete(f"/v1/sessions/{session}", headers={"If-Match": '"2"'}).status_code == 200
    assert client.get(f"/v1/sessions/{session}").status_code == 404


def test_an_ended_session_takes_no_more(client: httpx.Client) -> None:
    agent, session = deploy(client), client.post("/v1/sessions", json={"name": "a"}).json()["id"]
    failed = client.post(f"/v1/sessions/{session}/fail", json={"error": "gave up"}).json()
    assert (failed["status"], failed["error"]) == ("failed", "gave up")
    answer = client.post(f"/v1/agents/{agent}/execute", json={"input_data": {"text": "a"}, "session_id": session})
    assert answer.status_code == 409 and answer.json()["error"]["code"] == "SESSION_ENDED"
    assert client.post(f"/v1/sessions/{session}/complete").json()["error"]["code"] == "SESSION_ENDED"


def test_a_session_expires_after_its_timeout(client: httpx.Client) -> None:
    session = client.post("/v1/sessions", json={"name": "a", "config": {"timeout": 1}}).json()["id"]
    deadline = time.monotonic() + 5
    while (got := client.get(f"/v1/sessions/{session}").json())["status"] != "expired":
        assert time.monotonic() < deadline
    assert got["completed_at"] >= got["expires_at"]


def test_the_documented_agent_says_hello_world(client: httpx.Client) -> None:
    agent = client.post("/v1/agents", json=UPPER)
    assert agent.status_code == 201 and agent.json()["status"] == "active"
    assert agent.json()["entry_function"] == "process_data"
    session = client.post("/v1/sessions", json={"name": "a"}).json()["id"]
    body = {"input_data": {"text": "hello world"}, "session_id": session}
    answer = client.post(f"/v1/agents/{agent.json()['id']}/execute", json=body)
    assert answer.status_code == 200, answer.text
    execution = answer.json()
    assert (execution["status"], execution["output"]) == ("completed", "HELLO WORLD")
    assert execution["started_at"] and execution["completed_at"] and execution["duration_ms"] > 0
    assert client.get(f"/v1/executions/{execution['id']}").json() == execution
    assert client.get(f"/v1/sessions/{session}").json()["status"] == "running"
    listed = client.get(f"/v1/sessions/{session}/executions").json()
    assert listed["total"] == 1 and listed["executions"][0]["id"] == execution["id"]
    assert client.get(f"/v1/agents/{agent.json()['id']}").json()["tasks_completed"] == 1


def test_an_execution_is_a_task_of_the_native_api(stack: Stack, client: httpx.Client, key: str) -> None:
    execution = client.post(f"/v1/agents/{deploy(client)}/execute", json={"input_data": {"text": "a"}}).json()
    with grpc.insecure_channel(f"127.0.0.1:{stack.grpc_port}") as channel:
        request = task_service_pb2.GetTaskRequest(id=execution["id"])
        task = task_service_pb2_grpc.TaskServiceStub(channel).GetTask(request, metadata=(("x-api-key", key),))
    assert task.id == execution["id"].replace("execution_", "task_") and task.output.string_value == "A"


def test_an_execution_need_not_be_waited_for(client: httpx.Client) -> None:
    answer = client.post(f"/v1/agents/{deploy(client)}/execute", json={"input_data": {"text": "a"}, "wait": False})
    assert answer.status_code == 202 and answer.json()["status"] == "pending"
    deadline = time.monotonic() + 10
    while (got := client.get(f"/v1/executions/{answer.json()['id']}").json())["status"] != "completed":
        assert time.monotonic() < deadline
    assert got["output"] == "A"


def test_a_running_execution_is_cancelled(client: httpx.Client) -> None:
    body = {"input_data": {"seconds": 60}, "wait": False, "timeout": 60}
    execution = client.post(f"/v1/agents/{deploy(client, SLEEP)}/execute", json=body).json()["id"]
    deadline = time.monotonic() + 10
    while client.get(f"/v1/executions/{execution}").json()["status"] != "running":
        assert time.monotonic() < deadline
    client.post(f"/v1/executions/{execution}/cancel")
    while (got := client.get(f"/v1/executions/{execution}").json())["status"] != "cancelled":
        assert time.monotonic() < deadline
    assert not got["cancel_requested"]


def test_an_execution_ends_at_its_timeout(client: httpx.Client) -> None:
    body = {"input_data": {"seconds": 60}, "timeout": 0.3}
    execution = client.post(f"/v1/agents/{deploy(client, SLEEP)}/execute", json=body).json()
    assert (execution["status"], execution["error"]["type"]) == ("failed", "TimeoutError")


def test_a_repeated_post_gets_the_same_answer(client: httpx.Client) -> None:
    agent = deploy(client)
    headers = {"Idempotency-Key": "k-1"}
    first = client.post(f"/v1/agents/{agent}/execute", json={"input_data": {"text": "a"}}, headers=headers)
    again = client.post(f"/v1/agents/{agent}/execute", json={"input_data": {"text": "a"}}, headers=headers)
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert client.get("/v1/executions").json()["total"] == 1
    other = client.post(f"/v1/agents/{agent}/execute", json={"input_data": {"text": "b"}}, headers=headers)
    assert other.status_code == 409 and other.json()["error"]["code"] == "IDEMPOTENCY_KEY_REUSED"
    with ThreadPoolExecutor(8) as threads:
        create = lambda _: client.post("/v1/sessions", json={"name": "once"}, headers={"Idempotency-Key": "k-2"}).json()  # noqa: E731
        assert len({answer["id"] for answer in threads.map(create, range(8))}) == 1


def test_a_repeated_cancel_and_a_repeated_create_are_answered_alike(client: httpx.Client) -> None:
    agent = deploy(client)
    one, two = (
        client.post(f"/v1/agents/{agent}/execute", json={"input_data": {"text": "a"}}).json()["id"] for _ in "ab"
    )
    headers = {"Idempotency-Key": "cancel"}
    assert client.post(f"/v1/executions/{one}/cancel", headers=headers).status_code == 200
    assert client.post(f"/v1/executions/{one}/cancel", headers=headers).status_code == 200
    assert client.post(f"/v1/executions/{two}/cancel", headers=headers).status_code == 409
    first, again = (
        client.post("/v1/sessions", json={"name": "a"}, headers={"Idempotency-Key": "create"}) for _ in "ab"
    )
    assert (first.status_code, first.headers["etag"]) == (again.status_code, again.headers["etag"]) == (201, '"1"')


def test_refusals_say_where_the_key_stands(client: httpx.Client, stack: Stack) -> None:
    assert client.post("/v1/sessions", json={}).headers["x-ratelimit-limit"] == "100000"
    with stack.client(stack.new_key(scopes="sessions:read")[1]) as reader:
        assert int(reader.post("/v1/sessions", json={"name": "a"}).headers["x-ratelimit-remaining"]) >= 0


def test_a_stream_ends_with_its_key(stack: Stack) -> None:
    identifier, key = stack.new_key()
    with stack.client(key) as client, client.stream("GET", "/v1/events") as stream:
        lines = stream.iter_lines()
        assert next(lines) == "retry: 1000"
        stack.revoke(identifier)
        began = time.monotonic()
        try:
            list(lines)
        except httpx.HTTPError:
            pass
        assert time.monotonic() - began < 5


def test_a_key_has_only_so_many_streams(stack: Stack) -> None:
    key = stack.tenant()
    with stack.client(key) as client, ExitStack() as opened:
        # A stream whose lines nobody holds is closed.
        lines = [opened.enter_context(client.stream("GET", "/v1/events")).iter_lines() for _ in range(5)]
        assert [next(each) for each in lines] == ["retry: 1000"] * 5
        refused = client.get("/v1/events")
        assert refused.status_code == 429
        error = refused.json()["error"]
        assert (error["code"], error["details"]) == ("RATE_LIMITED", {"limit": 5})


def test_a_filtered_stream_gets_signs_of_life_while_others_are_busy(client: httpx.Client) -> None:
    with client.stream("GET", "/v1/events?types=agent.nothing") as stream:
        events = events_of(stream.iter_lines())
        assert next(events) == {"comment": "connected"}
        session = client.post("/v1/sessions", json={"name": "busy"}).json()["id"]
        busy = threading.Event()

        def change() -> None:
            while not busy.wait(0.1):
                client.patch(f"/v1/sessions/{session}", json={"name": "busier"})

        changing = threading.Thread(target=change)
        changing.start()
        try:
            assert [next(events) for _ in range(3)] == [{"comment": "keep-alive"}] * 3
        finally:
            busy.set()
            changing.join()


def test_ten_sessions_may_be_open(client: httpx.Client) -> None:
    for _ in range(10):
        assert client.post("/v1/sessions", json={"name": "s"}).status_code == 201
    refused = client.post("/v1/sessions", json={"name": "s"})
    assert refused.status_code == 429
    error = refused.json()["error"]
    assert error["code"] == "RATE_LIMITED" and error["details"]["limit"] == 10


def test_a_key_is_limited_by_the_hour_and_told_so_on_every_answer(stack: Stack) -> None:
    _, key = stack.new_key(hourly_limit=3)
    with stack.client(key) as client:
        answers = [client.get("/v1/sessions") for _ in range(3)]
        assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["2", "1", "0"]
        refused = client.get("/v1/sessions")
    assert refused.status_code == 429 and refused.json()["error"]["code"] == "RATE_LIMITED"
    assert 0 < int(refused.headers["retry-after"]) <= 3600
    assert refused.headers["x-ratelimit-limit"] == "3" and refused.headers["x-ratelimit-remaining"] == "0"
    assert int(refused.headers["x-ratelimit-reset"]) >= time.time()


def test_keys_are_checked(stack: Stack) -> None:
    expired = stack.new_key(expires_at=time.time_ns() // 1000 - 1)[1]
    for headers in (
        {},
        {"Authorization": "Bearer ak_nope"},
        {"Authorization": f"Bearer {expired}"},
        {"X-API-Key": expired},
    ):
        answer = httpx.get(f"{stack.url}/v1/sessions", headers=headers)
        assert answer.status_code == 401 and answer.json()["error"]["code"] == "UNAUTHORIZED", answer.text
    with stack.client(stack.new_key(scopes="sessions:read")[1]) as client:
        assert client.get("/v1/sessions").status_code == 200
        refused = client.post("/v1/sessions", json={"name": "a"})
        assert refused.status_code == 403 and refused.json()["error"]["details"]["scope"] == "sessions:write"


def test_keys_are_made_listed_and_revoked_by_a_command(stack: Stack) -> None:
    made = stack.orchestrator("keys", "create", "by hand", "--organization", "By hand")
    identifier, key = re.match(r"id:  (key_\w+)\nkey: (ak_\S+)\n", made).groups()
    assert httpx.get(f"{stack.url}/v1/sessions", headers={"X-API-Key": key}).status_code == 200
    listed = stack.orchestrator("keys", "list")
    assert "by hand" in listed and key not in listed
    stack.orchestrator("keys", "revoke", identifier)
    # Whoever has just seen it may let it in for a second more.
    deadline = time.monotonic() + 5
    while (answer := httpx.get(f"{stack.url}/v1/sessions", headers={"X-API-Key": key})).status_code == 200:
        assert time.monotonic() < deadline
    assert answer.status_code == 401 and answer.json()["error"]["code"] == "UNAUTHORIZED"


def test_another_organization_gets_404_for_everything(stack: Stack, client: httpx.Client) -> None:
    agent = deploy(client)
    session = client.post("/v1/sessions", json={"name": "a"}).json()["id"]
    execution = client.post(f"/v1/agents/{agent}/execute", json={"input_data": {"text": "a"}}).json()["id"]
    with stack.client(stack.new_key()[1]) as stranger:
        for method, path, body in [
            ("GET", f"/v1/sessions/{session}", None),
            ("PATCH", f"/v1/sessions/{session}", {"name": "x"}),
            ("POST", f"/v1/sessions/{session}/complete", {}),
            ("POST", f"/v1/sessions/{session}/fail", {"error": "x"}),
            ("DELETE", f"/v1/sessions/{session}", None),
            ("GET", f"/v1/sessions/{session}/events", None),
            ("GET", f"/v1/sessions/{session}/executions", None),
            ("GET", f"/v1/agents/{agent}", None),
            ("PATCH", f"/v1/agents/{agent}", {"name": "x"}),
            ("DELETE", f"/v1/agents/{agent}", None),
            ("POST", f"/v1/agents/{agent}/execute", {"input_data": {"text": "a"}}),
            ("GET", f"/v1/agents/{agent}/executions", None),
            ("GET", f"/v1/executions/{execution}", None),
            ("POST", f"/v1/executions/{execution}/cancel", {}),
        ]:
            answer = stranger.request(method, path, json=body)
            assert answer.status_code == 404 and answer.json()["error"]["code"] == "NOT_FOUND", (
                method,
                path,
                answer.text,
            )


def test_events_arrive_live_and_resume_after_the_last_one(client: httpx.Client) -> None:
    agent = deploy(client)
    with client.stream("GET", "/v1/events") as stream:
        assert stream.headers["content-type"] == "text/event-stream"
        events = events_of(stream.iter_lines())
        assert next(events) == {"comment": "connected"}
        execution = client.post(f"/v1/agents/{agent}/execute", json={"input_data": {"text": "a"}}).json()
        seen = [next(event for event in events if "id" in event) for _ in range(3)]
    assert [event["event"] for event in seen] == ["execution.created", "execution.started", "execution.completed"]
    assert seen[2]["data"]["data"]["output"] == "A" and seen[2]["data"]["data"]["id"] == execution["id"]
    with client.stream("GET", "/v1/events", headers={"Last-Event-ID": seen[0]["id"]}) as stream:
        events = events_of(stream.iter_lines())
        again = [next(event for event in events if "id" in event) for _ in range(2)]
        assert again == seen[1:]
        assert next(events) == {"comment": "keep-alive"}


def test_a_session_stream_holds_that_session_alone(client: httpx.Client) -> None:
    agent = deploy(client)
    first, second = (client.post("/v1/sessions", json={"name": "a"}).json()["id"] for _ in range(2))
    for session in (second, first):
        client.post(f"/v1/agents/{agent}/execute", json={"input_data": {"text": "a"}, "session_id": session})
    with client.stream("GET", f"/v1/sessions/{first}/events?after=0&types=execution.*&types=session.created") as stream:
        events = events_of(stream.iter_lines())
        seen = [next(event for event in events if "id" in event) for _ in range(4)]
    assert [event["event"] for event in seen] == [
        "session.created",
        "execution.created",
        "execution.started",
        "execution.completed",
    ]
    assert seen[0]["data"]["data"]["id"] == first and seen[1]["data"]["data"]["session_id"] == first


def test_requirements_are_installed_while_executions_wait(client: httpx.Client, stack: Stack) -> None:
    missing = client.post("/v1/agents", json={**UPPER, "requirements": ["no-such-package-of-ours-0"]})
    assert missing.status_code == 201 and missing.json()["status"] == "installing"
    agent = missing.json()["id"]
    waiting = client.post(f"/v1/agents/{agent}/execute", json={"input_data": {"text": "a"}})
    assert waiting.json()["status"] == "failed" and waiting.json()["error"]["type"] == "AgentUnavailable"
    got = client.get(f"/v1/agents/{agent}").json()
    assert got["status"] == "error" and "no-such-package-of-ours-0" in got["status_message"]
    refused = client.post(f"/v1/agents/{agent}/execute", json={"input_data": {"text": "a"}})
    assert refused.status_code == 409 and refused.json()["error"]["code"] == "AGENT_FAILED"


REFUSALS = [
    ("name missing", "POST", "/v1/sessions", {}, 400, "name", "required field missing"),
    ("name null", "POST", "/v1/sessions", {"name": None}, 400, "name", "required field missing"),
    ("name of the wrong type", "POST", "/v1/sessions", {"name": 1}, 400, "name", "must be a string"),
    ("name an object", "POST", "/v1/sessions", {"name": {}}, 400, "name", "must not be an object"),
    (
        "nested wrong type",
        "POST",
        "/v1/sessions",
        {"name": "a", "config": {"timeout": "x"}},
        400,
        "config.timeout",
        "whole",
    ),
    (
        "nested out of range",
        "POST",
        "/v1/sessions",
        {"name": "a", "config": {"timeout": 0}},
        400,
        "config.timeout",
        "1",
    ),
    ("huge number", "POST", "/v1/sessions", {"name": "a", "config": {"timeout": 1e30}}, 400, "config.timeout", "whole"),
    ("long name", "POST", "/v1/sessions", {"name": "x" * 201}, 400, "name", "200"),
    ("NUL in a name", "POST", "/v1/sessions", {"name": "a\0b"}, 400, "name", "NUL"),
    ("an array", "POST", "/v1/sessions", [], 400, "body", "JSON object"),
    ("malformed JSON", "POST", "/v1/sessions", b'{"name":', 400, "body", "not valid JSON"),
    ("lone surrogate", "POST", "/v1/sessions", b'{"name":"\\ud800"}', 400, "body", "surrogate"),
    ("broken UTF-8", "POST", "/v1/sessions", b'{"name":"\xff"}', 400, "body", "UTF-8"),
    ("a word that is none", "GET", "/v1/sessions?status=asleep", None, 400, "status", "must be in list"),
    ("limit too large", "GET", "/v1/sessions?limit=101", None, 400, "limit", "100"),
    ("limit no number", "GET", "/v1/sessions?limit=many", None, 400, "limit", "whole number"),
    ("offset negative", "GET", "/v1/sessions?offset=-1", None, 400, "offset", "0"),
    ("unknown parameter", "GET", "/v1/sessions?colour=red", None, 400, "colour", "unknown query parameter"),
    ("unknown agent type", "POST", "/v1/agents", {**UPPER, "type": "cobol"}, 400, "type", "must be in list"),
    ("code missing", "POST", "/v1/agents", {"name": "a"}, 400, "code", "required field missing"),
    ("syntax error", "POST", "/v1/agents", {"name": "a", "code": "def f(:\n"}, 400, "code", "line 1, column"),
    ("no function", "POST", "/v1/agents", {"name": "a", "code": "x = 1"}, 400, "code", "function"),
    (
        "two functions",
        "POST",
        "/v1/agents",
        {"name": "a", "code": "def a(): 1\ndef b(): 2"},
        400,
        "entry_function",
        "a, b",
    ),
    (
        "a path as requirement",
        "POST",
        "/v1/agents",
        {**UPPER, "requirements": ["x", "./y"]},
        400,
        "requirements[1]",
        "paths",
    ),
    ("an option", "POST", "/v1/agents", {**UPPER, "requirements": ["--pre"]}, 400, "requirements[0]", "options"),
    (
        "an address",
        "POST",
        "/v1/agents",
        {**UPPER, "requirements": ["a @ http://x/a.whl"]},
        400,
        "requirements[0]",
        "addr",
    ),
    ("malformed If-Match", "PATCH", "/v1/sessions/x", {"name": "a"}, 400, "If-Match", "ETag"),
    ("malformed Last-Event-ID", "GET", "/v1/events", None, 400, "Last-Event-ID", "whole number"),
    ("escaped slash", "GET", "/v1/sessions/a%2fb", None, 400, "request", "path"),
]


@pytest.mark.parametrize("case", REFUSALS, ids=[case[0] for case in REFUSALS])
def test_bad_input_gets_a_clear_error_as_documented(client: httpx.Client, case: tuple) -> None:
    _, method, path, body, status, field, issue = case
    headers = {"If-Match": "yesterday"} if field == "If-Match" else {}
    headers |= {"Last-Event-ID": "yesterday"} if field == "Last-Event-ID" else {}
    content = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
    answer = client.request(method, path, content=content, headers={"content-type": "application/json", **headers})
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    error = answer.json()["error"]
    assert error["code"] == "INVALID_REQUEST"
    assert error["details"]["field"] == field and issue in error["details"]["issue"], error
    assert error["message"]
    assert answer.headers["x-request-id"]


def test_what_stands_between_may_say_more_and_passes_on_what_comes(client: httpx.Client) -> None:
    assert client.get("/v1/sessions", headers={"x_forwarded_by": "a proxy"}).status_code == 200
    packed = client.post("/v1/sessions", content=gzip.compress(b'{"name": "s"}'), headers={"content-encoding": "gzip"})
    assert packed.status_code == 415 and packed.json()["error"]["code"] == "UNSUPPORTED_MEDIA_TYPE"
    assert "compressed" in packed.json()["error"]["message"]
    with client.stream("GET", "/v1/events") as stream:
        assert (stream.headers["cache-control"], stream.headers["x-accel-buffering"]) == ("no-cache", "no")


def test_the_path_alone_says_which_resource(client: httpx.Client) -> None:
    one, two = (client.post("/v1/sessions", json={"name": "s"}).json()["id"] for _ in range(2))
    mine, other = deploy(client), deploy(client)
    cases = [("PATCH", f"/v1/sessions/{one}", "session_id", two)]
    cases += [("POST", f"/v1/sessions/{one}/{verb}", "session_id", two) for verb in ("complete", "fail")]
    cases += [
        ("PATCH", f"/v1/agents/{mine}", "agent_id", other),
        ("POST", f"/v1/agents/{mine}/execute", "agent_id", other),
    ]
    cases += [("POST", "/v1/executions/x/cancel", "execution_id", "y")]
    for method, path, field, value in cases:
        for query, body in ((f"?{field}={value}", {}), ("", {field: value})):
            answer = client.request(method, path + query, json=body)
            assert answer.status_code == 400 and answer.json()["error"]["details"]["field"] == field, (
                path,
                answer.text,
            )
    for method in ("GET", "DELETE"):
        for path, field, value in (
            (f"/v1/sessions/{one}", "session_id", two),
            (f"/v1/agents/{mine}", "agent_id", other),
        ):
            answer = client.request(method, f"{path}?{field}={value}")
            assert answer.status_code == 400 and answer.json()["error"]["details"]["field"] == field, (
                path,
                answer.text,
            )
    for path in (f"/v1/sessions/{one}/executions", f"/v1/sessions/{one}/events"):
        answer = client.get(f"{path}?session_id={two}")
        assert answer.status_code == 400 and answer.json()["error"]["details"]["field"] == "session_id", answer.text
    assert client.get(f"/v1/executions?session_id={two}").status_code == 200
    assert client.get(f"/v1/sessions/{two}").json()["status"] == "created"
    grpc_body = client.post("/v1/sessions", content=b"", headers={"content-type": "application/grpc"})
    assert grpc_body.status_code == 415 and grpc_body.json()["error"]["code"] == "UNSUPPORTED_MEDIA_TYPE"


def test_what_is_not_there_gets_404(client: httpx.Client) -> None:
    for method, path in [
        ("GET", "/v1/nope"),
        ("GET", "/"),
        ("GET", "/v1/sessions/session_00000000000070008000000000000000"),
        ("GET", "/v1/sessions/not-an-id"),
        ("GET", f"/v1/sessions/{'x' * 5000}"),
    ]:
        answer = client.request(method, path)
        assert answer.status_code == 404 and answer.json()["error"]["code"] == "NOT_FOUND", (path, answer.text)
    wrong = client.put("/v1/sessions")
    assert wrong.status_code == 405 and wrong.headers["allow"] == "GET, HEAD, POST"
    assert wrong.json()["error"]["code"] == "METHOD_NOT_ALLOWED"
    agent = client.post("/v1/agents/agent_00000000000070008000000000000000/execute", json={})
    assert agent.status_code == 404
    body = {"input_data": {"text": "a"}, "session_id": "session_00000000000070008000000000000000"}
    assert client.post(f"/v1/agents/{deploy(client)}/execute", json=body).status_code == 404


def test_bodies_are_bounded(client: httpx.Client) -> None:
    ten = client.post("/v1/agents", json={"name": "a", "code": "#" * 10_000_000})
    assert ten.status_code == 413 and ten.json()["error"]["code"] == "PAYLOAD_TOO_LARGE"
    large = client.post("/v1/agents", json={"name": "a", "code": "#" * 1_000_000})
    assert large.status_code == 400 and large.json()["error"]["details"]["field"] == "code"
    deep = b'{"input_data":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    assert client.post(f"/v1/agents/{deploy(client)}/execute", content=deep).status_code == 400
    for levels in (46, 60, 95):
        nested = b'{"input_data": {"text": ' + b"[" * levels + b"]" * levels + b"}}"
        answer = client.post(f"/v1/agents/{deploy(client)}/execute", content=nested)
        assert answer.status_code == 400 and answer.json()["error"]["code"] == "INVALID_REQUEST", (levels, answer.text)
    huge = client.post(f"/v1/agents/{deploy(client)}/execute", json={"input_data": {"text": "x" * 1_500_000}})
    assert huge.status_code == 400 and huge.json()["error"]["details"]["field"] == "input_data"
    headers = client.get("/v1/sessions", headers={"x-filler": "x" * 40_000})
    assert headers.status_code == 431


def test_the_mark_that_some_editors_begin_a_file_with_is_no_part_of_it(client: httpx.Client) -> None:
    mark = "\N{ZERO WIDTH NO-BREAK SPACE}"
    body = mark + json.dumps({"name": "a", "code": f"{mark}def f(x): return x", "other": 1})
    made = client.post("/v1/agents", content=body.encode())
    assert made.status_code == 201 and "other" in made.headers["warning"], made.text
    agent = f"/v1/agents/{made.json()['id']}"
    assert client.get(agent).json()["code"] == "def f(x): return x"
    assert client.patch(agent, json={"code": f"{mark}def g(x): return x"}).json()["entry_function"] == "g"
    done = client.post(f"{agent}/execute", content=(mark + '{"input_data": {"x": 1}}').encode())
    assert done.json()["output"] == 1


def test_a_stream_that_asks_for_a_lost_cursor_is_told_where_to_begin(client: httpx.Client) -> None:
    answer = client.get("/v1/events", headers={"Last-Event-ID": "999"})
    assert answer.status_code == 410
    error = answer.json()["error"]
    assert error["code"] == "CURSOR_GONE" and error["details"] == {"after": 999, "start_after": 0, "newest": 0}


def test_programs_that_misbehave_fail_their_own_execution_and_nothing_else(client: httpx.Client) -> None:
    cases = [
        ("def f(): raise ValueError('no')", "ValueError"),
        ("import sys\ndef f(): sys.exit(3)", "SystemExit"),
        ("import os\ndef f(): os._exit(3)", "ProcessExited"),
        ("def f(): return {1, 2}", "OutputNotJSON"),
        ("def f(): return float('nan')", "OutputNotJSON"),
        ("def f(): return 10 ** 400", "OutputNotJSON"),
        ("def f(): return 2 ** 53 + 1", "OutputNotJSON"),
        ("def f():\n    x = 1\n    for _ in range(31): x = [x]\n    return x", "OutputNotJSON"),
        ("def f(): return 'x' * 3_000_000", "OutputTooLarge"),
        ("def f(): return f()", "RecursionError"),
        ("import os\ndef f(): os.fork()", "PermissionError"),
        ("def f(): return bytearray(4 << 30)", "MemoryError"),
        ("def f():\n    while True: pass", "TimeoutError"),
        ("1 / 0\ndef f(): pass", "ZeroDivisionError"),
    ]
    for code, type in cases:
        agent = deploy(client, {"name": "a", "code": code})
        execution = client.post(f"/v1/agents/{agent}/execute", json={"timeout": 2}).json()
        assert execution["status"] == "failed" and execution["error"]["type"] == type, (code, execution)
        assert "/server/" not in execution["error"]["traceback"]
    nested: object = 1
    for _ in range(28):
        nested = {"a": [nested]} if _ % 2 else nested
    same = deploy(client, {"name": "a", "code": "def f(x): return x"})
    for value in (None, False, 0, "", [], {}, "ünïcödé \u2028", [[1, 2.5], {"a.b": None}], 2**53, nested):
        done = client.post(f"/v1/agents/{same}/execute", json={"input_data": {"x": value}}).json()
        assert done["status"] == "completed" and done["output"] == value, done
    with client.stream("GET", "/v1/events?after=0") as stream:
        events = events_of(stream.iter_lines())
        assert [int(next(event for event in events if "id" in event)["id"]) for _ in range(50)] == list(range(1, 51))
    flood = deploy(
        client, {"name": "a", "code": "def f():\n    for _ in range(100000): print('x' * 100)\n    return 1"}
    )
    execution = client.post(f"/v1/agents/{flood}/execute", json={}).json()
    assert execution["status"] == "completed" and execution["output"] == 1 and len(execution["stdout"]) < 300_000
    fake = deploy(client, {"name": "a", "code": "def f():\n    print('{\"output\": \"fake\"}')\n    return 'real'"})
    assert client.post(f"/v1/agents/{fake}/execute", json={}).json()["output"] == "real"


def test_many_callers_at_once_each_get_their_own_answer(client: httpx.Client) -> None:
    agent = deploy(client)
    barrier = threading.Barrier(16)

    def execute(n: int) -> bool:
        barrier.wait()
        answer = client.post(f"/v1/agents/{agent}/execute", json={"input_data": {"text": f"caller {n}"}})
        return answer.json()["output"] == f"CALLER {n}"

    with ThreadPoolExecutor(16) as threads:
        assert all(threads.map(execute, range(16)))


def test_long_code_is_read_outside_the_event_loop(client: httpx.Client) -> None:
    filler = "\n".join(f"def _helper_{n}(x): return x + {n}" for n in range(4000))
    agent = client.post("/v1/agents", json={"name": "long", "code": f"{filler}\ndef main(n): return _helper_3999(n)"})
    assert agent.status_code == 201 and agent.json()["entry_function"] == "main", agent.text
    done = client.post(f"/v1/agents/{agent.json()['id']}/execute", json={"input_data": {"n": 1}}).json()
    assert done["output"] == 4000
    broken = client.post("/v1/agents", json={"name": "long", "code": f"{filler}\ndef main(n) return n"})
    assert broken.status_code == 400 and broken.json()["error"]["details"]["line"] == 4001
    deep = client.post("/v1/agents", json={"name": "deep", "code": "x = " + "(" * 9000 + ")" * 9000})
    assert deep.status_code == 400 and deep.json()["error"]["details"]["field"] == "code"


def test_an_agent_is_changed_and_deleted(client: httpx.Client) -> None:
    agent = deploy(client)
    changed = client.patch(f"/v1/agents/{agent}", json={"code": "def lower(data): return data.lower()"})
    assert changed.status_code == 200 and changed.json()["entry_function"] == "lower", changed.text
    assert client.post(f"/v1/agents/{agent}/execute", json={"input_data": {"t": "ABC"}}).json()["output"] == "abc"
    listed = client.get("/v1/agents").json()
    assert listed["total"] == 1 and listed["agents"][0]["code"] == ""
    assert client.delete(f"/v1/agents/{agent}").json() == {"id": agent, "deleted": True}
    assert client.get(f"/v1/agents/{agent}").status_code == 404
