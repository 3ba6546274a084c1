"""A provider that nobody here wrote answers: pieces, calls of tools, usage, refusals, and streams that break off."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import CapturingLogger

from server.core.models.port import (
    ModelFailed, ModelMessage, ModelRefused, ModelTimeout, ModelUnavailable, ToolCall, Usage,
)
from server.work.models.provider import TRIES
from tests.work.models.asking import Heard, asking, hear

KEY = "sk-secret-of-this-test"


@pytest.fixture
def models(mock, providers):
    return providers(model_base_url=mock.url, model_api_key=KEY)


async def test_an_answer_comes_in_pieces_and_ends_with_its_usage(mock, models) -> None:
    heard = await hear(models, asking("greet", temperature=0.5, top_p=0.9, stop=["END"], seed=7))
    assert heard.pieces == ["Hello", ", how", " are ", "you?"]
    assert heard.end.stop_reason == "stop" and heard.end.usage == Usage(7, 11) and heard.end.tool_calls == []
    assert heard.end.model == "some-model"
    [asked] = mock.asked("greet")
    assert asked["headers"]["authorization"] != "" and asked["path"] == "/v1/chat/completions"
    body = asked["body"]
    assert body["temperature"] == 0.5 and body["stop"] == ["END"] and body["seed"] == 7 and body["max_tokens"] == 100
    assert body["stream_options"] == {"include_usage": True} and "tools" not in body


async def test_calls_of_tools_are_put_together(models) -> None:
    tool = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}
    heard = await hear(models, asking("weather", tools=[tool]))
    assert heard.text == "Let me look." and heard.end.stop_reason == "tool_calls"
    assert heard.end.tool_calls == [
        ToolCall(id="call_w", name="get_weather", arguments='{"city":"San Francisco","units":"celsius"}'),
        ToolCall(id="call_t", name="get_time", arguments='{"city":"Paris"}'),
    ]


async def test_what_a_tool_answered_is_sent_with_its_call(mock, models) -> None:
    call = ToolCall(id="call_1", name="look", arguments="{}")
    await hear(models, asking("", messages=(
        ModelMessage(role="assistant", tool_calls=[call]),
        ModelMessage(role="tool", content="sunny", tool_call_id="call_1"),
        ModelMessage(role="user", content="greet with tools"),
    )))
    [asked] = mock.asked("greet with tools")
    assert asked["body"]["messages"][:2] == [
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}]},
        {"role": "tool", "content": "sunny", "tool_call_id": "call_1"},
    ]


@pytest.mark.parametrize(("word", "reason"), [("long", "length"), ("filtered", "content_filter")])
async def test_how_it_ended_is_said_in_our_words(models, word: str, reason: str) -> None:
    assert (await hear(models, asking(word))).end.stop_reason == reason


async def test_one_that_has_too_much_to_do_is_asked_again_after_the_time_that_it_wants(mock, models, time) -> None:
    assert (await hear(models, asking("busy once"))).text == "at last"
    assert time.slept == [7.0] and len(mock.asked("busy once")) == 2


async def test_one_that_wants_to_be_left_alone_for_long_is_not_waited_for(models, time) -> None:
    with pytest.raises(ModelUnavailable) as raised:
        await hear(models, asking("busy for an hour"))
    assert raised.value.details == {"provider": "compatible", "status": 429, "retry_after": 3600} and not time.slept


async def test_nobody_is_asked_for_ever(mock, models, time) -> None:
    with pytest.raises(ModelUnavailable, match="too much to do"):
        await hear(models, asking("always busy"))
    assert len(mock.asked("always busy")) == TRIES and len(time.slept) == TRIES - 1
    assert all(each >= 1 for each in time.slept)


async def test_one_that_fails_is_asked_again(mock, models, time) -> None:
    assert (await hear(models, asking("down once"))).text == "up again"
    assert len(time.slept) == 1 and 0.2 < time.slept[0] <= 0.5


async def test_one_that_is_not_there_is_unavailable_and_the_log_says_why(providers, time, monkeypatch) -> None:
    monkeypatch.setattr("server.work.models.client.log", logged := CapturingLogger())
    models = providers(model_base_url="http://127.0.0.1:9/v1")
    with pytest.raises(ModelUnavailable, match="cannot be reached"):
        await hear(models, asking("greet"))
    assert len(logged.calls) == TRIES and "connect" in logged.calls[0].kwargs["why"].lower()
    assert len(time.slept) == TRIES - 1


@pytest.mark.parametrize(("word", "says"), [
    ("bad request", "400: temperature must be below 2"), ("forbidden", "403"), ("no such model", "there is no such"),
    ("unprocessable", "xxx…"), ("unauthorized", "see MODEL_API_KEY"),
])
async def test_what_is_refused_is_not_asked_again_and_no_key_is_told(mock, models, time, word: str, says: str) -> None:
    with pytest.raises(ModelRefused) as raised:
        await hear(models, asking(word))
    assert says in raised.value.message and len(raised.value.message) < 400
    assert KEY not in raised.value.message and "sk-" not in raised.value.message
    assert raised.value.__cause__ is None and not time.slept and len(mock.asked(word)) == 1
    assert [each.circuit for each in models.states()] == ["closed"]


async def test_a_stream_that_breaks_off_fails_and_is_not_begun_again(mock, models) -> None:
    heard = Heard()
    with pytest.raises(ModelFailed, match="broke off"):
        await hear(models, asking("cut short"), heard)
    assert "This will be cut".startswith(heard.text) and heard.text and len(mock.asked("cut short")) == 1


async def test_a_connection_that_breaks_before_the_answer_begins_is_made_again(mock, models) -> None:
    with pytest.raises(ModelUnavailable, match="cannot be reached"):
        await hear(models, asking("cut at once"))
    assert len(mock.asked("cut at once")) == TRIES


async def test_what_is_no_json_is_a_failure(models) -> None:
    with pytest.raises(ModelFailed, match="cannot be read"):
        await hear(models, asking("malformed"))


async def test_one_that_falls_silent_is_not_waited_for(mock, providers) -> None:
    models = providers(model_base_url=mock.url, model_idle_seconds=0.2)
    with pytest.raises(ModelTimeout, match=r"fell silent for 0\.2 seconds"):
        await hear(models, asking("dripping"))


async def test_one_that_does_not_begin_is_not_waited_for(mock, providers) -> None:
    models = providers(model_base_url=mock.url, model_first_seconds=1.5)
    with pytest.raises(ModelTimeout, match=r"did not begin to answer within 1\.5 seconds"):
        await hear(models, asking("slow to begin"))


async def test_many_are_answered_at_a_time(models) -> None:
    heard = await asyncio.gather(*(hear(models, asking("greet many")) for _ in range(50)))
    assert {each.text for each in heard} == {"Hello, how are you?"}


async def test_models_are_listed(models) -> None:
    listed = await models.list()
    assert "compatible/gpt-4o" in [each.name for each in listed]
