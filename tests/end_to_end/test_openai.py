"""OpenAI's own client through Envoy: with a model behind it that nobody here wrote, and without one."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from typing import Any

import httpx2 as httpx
import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from tests.support.aimock import Aimock, aimock
from tests.support.stack import Stack
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("chat")
CALL = {"name": "weather", "arguments": '{"city":"Oslo"}', "id": "call_7"}
TOOLS: Any = [
    {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}
]
FIXTURES: list[dict[str, Any]] = [
    {"match": {"userMessage": "Judge how correct"}, "response": {"content": '{"score": 0.85, "reason": "clear"}'}},
    {
        "match": {"userMessage": "quantum"},
        "response": {"content": "Qubits are in superposition.", "usage": {"prompt_tokens": 20, "completion_tokens": 9}},
    },
    {"match": {"userMessage": "slow story"}, "response": {"content": "once upon a time " * 12}, "latency": 150},
    {"match": {"userMessage": "endless"}, "response": {"content": "and on " * 3000}, "latency": 50},
    {"match": {"userMessage": "weather"}, "response": {"toolCalls": [CALL], "finishReason": "tool_calls"}},
    {"match": {"userMessage": "cut short"}, "response": {"content": "This will be cut short."}, "truncateAfterChunks": 3, "latency": 20},
    {"match": {"userMessage": "too slow"}, "response": {"content": "at length"}, "streamingProfile": {"ttft": 60_000, "tps": 1}},
    {"match": {"userMessage": "garbage"}, "response": {"content": "never"}, "chaos": {"malformedRate": 1}},
    {"match": {"userMessage": "refused"}, "response": {"error": {"message": "no such thing", "type": "e"}, "status": 400}},
    {"match": {"userMessage": "Build a parser"}, "response": {"content": "a step of the team"}},
    {"match": {"userMessage": "The answer to check|Reply"}, "response": {"content": "a step"}},
]


@pytest.fixture(scope="module")
def mock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aimock]:
    with aimock(FIXTURES, tmp_path_factory.mktemp("aimock")) as running:
        yield running


@pytest.fixture(scope="module")
def stack(mock: Aimock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    running = Stack(
        tmp_path_factory.mktemp("openai") / "data",
        MODEL_BASE_URL=mock.url,
        MODEL_API_KEY="sk-of-this-test",
        DEFAULT_MODEL="compatible/gpt-4",
        MODEL_FIRST_SECONDS="1.5",
        OPENAI_REQUESTS_PER_MINUTE="100000",
    ).start()
    yield running
    running.stop()


@pytest.fixture
def key(stack: Stack) -> str:
    return stack.tenant()


@pytest.fixture
def client(stack: Stack, key: str) -> Iterator[OpenAI]:
    with OpenAI(api_key=key, base_url=f"{stack.url}/v1", max_retries=0) as opened:
        yield opened


def said(message: str) -> Any:
    return [{"role": "user", "content": message}]


def test_a_completion_is_as_openais_client_reads_it(client: OpenAI) -> None:
    answer = client.chat.completions.create(model="compatible/gpt-4", messages=said("quantum"), temperature=0, user="me")
    assert answer.id.startswith("chatcmpl-") and answer.object == "chat.completion" and answer.created > 1_700_000_000
    assert answer.model == "compatible/gpt-4" and answer.choices[0].finish_reason == "stop"
    assert answer.choices[0].message.role == "assistant" and answer.choices[0].message.content == "Qubits are in superposition."
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (20, 9, 29)
    assert answer.model_extra["answered_by"] == "compatible/gpt-4"


def test_a_stream_is_as_openais_client_reads_it(client: OpenAI) -> None:
    options: Any = {"include_usage": True}
    chunks = list(client.chat.completions.create(model="gpt-4", messages=said("slow story"), stream=True, stream_options=options))
    assert chunks[0].choices[0].delta.role == "assistant" and len({chunk.id for chunk in chunks}) == 1
    texts = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(texts) == "once upon a time " * 12 and len(texts) > 10
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].choices == [] and chunks[-1].usage.completion_tokens > 0
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_the_wire_is_server_sent_events_that_end_with_done(stack: Stack, key: str) -> None:
    body = {"messages": said("quantum"), "stream": True, "something_new": {"a": [1]}}
    answer = httpx.post(f"{stack.url}/v1/chat/completions", json=body, headers={"authorization": f"Bearer {key}"})
    assert answer.headers["content-type"] == "text/event-stream" and answer.headers["x-ratelimit-limit"]
    events = answer.text.split("\n\n")
    assert events[-2:] == ["data: [DONE]", ""] and all(each.startswith("data: ") for each in events[:-1])
    assert json.loads(events[0][6:])["model"] == "compatible/gpt-4"


@pytest.mark.parametrize("stream", [False, True])
def test_an_agent_is_a_model_of_its_organization(stack: Stack, client: OpenAI, key: str, stream: bool) -> None:
    headers = {"authorization": f"Bearer {key}"}
    body = {"name": "Ada Lovelace", "type": "coding", "configuration": {"model": "gpt-4", "provider": "compatible"}}
    made = httpx.post(f"http://127.0.0.1:{stack.operations_port}/v1/agents", json=body, headers=headers)
    assert made.status_code == 201, made.text
    (name,) = [each.id for each in client.models.list() if each.id.startswith("agent/")]
    assert name == "agent/Ada Lovelace" and client.models.retrieve(name).owned_by == "orchestrator"
    if stream:
        chunks = list(client.chat.completions.create(model=name, messages=said("quantum"), stream=True))
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "Qubits are in superposition."
    else:
        answer = client.chat.completions.create(model=name, messages=said("quantum"))
        assert answer.choices[0].message.content == "Qubits are in superposition." and answer.usage.prompt_tokens == 20
    with OpenAI(api_key=stack.tenant(), base_url=f"{stack.url}/v1", max_retries=0) as stranger:
        with pytest.raises(openai.NotFoundError):
            stranger.chat.completions.create(model=name, messages=said("quantum"))


async def test_the_asynchronous_client_and_many_at_once(stack: Stack, key: str) -> None:
    async with AsyncOpenAI(api_key=key, base_url=f"{stack.url}/v1", max_retries=0) as client:

        async def one() -> str:
            stream = await client.chat.completions.create(model="default", messages=said("quantum"), stream=True)
            return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

        assert set(await asyncio.gather(*(one() for _ in range(20)))) == {"Qubits are in superposition."}


@pytest.mark.parametrize("stream", [False, True])
def test_tools_are_called_and_what_they_say_goes_back(client: OpenAI, mock: Aimock, stream: bool) -> None:
    if stream:
        with client.chat.completions.stream(model="compatible/gpt-4", messages=said("weather"), tools=TOOLS) as events:
            answer = events.get_final_completion()
    else:
        answer = client.chat.completions.create(model="compatible/gpt-4", messages=said("weather"), tools=TOOLS, tool_choice="auto")
    (call,) = answer.choices[0].message.tool_calls
    assert answer.choices[0].finish_reason == "tool_calls" and call.function.name == "weather"
    assert json.loads(call.function.arguments) == {"city": "Oslo"}
    messages = [
        *said("quantum weather report"),
        {"role": "assistant", "content": None, "tool_calls": [call.model_dump()]},
        {"role": "tool", "tool_call_id": call.id, "content": "rain"},
        *said("quantum, in short"),
    ]
    client.chat.completions.create(model="compatible/gpt-4", messages=messages, tools=TOOLS, parallel_tool_calls=False, seed=7)
    (asked,) = mock.asked("quantum, in short")[-1:]
    body = asked["body"]
    assert body["messages"][1]["tool_calls"][0]["function"]["name"] == "weather"
    assert body["messages"][2] == {"role": "tool", "content": "rain", "tool_call_id": call.id}
    assert body["parallel_tool_calls"] is False and body["seed"] == 7 and body["tools"] == TOOLS


def test_parameters_reach_the_model_as_they_are(client: OpenAI, mock: Aimock) -> None:
    parts: Any = [{"role": "developer", "content": "Be short."}, {"role": "user", "content": [{"type": "text", "text": "quantum "}, {"type": "text", "text": "parts"}]}]
    client.chat.completions.create(
        model="default", messages=parts, max_completion_tokens=55, top_p=0.5, stop=["\n"], response_format={"type": "json_object"}
    )
    (asked,) = mock.asked("quantum parts")
    body = asked["body"]
    assert body["messages"] == [{"role": "system", "content": "Be short."}, {"role": "user", "content": "quantum parts"}]
    assert 55 in (body.get("max_tokens"), body.get("max_completion_tokens")) and body["stop"] == ["\n"]
    assert body["response_format"] == {"type": "json_object"} and body["top_p"] == 0.5


@pytest.mark.parametrize("model", ["mode/lite", "mode/balanced", "swarm/coding-team"])
def test_modes_and_swarms_are_models(client: OpenAI, model: str) -> None:
    messages: Any = [{"role": "system", "content": "Be kind."}, *said("quantum"), {"role": "assistant", "content": "Yes."}, *said("Build a parser")]
    answer = client.chat.completions.create(model=model, messages=messages)
    assert answer.model == model and answer.choices[0].message.content == "a step of the team"
    assert answer.model_extra["execution_mode"] == model.partition("/")[2]


def test_what_is_not_configured_here_is_answered_by_what_was_found(client: OpenAI) -> None:
    messages: Any = [*said("The colour of the house is red."), {"role": "assistant", "content": "Noted."}, *said("Which colour has the house?")]
    answer = client.chat.completions.create(model="builtin-extractive-1", messages=messages)
    assert "red" in answer.choices[0].message.content and answer.model_extra["answered_by"] == "builtin-extractive-1"
    assert answer.usage.total_tokens == 0


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"messages": []}, "messages"),
        ({}, "messages"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
        ({"messages": said("x"), "n": 2}, "n"),
        ({"messages": said("x"), "temperature": 3}, "temperature"),
        ({"messages": said("x"), "max_tokens": 0}, "max_tokens"),
        ({"messages": said("x"), "max_tokens": 1.5}, "max_tokens"),
        ({"messages": said("x"), "stream": "yes"}, "stream"),
        ({"messages": said("x"), "tools": [{"type": "retrieval"}]}, "tools[0]"),
        ({"messages": said("x"), "tool_choice": "perhaps"}, "tool_choice"),
        ({"messages": said("x"), "response_format": "json"}, "response_format"),
        ({"messages": said("x"), "model": 7}, "model"),
        ({"messages": said(" "), "model": "builtin-extractive-1"}, "messages"),
    ],
)
def test_what_is_wrong_is_named_by_its_parameter(stack: Stack, client: OpenAI, body: dict[str, Any], param: str) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.post("/chat/completions", cast_to=object, body=body)
    error = refused.value
    assert error.param == param and error.type == "invalid_request_error" and error.message
    assert set(error.body) == {"message", "type", "param", "code"}


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b'{"messages": NaN}', b"[" * 20_000, b'{"a":"\xff"}'])
def test_what_is_no_json_object_is_a_bad_request(stack: Stack, key: str, body: bytes) -> None:
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    answer = httpx.post(f"{stack.url}/v1/chat/completions", content=body, headers=headers)
    assert answer.status_code == 400 and answer.json()["error"]["param"] == "body", answer.text


def test_a_body_has_bounds_and_within_them_it_goes_through(stack: Stack, client: OpenAI, key: str) -> None:
    url, headers = f"{stack.url}/v1/chat/completions", {"authorization": f"Bearer {key}"}
    large = client.chat.completions.create(model="default", messages=said("quantum " + "a,[{" * 400_000))
    assert large.choices[0].message.content == "Qubits are in superposition."
    too_large = httpx.post(url, json={"messages": said("x" * (2 << 20))}, headers=headers)
    assert too_large.status_code == 413 and too_large.json()["error"]["code"] == "payload_too_large"
    too_much = httpx.post(url, json={"messages": said("x"), "more": [[]] * 200_000}, headers=headers)
    assert too_much.status_code == 400 and "more than 50000 values" in too_much.json()["error"]["message"]


@pytest.mark.parametrize("name", ["swarm/sales-team", "mode/fast"])
def test_a_model_that_there_is_not_is_not_found(client: OpenAI, name: str) -> None:
    with pytest.raises(openai.NotFoundError) as refused:
        client.chat.completions.create(model=name, messages=said("x"))
    assert refused.value.code == "model_not_found" and refused.value.param == "model"


@pytest.mark.parametrize(
    ("message", "kind", "status", "code"),
    [
        ("too slow", openai.InternalServerError, 504, "timeout"),
        ("garbage", openai.InternalServerError, 503, "model_failed"),
        ("refused", openai.BadRequestError, 400, "model_refused"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_what_fails_before_the_first_piece_has_a_status(
    client: OpenAI, message: str, kind: type[openai.APIStatusError], status: int, code: str, stream: bool
) -> None:
    client.chat.completions.create(model="default", messages=said("quantum"))
    with pytest.raises(kind) as failed:
        client.chat.completions.create(model="default", messages=said(message), stream=stream)
    assert (failed.value.status_code, failed.value.code) == (status, code)


def test_what_fails_in_mid_stream_is_told_there_and_breaks_off(stack: Stack, client: OpenAI, key: str) -> None:
    client.chat.completions.create(model="default", messages=said("quantum"))
    seen = ""
    with pytest.raises(openai.APIError) as failed:
        for chunk in client.chat.completions.create(model="default", messages=said("cut short"), stream=True):
            seen += chunk.choices[0].delta.content or ""
    assert seen and "This will be cut short.".startswith(seen) and failed.value.code == "model_failed"
    body, raw = {"messages": said("cut short"), "stream": True}, b""
    with (
        pytest.raises(httpx.RemoteProtocolError),
        httpx.stream("POST", f"{stack.url}/v1/chat/completions", json=body, headers={"authorization": f"Bearer {key}"}) as stream,
    ):
        for piece in stream.iter_raw():
            raw += piece
    assert b'data: {"error":' in raw and b"[DONE]" not in raw


def test_keys_and_quotas_are_refused_as_openai_does(stack: Stack, client: OpenAI) -> None:
    with OpenAI(api_key="sk-wrong", base_url=f"{stack.url}/v1", max_retries=0) as stranger:
        with pytest.raises(openai.AuthenticationError) as refused:
            stranger.chat.completions.create(model="default", messages=said("x"))
        assert refused.value.code == "invalid_api_key"
    _, narrow = stack.new_key(scopes="sessions:read")
    with OpenAI(api_key=narrow, base_url=f"{stack.url}/v1", max_retries=0) as reader, pytest.raises(openai.PermissionDeniedError):
        reader.models.list()
    _, few = stack.new_key(hourly_limit=1)
    with OpenAI(api_key=few, base_url=f"{stack.url}/v1", max_retries=0) as busy:
        busy.models.list()
        with pytest.raises(openai.RateLimitError) as refused:
            busy.models.list()
    assert refused.value.code == "rate_limit_exceeded" and refused.value.response.headers["retry-after"]


def test_what_envoy_refuses_itself_is_in_the_same_shape(stack: Stack, key: str) -> None:
    headers = {"authorization": f"Bearer {key}"}
    for verb, path, status in (("GET", "/v1/chat/nowhere", 404), ("DELETE", "/v1/models", 405), ("GET", "/v1/chat/completions", 405), ("GET", "/v1/models?x=1", 400)):
        answer = httpx.request(verb, f"{stack.url}{path}", headers=headers)
        assert answer.status_code == status and set(answer.json()["error"]) == {"message", "type", "param", "code"}, path
    host = {"host": "api.ai-orchestra.com", **headers}
    assert httpx.get(f"{stack.url}/v1/models", headers=host).json()["object"] == "list"
    assert httpx.get(f"{stack.url}/readiness", headers=host).json()["ready"] is True


def test_models_are_listed_and_found_by_their_names(client: OpenAI) -> None:
    listed = [each.id for each in client.models.list()]
    assert {"builtin-extractive-1", "swarm/coding-team", "mode/quality"} < set(listed)
    theirs = [each for each in listed if each.startswith("compatible/")]
    assert theirs
    for name in (theirs[0], "swarm/coding-team", "builtin-extractive-1"):
        found = client.models.retrieve(name)
        assert found.id == name and found.object == "model" and isinstance(found.created, int) and found.owned_by
    with pytest.raises(openai.NotFoundError) as missing:
        client.models.retrieve("nobody/else")
    assert missing.value.code == "model_not_found"


def test_the_slash_in_a_models_name_may_be_plain_and_nowhere_else_escaped(stack: Stack, key: str) -> None:
    headers = {"authorization": f"Bearer {key}"}
    assert httpx.get(f"{stack.url}/v1/models/mode/lite", headers=headers).json()["id"] == "mode/lite"
    for path in ("/v1/sessions/a%2Fb", "/chat/v2/sessions/a%5cb", "/v1/models%2Fx"):
        assert httpx.get(f"{stack.url}{path}", headers=headers).status_code in (400, 404)
    assert httpx.get(f"{stack.url}/v1/sessions/a%2Fb", headers=headers).status_code == 400


@pytest.mark.parametrize("stream", [False, True])
def test_whoever_goes_away_ends_the_answer(stack: Stack, key: str, stream: bool) -> None:
    body = json.dumps({"messages": said("endless"), "stream": stream}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", stack.port)) as opened:
        opened.sendall(head.encode() + body)
        with stack.client(key) as watcher, watcher.stream("GET", "/v1/events?after=0&types=chat.*") as events:
            lines = events.iter_lines()
            while "chat.tokens" not in next(lines):
                pass
            opened.close()
            told = ""
            while not told.startswith("event: chat.c"):
                told = next(lines)
                if told.startswith("event: chat.cancel_requested"):
                    told = ""
            assert told == "event: chat.cancelled"
