"""Providers that say what no provider should, or nothing: nobody waits for ever, nothing fills up, no key goes elsewhere."""

from __future__ import annotations

import asyncio
import gc
import json
from contextlib import aclosing

import psutil
import pytest

from server.core.models.port import (
    ModelFailed, ModelRefused, ModelTimeout, ModelUnavailable, TextPiece, ToolCall, Usage,
)
from server.work.models import ModelProviders
from server.work.models.bounds import EVENT
from server.work.models.provider import TRIES
from tests.support.holds import BOUND, longest_hold
from tests.support.raw_provider import HEAD, RawProvider, event, piece, response
from tests.work.models.asking import Heard, asking, hear

DONE = b"data: [DONE]\n\n"
KEY = "sk-secret-of-this-test"


@pytest.fixture
def made(providers):
    def make(raw: RawProvider, **more) -> ModelProviders:
        return providers(model_base_url=raw.url, model_api_key=KEY, **more)

    return make


async def test_usage_is_estimated_where_nobody_says_it(made) -> None:
    async with RawProvider.saying(HEAD + piece("Hello!") + piece(finish="stop") + DONE) as raw:
        end = (await hear(made(raw), asking("x" * 40))).end
    assert end.usage == Usage(10, 2, estimated=True) and end.model == "raw-1"


async def test_who_breaks_off_after_the_end_has_said_everything(made) -> None:
    chunked = HEAD.replace(b"connection", b"transfer-encoding: chunked\r\nconnection")
    body = piece("Hello!") + piece(finish="stop")
    async with RawProvider.saying(chunked + b"%x\r\n" % len(body) + body + b"\r\n") as raw:
        assert (await hear(made(raw), asking("x"))).end.stop_reason == "stop"


@pytest.mark.parametrize(("said", "calls"), [
    # Without numbers, as some servers send them, and whole at once.
    ([[{"id": "a", "function": {"name": "f", "arguments": "{}"}}], [{"id": "b", "function": {"name": "g", "arguments": ""}}]],
     [("a", "f", "{}"), ("b", "g", "{}")]),
    # In pieces that have neither number nor id after the first one.
    ([[{"id": "a", "function": {"name": "f", "arguments": '{"x"'}}], [{"function": {"arguments": ":1}"}}]], [("a", "f", '{"x":1}')]),
    # Two at a time.
    ([[{"index": 1, "id": "b", "function": {"name": "g"}}, {"index": 0, "id": "a", "function": {"name": "f"}}],
      [{"index": 1, "function": {"arguments": "[]"}}]], [("b", "g", "[]"), ("a", "f", "{}")]),
])
async def test_calls_of_tools_are_understood_however_they_are_numbered(made, said, calls) -> None:
    chunks = b"".join(piece(tool_calls=each) for each in said)
    async with RawProvider.saying(HEAD + chunks + piece(finish="stop") + DONE) as raw:
        end = (await hear(made(raw), asking("x"))).end
    assert end.stop_reason == "tool_calls"
    assert end.tool_calls == [ToolCall(id=id, name=name, arguments=arguments) for id, name, arguments in calls]


@pytest.mark.parametrize("said", [
    response(200, b"<html>Welcome</html>", content_type="text/html"),
    response(200, b"{}"),
    response(200),
    HEAD,
    HEAD + DONE,
    HEAD + b"data: {\n\n",
    HEAD + b"data: \xff\xfe\n\n",
    HEAD + b"data: " + b"[" * 100_000 + b"\n\n",
    HEAD + event([]), HEAD + event(None), HEAD + event("text"),
    HEAD + event({"choices": 1}), HEAD + event({"choices": [1]}), HEAD + event({"choices": [{"delta": "text"}]}),
    HEAD + piece(tool_calls=1), HEAD + piece(tool_calls=[1]),
    HEAD + piece(tool_calls=[{"index": 0, "function": {"arguments": "{}"}}]) + piece(finish="tool_calls"),
    HEAD + piece(finish="error"),
    response(200, b"\x1f\x8b\x08\x00", content_encoding="gzip"),
])
async def test_what_nobody_can_read_is_a_failure(made, said: bytes) -> None:
    async with RawProvider.saying(said) as raw:
        models = made(raw)
        with pytest.raises(ModelFailed):
            await hear(models, asking("x"))
        assert [each.circuit for each in models.states()] == ["closed"]


async def test_odd_values_in_a_good_stream_do_no_harm(made) -> None:
    odd = event({"model": 7, "usage": {"prompt_tokens": "many"}, "choices": [{"delta": {"content": None}, "finish_reason": 3}]})
    parts = event({"choices": [{"delta": {"content": [{"type": "thinking", "thinking": []}, {"type": "text", "text": "Hi"}]}}]})
    said = b": comment\n\n" + odd + event({"choices": []}) + parts + piece(finish="eos") + DONE
    async with RawProvider.saying(HEAD + said) as raw:
        heard = await hear(made(raw), asking("x"))
    assert heard.text == "Hi" and heard.end.stop_reason == "stop" and heard.end.usage.estimated


async def test_an_error_in_the_stream_is_told_by_its_code(made, time) -> None:
    busy = HEAD + event({"error": {"code": 429, "message": f"slow down, {KEY}"}})
    bad = HEAD + piece("Once upon") + event({"error": {"code": 400, "message": "no such tool"}})
    async with RawProvider.saying(busy, HEAD + piece("Hi") + piece(finish="stop") + DONE) as raw:
        assert (await hear(made(raw), asking("x"))).text == "Hi" and len(time.slept) == 1
    async with RawProvider.saying(bad) as raw:
        with pytest.raises(ModelRefused, match="no such tool"):
            await hear(made(raw), asking("x"))
    async with RawProvider.saying(busy) as raw:
        with pytest.raises(ModelUnavailable) as raised:
            await hear(made(raw), asking("x"))
    assert KEY not in raised.value.message and "slow down" in raised.value.message


@pytest.mark.parametrize(("begin", "again"), [
    (HEAD + b"data: ", b"x" * 65_536),
    (HEAD, b"x" * 65_536),
    (HEAD, b"data: 1\n" * 8192),
    (HEAD + piece("Hi"), b"\n" * 65_536),
    (HEAD, piece("word " * 1000) * 10),
    (HEAD, piece("w") * 500),
    (HEAD, piece(tool_calls=[{"index": 0, "id": "a", "function": {"name": "f", "arguments": "x" * 1000}}]) * 60),
    (HEAD, b"".join(piece(tool_calls=[{"index": each, "function": {"name": "f"}}]) for each in range(200))),
], ids=["one line", "no event", "no end of an event", "empty lines", "text", "small pieces", "arguments", "calls"])
async def test_what_never_ends_is_cut_off_and_holds_nobody_up(made, begin: bytes, again: bytes) -> None:
    async with RawProvider.endless(begin, again) as raw:
        models = made(raw, model_timeout_seconds=4, model_idle_seconds=1)
        # The library is imported before anybody measures.
        await models._providers["compatible"]._ready()
        used = psutil.Process().memory_info().rss
        async with longest_hold() as held:
            # What is no more than slow, time ends.
            with pytest.raises((ModelFailed, ModelTimeout)):
                await hear(models, asking("x"))
        assert held.longest < BOUND, held.longest
        gc.collect()
        assert psutil.Process().memory_info().rss - used < 40 << 20


async def test_an_event_may_be_large(made) -> None:
    text = "x" * (EVENT - 1000)
    async with RawProvider.saying(HEAD + piece(text) + piece(finish="stop") + DONE) as raw:
        assert (await hear(made(raw), asking("x"))).text == text


async def test_an_error_that_is_endless_is_an_error(made) -> None:
    begin = b"HTTP/1.1 404 No\r\ncontent-type: text/plain\r\n\r\n"
    async with RawProvider.endless(begin, b"x" * 65_536) as raw:
        with pytest.raises(ModelRefused, match="404"):
            await hear(made(raw), asking("x"))


async def test_a_redirect_is_not_followed(made) -> None:
    async with RawProvider.saying(HEAD) as elsewhere:
        async with RawProvider.saying(response(307, location=f"{elsewhere.url}/chat/completions")) as raw:
            with pytest.raises(ModelFailed, match="elsewhere"):
                await hear(made(raw), asking("x"))
    assert elsewhere.received == []


async def test_one_that_is_silent_between_pieces_is_left(made) -> None:
    async with RawProvider.falling_silent(HEAD + piece("Hi")) as raw:
        heard = Heard()
        with pytest.raises(ModelTimeout, match="fell silent"):
            await hear(made(raw, model_idle_seconds=0.1), asking("x"), heard)
        assert heard.text == "Hi"
        await asyncio.wait_for(raw.left.wait(), 5)


@pytest.mark.parametrize("again", [b": alive\n\n", piece("w")], ids=["comments", "pieces"])
async def test_no_answer_takes_longer_than_answers_may(made, again: bytes) -> None:
    async with RawProvider.endless(HEAD + piece("w"), again) as raw:
        with pytest.raises((ModelTimeout, ModelFailed)) as raised:
            await hear(made(raw, model_timeout_seconds=2, model_idle_seconds=1), asking("x"))
        assert isinstance(raised.value, ModelTimeout) or "too long" in raised.value.message


async def test_the_connection_ends_with_whoever_wanted_the_answer(made) -> None:
    async with RawProvider.falling_silent(HEAD + piece("Hi")) as raw:
        models, came = made(raw), asyncio.Event()

        async def listen() -> None:
            async for _ in models.stream(asking("x")):
                came.set()

        listening = asyncio.create_task(listen())
        await asyncio.wait_for(came.wait(), 10)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await asyncio.wait_for(raw.left.wait(), 1)
        assert [each.circuit for each in models.states()] == ["closed"]
    async with RawProvider.falling_silent(HEAD + piece("Hi")) as raw:
        async with aclosing(made(raw).stream(asking("x"))) as pieces:
            assert await anext(pieces) == TextPiece("Hi")
        await asyncio.wait_for(raw.left.wait(), 1)


async def test_only_what_a_provider_needs_is_sent_to_it(made, monkeypatch) -> None:
    for name in ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_ADMIN_KEY"):
        monkeypatch.setenv(name, "of-openai")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Inner: of-openai\nAuthorization: Bearer of-openai")
    trace = f"00-{'a' * 32}-{'b' * 16}-01"
    async with RawProvider.saying(HEAD + piece("Hi") + piece(finish="stop") + DONE) as raw:
        await hear(made(raw), asking("x", traceparent=trace))
        await hear(made(raw), asking("x", traceparent="nonsense\r\nx: y"))
    first, second = (each.headers for each in raw.received)
    assert first["authorization"] == f"Bearer {KEY}" and first["traceparent"] == trace
    assert "traceparent" not in second and "of-openai" not in str(first)
    assert set(first) == {
        "host", "accept", "accept-encoding", "connection", "user-agent", "content-type", "content-length", "authorization", "traceparent"
    }


WORDS = "temperature is too high"


@pytest.mark.parametrize("body", [
    WORDS,
    {"error": WORDS},
    {"error": None, "message": WORDS},
    {"errors": [{"message": WORDS}]},
    {"detail": [{"loc": ["body", "temperature"], "msg": WORDS}]},
    {"object": "error", "message": {"detail": [{"msg": WORDS}]}},
    [{"error": {"code": 400, "message": WORDS}}],
    {"error": {"message": "Provider returned error", "metadata": {"raw": json.dumps({"error": {"message": WORDS}})}}},
    {"error": {"message": WORDS, "more": "x" * 100_000}},
], ids=["text", "error", "null", "errors", "detail", "within", "list", "behind", "long"])
async def test_the_words_of_a_refusal_are_told_wherever_they_stand(made, body) -> None:
    said = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    async with RawProvider.saying(response(400, said)) as raw:
        with pytest.raises(ModelRefused, match=WORDS) as raised:
            await hear(made(raw), asking("x"))
    assert len(raised.value.message) < 400 and len(raw.received) == 1


async def test_a_refusal_that_breaks_off_is_an_error_of_the_port(made, time) -> None:
    head = b"HTTP/1.1 400 Bad\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    async with RawProvider.saying(head + b"5\r\nabcde\r\n") as raw:
        with pytest.raises(ModelUnavailable):
            await hear(made(raw), asking("x"))


async def test_who_needs_no_key_gets_none(providers, monkeypatch) -> None:
    monkeypatch.setenv("OPENAI_ADMIN_KEY", "of-openai")
    async with RawProvider.saying(HEAD + piece("Hi") + piece(finish="stop") + DONE) as raw:
        await hear(providers(ollama_base_url=raw.origin), asking("x", "ollama/llama3.2"))
    assert "authorization" not in raw.received[0].headers and raw.received[0].path == "/v1/chat/completions"
    assert raw.received[0].json["model"] == "llama3.2"


async def test_what_cannot_be_sent_is_refused(made) -> None:
    async with RawProvider.saying(HEAD) as raw:
        for odd in ("\ud800", float("nan")):
            with pytest.raises(ModelRefused, match="cannot be asked"):
                await hear(made(raw), asking("x", response_format={"type": odd}))
    assert raw.received == []


async def test_a_long_prompt_holds_nobody_up(made) -> None:
    async with RawProvider.saying(HEAD + piece("Hi") + piece(finish="stop") + DONE) as raw:
        models = made(raw)
        await hear(models, asking("x"))
        async with longest_hold() as held:
            await hear(models, asking("word " * 200_000))
    assert held.longest < BOUND and len(json.loads(raw.received[-1].body)["messages"][0]["content"]) == 1_000_000
