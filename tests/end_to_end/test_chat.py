"""Chat through Envoy, as AI Orchestra's document has it: with a model behind it that nobody here wrote, and without one."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import httpx2 as httpx
import pytest

from tests.support.aimock import aimock
from tests.support.receiver import Receiver
from tests.support.stack import Stack, events_of

pytestmark = pytest.mark.xdist_group("chat")
JUDGED = {"content": '{"score": 0.85, "reason": "clear"}'}
FIXTURES: list[dict[str, Any]] = [
    # A judge is asked about the question, too, so its words are looked for first.
    {"match": {"userMessage": "Judge how correct"}, "response": JUDGED},
    {
        "match": {"userMessage": "quantum"},
        "response": {"content": "Qubits are in superposition.", "usage": {"prompt_tokens": 20, "completion_tokens": 9}},
    },
    {"match": {"userMessage": "slow story"}, "response": {"content": "once upon a time " * 12}, "latency": 150},
    {"match": {"userMessage": "cut short"}, "response": {"content": "This will be cut short."}, "truncateAfterChunks": 3, "latency": 20},
    {"match": {"userMessage": "too slow"}, "response": {"content": "at length"}, "streamingProfile": {"ttft": 60_000, "tps": 1}},
    {"match": {"userMessage": "garbage"}, "response": {"content": "never"}, "chaos": {"malformedRate": 1}},
    {"match": {"userMessage": "refused"}, "response": {"error": {"message": "no such thing", "type": "e"}, "status": 400}},
    {"match": {"userMessage": "Build a parser"}, "response": {"content": "a step of the team"}},
]


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("chat")
    with aimock(FIXTURES, folder) as mock:
        running = Stack(
            folder / "data",
            MODEL_BASE_URL=mock.url,
            MODEL_API_KEY="sk-of-this-test",
            DEFAULT_MODEL="compatible/gpt-4",
            MODEL_FIRST_SECONDS="1.5",
            LEASE_SECONDS="2",
            HEARTBEAT_SECONDS="0.5",
            WEBHOOK_ALLOW_PRIVATE="1",
        ).start()
        yield running
        running.stop()


@pytest.fixture
def client(chat: Stack) -> Iterator[httpx.Client]:
    with chat.client(chat.tenant()) as opened:
        yield opened


def asked(client: httpx.Client, message: str, **fields: Any) -> httpx.Response:
    return client.post("/chat/v2/chat", json={"message": message, **fields})


def test_the_documented_request_is_answered_as_documented(client: httpx.Client) -> None:
    body = {"message": "Explain quantum computing", "session_id": "user-123-session-456", "optimization_mode": "balanced"}
    answer = client.post("/chat/v2/chat", json=body)
    assert answer.status_code == 200
    said = answer.json()
    assert list(said) == ["success", "data", "metadata", "error"] and said["success"] is True and said["error"] is None
    assert said["metadata"]["version"] == "v2" and said["metadata"]["request_id"] == answer.headers["x-request-id"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", said["metadata"]["timestamp"])
    data = said["data"]
    assert data["response"] == "Qubits are in superposition." and data["session_id"] == "user-123-session-456"
    assert data["execution_mode"] == "balanced" and data["quality_score"] == 0.85 and data["execution_time"] > 0
    about = data["metadata"]
    assert about["model"] == "compatible/gpt-4" and about["tokens_used"] >= 29 and about["stop_reason"] == "stop"
    assert [step["name"] for step in about["processing_steps"]] == ["answer", "check"] and about["quality_by"] == "judge"
    assert answer.headers["x-ratelimit-limit"] == "1000"


@pytest.mark.parametrize(
    ("path", "body", "version"),
    [
        ("/chat/v1/chat", {"text": "quantum", "sessionId": "123"}, "v1"),
        ("/chat/v1/chat", {"message": "quantum", "session_id": "123"}, "v1"),
        ("/chat/chat", {"text": "quantum", "sessionId": "123"}, "v1"),
        ("/chat/chat", {"message": "quantum", "sessionId": "123"}, "v1"),
        ("/chat/chat", {"message": "quantum", "session_id": "123", "optimization_mode": "lite"}, "v2"),
    ],
)
def test_both_versions_are_understood(client: httpx.Client, path: str, body: dict[str, str], version: str) -> None:
    answer = client.post(path, json=body)
    assert answer.status_code == 200 and answer.json()["data"]["session_id"] == "123"
    assert answer.json()["metadata"]["version"] == version
    deprecated = version == "v1"
    assert bool(re.fullmatch(r"@\d{10}", answer.headers.get("deprecation", ""))) is deprecated
    assert ("sunset" in answer.headers) is deprecated and ("GMT" in answer.headers.get("sunset", "")) is deprecated


@pytest.mark.parametrize("mode", ["lite", "balanced", "quality"])
def test_each_mode_is_answered_in_its_way(client: httpx.Client, mode: str) -> None:
    data = asked(client, "quantum", optimization_mode=mode).json()["data"]
    assert data["execution_mode"] == mode and data["response"]
    assert len(data["metadata"]["processing_steps"]) == {"lite": 1, "balanced": 2, "quality": 5}[mode]


@pytest.mark.parametrize("swarm", ["coding-team", "research-team", "creative-team", "coding-debate"])
def test_each_swarm_takes_its_steps(client: httpx.Client, swarm: str) -> None:
    data = asked(client, "Build a parser", swarm_type=swarm).json()["data"]
    assert data["execution_mode"] == swarm and data["response"] == "a step of the team"
    assert len(data["metadata"]["processing_steps"]) >= 3


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "message"),
        ({"message": ""}, "message"),
        ({"message": "x" * 100_000}, "message"),
        ({"message": "x", "optimization_mode": "fast"}, "optimization_mode"),
        ({"message": "x", "swarm_type": "sales-team"}, "swarm_type"),
        ({"message": "x", "session_id": "a/b"}, "session_id"),
        ({"message": "x", "session_id": "s" * 10_240}, "session_id"),
        ({"message": "x", "model": "m" * 300}, "model"),
        ({"message": 7}, "message"),
        ({"message": "x", "user_context": "me"}, "user_context"),
        ({"message": "x", "use_memory": "perhaps"}, "use_memory"),
    ],
)
def test_what_cannot_be_answered_is_a_validation_error(client: httpx.Client, body: dict[str, Any], field: str) -> None:
    answer = client.post("/chat/v2/chat", json=body)
    said = answer.json()
    assert answer.status_code == 400 and said["success"] is False and said["data"] is None
    assert said["error"]["code"] == "VALIDATION_ERROR" and said["error"]["details"]["field"] == field, said
    assert said["error"]["details"]["reason"]


@pytest.mark.parametrize(
    ("message", "status", "code", "partial"),
    [
        ("too slow", 504, "TIMEOUT_ERROR", False),
        ("cut short", 503, "SERVICE_UNAVAILABLE", True),
        ("garbage", 503, "SERVICE_UNAVAILABLE", False),
        ("refused", 503, "SERVICE_UNAVAILABLE", False),
    ],
)
def test_a_provider_that_fails_is_told_and_what_came_is_kept(
    client: httpx.Client, message: str, status: int, code: str, partial: bool
) -> None:
    # So that nobody takes the provider for dead.
    asked(client, "quantum", optimization_mode="lite")
    answer = asked(client, message, session_id="s", optimization_mode="lite")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, code), answer.text
    assert ("partial_response" in error["details"]) is partial and error["details"]["session_id"] == "s"
    kept = client.get(f"/chat/v2/answers/{error['details']['answer_id']}").json()["data"]
    assert kept["status"] == "failed" and kept["metadata"]["stop_reason"] == "error" and bool(kept["response"]) is partial


def test_without_a_key_there_is_no_chat(chat: Stack) -> None:
    answer = httpx.post(f"{chat.url}/chat/v2/chat", json={"message": "hi"})
    assert answer.status_code == 401 and answer.json()["error"]["code"] == "AUTHENTICATION_ERROR"
    assert answer.json()["success"] is False and answer.json()["data"] is None


def test_an_answer_is_streamed_token_by_token_and_can_be_followed_from_anywhere(client: httpx.Client) -> None:
    body = {"message": "Tell a slow story", "optimization_mode": "lite", "session_id": "s"}
    seen = []
    with client.stream("POST", "/chat/v2/chat/stream", json=body) as stream:
        assert stream.headers["content-type"] == "text/event-stream"
        for event in events_of(stream.iter_lines()):
            seen.append(event)
            if len([each for each in seen if each.get("event") == "token"]) == 3:
                break
    answer = seen[0]["data"]["answer_id"]
    # Whoever goes away cancels nothing, and comes back where he was.
    rest = []
    path = f"/chat/v2/answers/{answer}/stream"
    with client.stream("GET", path, headers={"Last-Event-ID": seen[-1]["id"]}) as stream:
        rest = list(events_of(stream.iter_lines()))
    tokens = [each for each in seen + rest if each.get("event") == "token"]
    assert "".join(each["data"]["token"] for each in tokens) == "once upon a time " * 12
    numbers = [int(each["id"]) for each in tokens]
    assert numbers == sorted(set(numbers))
    assert rest[-1]["event"] == "final" and rest[-1]["data"]["response"] == "once upon a time " * 12


def test_sessions_are_listed_read_and_deleted_and_are_nobody_elses(chat: Stack, client: httpx.Client) -> None:
    for message in ("quantum one", "quantum two"):
        asked(client, message, session_id="mine", optimization_mode="lite", user_context={"name": "Ada"})
    listed = client.get("/chat/v2/sessions").json()["data"]
    assert [each["session_id"] for each in listed["sessions"]] == ["mine"] and listed["total"] == 1
    history = client.get("/chat/v2/sessions/mine/history").json()["data"]
    assert [turn["message"] for turn in history["turns"]] == ["quantum one", "quantum two"]
    assert history["turns"][0]["user_context"] == {"name": "Ada"}
    assert history["turns"][1]["answer"]["metadata"]["turn"] == 2
    with chat.client(chat.tenant()) as other:
        assert other.get("/chat/v2/sessions").json()["data"]["sessions"] == []
        for verb, path in (("GET", ""), ("GET", "/history"), ("DELETE", "")):
            missing = other.request(verb, f"/chat/v2/sessions/mine{path}")
            assert missing.status_code == 404 and missing.json()["error"]["code"] == "NOT_FOUND"
    assert client.delete("/chat/v2/sessions/mine").json()["data"] == {"session_id": "mine", "deleted": True}
    assert client.get("/chat/v2/sessions/mine").status_code == 404


def test_an_answer_is_cancelled_by_a_command(client: httpx.Client) -> None:
    body = {"message": "Tell a slow story", "optimization_mode": "lite"}
    with client.stream("POST", "/chat/v2/chat/stream", json=body) as stream:
        events = events_of(stream.iter_lines())
        answer = next(events)["data"]["answer_id"]
        while next(events).get("event") != "token":
            pass
        cancelled = client.post(f"/chat/v2/answers/{answer}/cancel", json={})
        assert cancelled.status_code == 200
        told = cancelled.json()["data"]
        assert (told["status"], told["metadata"]["stop_reason"]) == ("cancelled", "cancelled") and "once" in told["response"]
        last = list(events)[-1]
    assert last["event"] == "final" and last["data"]["status"] == "cancelled"
    assert last["data"]["metadata"]["stop_reason"] == "cancelled" and "once" in last["data"]["response"]


def test_who_waits_for_what_is_interrupted_or_deleted_hears_so(client: httpx.Client) -> None:
    def waiting(pool: ThreadPoolExecutor, message: str) -> Future[httpx.Response]:
        return pool.submit(asked, client, message, session_id="s", optimization_mode="lite")

    def turns() -> list[dict[str, Any]]:
        history = client.get("/chat/v2/sessions/s/history").json()["data"] or {"turns": []}
        return [each["answer"] for each in history["turns"]]

    def until(condition: Callable[[], bool]) -> None:
        end = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < end
            time.sleep(0.1)

    with ThreadPoolExecutor(3) as pool:
        first = waiting(pool, "slow story")
        until(lambda: [each["status"] for each in turns()] == ["running"])
        second = waiting(pool, "slow story again")
        until(lambda: len(turns()) == 2)
        # The model says its first words a seventh of a second after it has begun.
        time.sleep(1)
        assert asked(client, "quantum", session_id="s", optimization_mode="lite", on_conflict="interrupt").status_code == 200
        # What there was of the one is there, and of the other there was nothing.
        data = first.result().json()["data"]
        assert (data["status"], data["metadata"]["stop_reason"]) == ("cancelled", "interrupted") and "once" in data["response"]
        error = second.result().json()["error"]
        assert (second.result().status_code, error["code"]) == (409, "ANSWER_CANCELLED")
        assert error["details"]["stop_reason"] == "interrupted" and "next message" in error["message"]
        third = waiting(pool, "slow story")
        until(lambda: turns()[-1]["status"] == "running")
        assert client.delete("/chat/v2/sessions/s").status_code == 200
        assert (third.result().status_code, third.result().json()["error"]["code"]) == (409, "ANSWER_CANCELLED")


def test_a_repeated_request_is_answered_once(client: httpx.Client) -> None:
    headers = {"Idempotency-Key": "one"}
    body = {"message": "quantum", "session_id": "s", "optimization_mode": "lite"}
    first, second = [client.post("/chat/v2/chat", json=body, headers=headers).json() for _ in range(2)]
    assert first["data"] == second["data"] and first["data"]["metadata"]["turn"] == 1
    assert client.get("/chat/v2/sessions/s").json()["data"]["turns"] == 1


def test_events_of_chats_are_in_the_one_feed_and_their_owners_alone(chat: Stack, client: httpx.Client) -> None:
    asked(client, "quantum", optimization_mode="lite", session_id="fed")
    with client.stream("GET", "/v1/events?after=0&types=chat.*") as stream:
        events = events_of(stream.iter_lines())
        types = []
        while "chat.completed" not in types:
            types += [each["event"] for each in [next(events)] if "event" in each]
    assert types[:2] == ["chat.queued", "chat.started"] and "chat.tokens" in types


async def test_webhooks_are_told_of_answers_and_of_the_ends_of_sessions(client: httpx.Client) -> None:
    async with Receiver() as receiver:
        body = {"events": ["chat.completed", "session.ended"], "secret": "webhook-secret", "url": f"http://127.0.0.1:{receiver.port}/"}
        assert (await asyncio.to_thread(client.post, "/webhooks", json=body)).status_code == 201
        await asyncio.to_thread(asked, client, "quantum", session_id="told", optimization_mode="lite")
        # What is deleted before it has been sent is sent without what was said.
        await receiver.until(1)
        await asyncio.to_thread(client.delete, "/chat/v2/sessions/told")
        completed, ended = await receiver.until(2)
        assert completed.json["data"]["response"] == "Qubits are in superposition."
        assert completed.event == "chat.completed" and completed.signed_by("webhook-secret")
        assert completed.json["data"]["session_id"] == "told" and completed.json["data"]["status"] == "completed"
        assert ended.event == "session.ended" and ended.json["data"]["session_id"] == "told"


def test_metrics_tell_of_models(chat: Stack, client: httpx.Client) -> None:
    asked(client, "quantum", optimization_mode="lite")
    text = client.get("/metrics").text
    assert re.search(r'model_calls_total\{provider="compatible"\} [1-9]', text)
    assert re.search(r'model_tokens_total\{provider="compatible",direction="output"\} [1-9]', text)
    assert 'http_requests_total{method="POST",endpoint="/chat/v2/chat"}' in text
    health = client.get("/health").json()
    assert health["components"]["swarm_intelligence"] == "healthy"


def test_a_message_that_no_budget_has_room_for_is_429_and_says_which(chat: Stack) -> None:
    _, key = chat.new_key("Out of budget")
    told = chat.orchestrator("budgets", "set", "--organization", "Out of budget", "--period", "day", "--tokens", "10")
    with chat.client(key) as client:
        refused = asked(client, "Explain quantum computing")
        error = refused.json()["error"]
        assert (refused.status_code, error["code"]) == (429, "RATE_LIMIT_ERROR")
        details = error["details"]
        assert details["reason"] == "BUDGET_EXHAUSTED" and details["budget_id"] == told.split()[0]
        assert (details["limit"], details["used"], details["reserved"], details["period"]) == (10, 0, 0, "day")
        assert details["renew_time"].endswith("T00:00:00Z") and 0 < int(refused.headers["retry-after"]) <= 86_400
        # What asks no model is answered still.
        assert asked(client, "Explain quantum computing", model="builtin-extractive-1").status_code == 200


def test_a_stream_that_is_asked_for_again_under_its_key_is_the_same_one(client: httpx.Client) -> None:
    def begun(body: dict[str, Any]) -> tuple[int, Any]:
        with client.stream("POST", "/chat/v2/chat/stream", json=body, headers={"Idempotency-Key": "one"}) as stream:
            if stream.status_code != 200:
                return stream.status_code, json.loads(stream.read())["error"]["code"]
            events = list(events_of(stream.iter_lines()))
            return 200, (events[0]["data"], events[-1]["data"]["response"])

    first = begun({"message": "quantum", "optimization_mode": "lite"})
    assert first[0] == 200 and begun({"message": "quantum", "optimization_mode": "lite"}) == first
    assert begun({"message": "another", "optimization_mode": "lite"}) == (409, "IDEMPOTENCY_KEY_REUSED")


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        ({"message": "a\0b"}, "message", "NUL"),
        ({"message": ["a"]}, "body", "a list where one value must be"),
        ({"message": "x", "model": "/"}, "model", "no provider"),
        ({"message": "x", "model": "mode/lite"}, "model", "no provider"),
    ],
)
def test_what_is_wrong_is_said_in_words_that_fit(client: httpx.Client, body: dict[str, Any], field: str, reason: str) -> None:
    answer = client.post("/chat/v2/chat", json=body)
    details = answer.json()["error"]["details"]
    assert answer.status_code == 400 and details["field"] == field and reason in details["reason"], details


def test_who_chooses_the_builtin_is_told_so(client: httpx.Client) -> None:
    said = asked(client, "Explain the unheard-of", model="builtin-extractive-1").json()["data"]
    assert "I was asked and no language model" in said["response"] and "OPENAI_API_KEY" not in said["response"]
