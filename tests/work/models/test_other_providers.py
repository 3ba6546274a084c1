"""Providers that speak otherwise than OpenAI, by the extra: the same answers, calls, usage, refusals and breaks, behind one port."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import struct
import zlib
from contextlib import aclosing
from types import SimpleNamespace

import pytest

from server.core.models.port import (
    ModelFailed, ModelMessage, ModelRefused, ModelUnavailable, TextPiece, ToolCall, Usage,
)
from server.errors import Misconfigured
from server.settings import Settings
from server.work.models import ModelProviders, table
from server.work.models.provider import TRIES
from tests.support.raw_provider import RawProvider, response
from tests.work.models.asking import Heard, asking, hear

# To load their libraries takes seconds, so one process does.
pytestmark = pytest.mark.xdist_group("other providers")

KEY = "sk-secret-of-this-test"
MODELS = {
    "anthropic": ("anthropic/claude-haiku-4-5", {"anthropic_api_key": KEY}),
    "google": ("google/gemini-2.5-flash", {"google_api_key": KEY}),
    # Its library sends a key over HTTPS alone, and signs otherwise.
    "bedrock": ("bedrock/anthropic.claude-3-haiku-20240307-v1:0", {}),
}
TRACE = f"00-{'a' * 32}-{'b' * 16}-01"
TOOL = {"type": "function", "function": {"name": "get_weather", "description": "Looks", "parameters": {
    "type": "object", "properties": {"city": {"type": "string"}, "units": {"type": "string"}}}}}


HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\nconnection: close\r\n\r\n"


def events(*said: dict) -> bytes:
    """Server-sent events, with the type of each where it has one."""
    return HEAD % b"text/event-stream" + b"".join(
        (f"event: {each['type']}\n" if "type" in each else "").encode() + b"data: " + json.dumps(each).encode() + b"\n\n"
        for each in said
    )


def frames(**said: dict) -> bytes:
    """Amazon's event stream: each a length, headers and a body, with checksums."""
    found = HEAD % b"application/vnd.amazon.eventstream"
    for name, body in said.items():
        given = {":event-type": name.rstrip("0123456789"), ":content-type": "application/json", ":message-type": "event"}
        headers = b"".join(
            bytes([len(key)]) + key.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
            for key, value in given.items()
        )
        payload = json.dumps(body).encode()
        prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
        message = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
        found += message + struct.pack(">I", zlib.crc32(message))
    return found


BEGUN = {"type": "message_start", "message": {
    "id": "m", "type": "message", "role": "assistant", "model": "c", "content": [], "usage": {"input_tokens": 7, "output_tokens": 1}}}
# What each says, as its own documentation has it: a text and then a call of a tool; and the beginning of a text.
SAID = {
    "anthropic": events(
        BEGUN,
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "I look."}},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "id": "c1", "name": "get_weather", "input": {}}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": '{"city":'}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": '"Oslo"}'}},
        {"type": "content_block_stop", "index": 1},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": None}, "usage": {"output_tokens": 11}},
        {"type": "message_stop"},
    ),
    "google": events(
        {"candidates": [{"content": {"role": "model", "parts": [{"text": "I "}]}}]},
        {"candidates": [{"content": {"role": "model", "parts": [{"text": "look."}]}}]},
        {"candidates": [{"content": {"role": "model", "parts": [
            {"functionCall": {"name": "get_weather", "args": {"city": "Oslo"}}}]}, "finishReason": "STOP"}],
         "usageMetadata": {"promptTokenCount": 7, "candidatesTokenCount": 11, "totalTokenCount": 18}},
    ),
    "bedrock": frames(
        messageStart={"role": "assistant"},
        contentBlockDelta={"contentBlockIndex": 0, "delta": {"text": "I look."}},
        contentBlockStop={"contentBlockIndex": 0},
        contentBlockStart={"contentBlockIndex": 1, "start": {"toolUse": {"toolUseId": "c1", "name": "get_weather"}}},
        contentBlockDelta1={"contentBlockIndex": 1, "delta": {"toolUse": {"input": '{"city":"Oslo"}'}}},
        contentBlockStop1={"contentBlockIndex": 1},
        messageStop={"stopReason": "tool_use"},
        metadata={"usage": {"inputTokens": 7, "outputTokens": 11, "totalTokens": 18}, "metrics": {"latencyMs": 1}},
    ),
}
CUT = {
    "anthropic": events(BEGUN, {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "Hi"}}),
    "google": events({"candidates": [{"content": {"role": "model", "parts": [{"text": "Hi"}]}}]}),
    "bedrock": frames(messageStart={"role": "assistant"}, contentBlockDelta={"contentBlockIndex": 0, "delta": {"text": "Hi"}}),
}


@pytest.fixture(params=list(MODELS))
def other(request, providers, monkeypatch):
    """A provider's name, the name of a model of it, and how it is made at an address."""
    model, given = MODELS[request.param]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of-this-test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY)
    address = {name: f"{name}_base_url" for name in MODELS}[request.param]
    return SimpleNamespace(
        name=request.param, model=model, at=lambda origin, **more: providers(**{address: origin, **given, **more})
    )


async def test_texts_calls_and_usage_come_as_those_of_every_provider(other, time) -> None:
    call = ToolCall(id="call_1", name="get_weather", arguments='{"city":"Bergen"}')
    async with RawProvider.saying(SAID[other.name]) as raw:
        heard = await hear(other.at(raw.origin), asking("", other.model, tools=[TOOL], temperature=0.5, stop=["END"], traceparent=TRACE, messages=(
            ModelMessage(role="system", content="Be brief."),
            ModelMessage(role="user", content="How is it?"),
            ModelMessage(role="assistant", content="Looking.", tool_calls=[call]),
            ModelMessage(role="tool", content="sunny", tool_call_id="call_1"),
            ModelMessage(role="user", content="And in Oslo?"),
        )))
    assert heard.text == "I look." and heard.end.stop_reason == "tool_calls" and heard.end.usage == Usage(7, 11)
    [called] = heard.end.tool_calls
    assert called.id and called.name == "get_weather" and json.loads(called.arguments) == {"city": "Oslo"}
    [asked] = raw.received
    body = asked.body.decode()
    for words in ("Be brief.", "How is it?", "Looking.", "Bergen", "sunny", "And in Oslo?", "get_weather", "END", "0.5"):
        assert words in body, words
    assert asked.headers["traceparent"] == TRACE and not time.slept


async def test_one_that_nobody_here_wrote_answers_in_pieces(mock, other) -> None:
    if other.name == "bedrock":
        pytest.skip("aimock begins texts with an empty block, which Amazon does not and its library refuses")
    heard = await hear(other.at(mock.origin), asking(f"greet by {other.name}", other.model))
    assert heard.pieces == ["Hello", ", how", " are ", "you?"]
    assert heard.end.stop_reason == "stop" and heard.end.usage == Usage(7, 11) and heard.end.tool_calls == []


@pytest.mark.parametrize(("word", "error", "says", "tries"), [
    ("bad request", ModelRefused, "temperature must be below 2", 1),
    ("unauthorized", ModelRefused, "does not accept its key", 1),
    ("always down", ModelUnavailable, "503", TRIES),
    ("always busy", ModelUnavailable, "too much to do", TRIES),
])
async def test_what_goes_wrong_is_told_as_of_every_provider(mock, other, word, error, says, tries, time) -> None:
    if other.name == "bedrock" and word == "bad request":
        pytest.skip("aimock says it as OpenAI does; Amazon's own words are below")
    said = f"{word} of {other.name}"
    with pytest.raises(error) as raised:
        await hear(other.at(mock.origin), asking(said, other.model))
    assert says in raised.value.message and KEY not in raised.value.message and raised.value.__cause__ is None
    assert raised.value.details["provider"] == other.name
    assert len(mock.asked(said)) == tries and len(time.slept) == tries - 1


async def test_a_stream_that_breaks_off_fails_and_is_not_begun_again(other) -> None:
    heard = Heard()
    async with RawProvider.saying(CUT[other.name]) as raw:
        with pytest.raises(ModelFailed, match="broke off"):
            await hear(other.at(raw.origin), asking("x", other.model), heard)
    assert heard.text == "Hi" and len(raw.received) == 1


async def test_amazons_words_of_a_refusal_are_told(providers, monkeypatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of-this-test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY)
    said = response(400, b'{"message":"temperature must be below 2"}', x_amzn_errortype="ValidationException")
    async with RawProvider.saying(said) as raw:
        with pytest.raises(ModelRefused, match="400: temperature must be below 2"):
            await hear(providers(bedrock_base_url=raw.origin), asking("x", MODELS["bedrock"][0]))


@pytest.mark.parametrize("said", [
    response(200, b"<html>Welcome</html>", content_type="text/html"), response(200, b"{}"), response(200),
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\ndata: {\n\n", b"nonsense\r\n\r\n",
], ids=["html", "object", "empty", "broken", "no-http"])
async def test_what_nobody_can_read_is_an_error_and_no_answer(other, said: bytes) -> None:
    async with RawProvider.saying(said) as raw:
        with pytest.raises((ModelFailed, ModelUnavailable)):
            await hear(other.at(raw.origin), asking("x", other.model))


async def test_one_that_is_left_hears_so(other) -> None:
    if other.name == "bedrock":
        pytest.skip("its library reads in a thread, which ends with the next piece, or after a minute")
    async with RawProvider.falling_silent(CUT[other.name]) as raw:
        async with aclosing(other.at(raw.origin).stream(asking("x", other.model))) as pieces:
            assert await anext(pieces) == TextPiece("Hi")
        await asyncio.wait_for(raw.left.wait(), 2)
        sent = raw.received[0].headers
        assert KEY in (sent.get("x-goog-api-key"), sent.get("authorization", "").removeprefix("Bearer "))


def test_without_the_extra_a_sentence_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[tuple[str, str]] = []
    monkeypatch.setattr(table, "log", SimpleNamespace(warning=lambda _, provider, why: lines.append((provider, why))))
    find = importlib.util.find_spec
    monkeypatch.setattr(table, "find_spec", lambda name: None if name == "pydantic_ai" else find(name))
    models = ModelProviders.of(Settings(anthropic_api_key=KEY, google_api_key=KEY))
    assert models.known("anthropic/claude-haiku-4-5") is None and models.states() == []
    assert [name for name, _ in lines] == ["anthropic", "google"] and "orchestrator[providers]" in lines[0][1]
    with pytest.raises(Misconfigured, match=r"orchestrator\[providers\]"):
        ModelProviders.of(Settings(anthropic_api_key=KEY, openai_api_key=KEY, default_model="anthropic/x"))
