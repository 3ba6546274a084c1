"""Requests of OpenAI's clients: as prompts, and as what answers them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from server.apis.openai.choice import chosen
from server.apis.openai.errors import ModelNotFound
from server.apis.openai.requests import asked_of
from server.core.chat.prompts import Prompt
from server.core.models.port import NoModels, ToolCall
from server.errors import InvalidRequest
from tests.support.scripted_models import ScriptedModels

MODELS = ScriptedModels(lambda _: ["x"])
HI = [{"role": "user", "content": "hi"}]


async def asked(**body: Any):
    return await asked_of(json.dumps(body).encode())


async def test_a_prompt_is_kept_and_read_again_as_it_was() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    request = await asked(
        messages=[
            {"role": "developer", "content": "Be kind.", "name": "x"},
            *HI,
            {"role": "assistant", "content": None, "tool_calls": [call], "refusal": None},
            {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "1"}, {"type": "text", "text": "2"}]},
        ],
        temperature=0,
        seed=0,
        stop="end",
        max_tokens=10,
        max_completion_tokens=20,
        tools=[tool],
        tool_choice={"type": "function", "function": {"name": "f"}},
        parallel_tool_calls=False,
        logit_bias={"1": 2},
    )
    kept = await Prompt.decode(request.prompt.encode())
    assert kept == request.prompt
    asks = kept.request("p/m", "")
    assert (asks.temperature, asks.seed, asks.stop, asks.max_output_tokens) == (0, 0, ["end"], 20)
    assert asks.parallel_tool_calls is False and asks.tools == [tool]
    assert [each.role for each in asks.messages] == ["system", "user", "assistant", "tool"]
    assert asks.messages[2].tool_calls == (ToolCall(id="c", name="f", arguments="{}"),) and asks.messages[3].content == "12"


@pytest.mark.parametrize(
    ("model", "name", "question"),
    [
        (None, "scripted/one", {"model": ""}),
        ("default", "default", {"model": ""}),
        ("one", "one", {"model": "one"}),
        ("builtin-extractive-1", "builtin-extractive-1", {"model": "builtin-extractive-1", "message": "hi"}),
        ("swarm/coding-team", "swarm/coding-team", {"swarm_type": "coding-team", "model": "", "message": "hi"}),
        ("mode/lite", "mode/lite", {"optimization_mode": "lite", "model": "", "message": "hi"}),
    ],
)
async def test_a_models_name_says_who_answers(model: str | None, name: str, question: dict[str, str]) -> None:
    choice = chosen(await asked(messages=HI, model=model), MODELS)
    assert choice.name == name
    assert {each: getattr(choice.question, each) for each in question} == question


async def test_without_a_provider_it_is_the_one_that_is_built_in() -> None:
    assert chosen(await asked(messages=HI), NoModels()).name == "builtin-extractive-1"
    for name in ("gpt-4", "openai/gpt-4"):
        with pytest.raises(ModelNotFound):
            chosen(await asked(messages=HI, model=name), NoModels())


async def test_half_a_character_is_no_text() -> None:
    with pytest.raises(InvalidRequest, match="surrogate"):
        chosen(await asked_of(b'{"messages": [{"role": "user", "content": "\\ud800"}]}'), MODELS)


async def test_what_was_said_before_goes_along_with_a_question_as_turns() -> None:
    messages = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "1"},
        {"role": "user", "content": "two"},
        {"role": "assistant", "content": "2"},
        {"role": "user", "content": "three"},
    ]
    prompt = (await asked(messages=messages)).prompt
    assert prompt.question == "three"
    assert [(turn.number, turn.message[-8:], turn.text) for turn in prompt.turns()] == [(1, "Be kind.", ""), (2, "one", "1"), (3, "two", "2")]
    long = [{"role": "user", "content": "x" * 20_000}, {"role": "user", "content": "y" * 20_000}, *HI]
    assert [turn.message[0] for turn in (await asked(messages=long)).prompt.turns()] == ["y"]


async def test_what_has_come_since_the_last_question_goes_along_with_it() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "look", "arguments": '{"at": "sky"}'}}
    messages = [
        *HI,
        {"role": "assistant", "content": "Let me see.", "tool_calls": [call]},
        {"role": "tool", "content": "it is blue", "tool_call_id": "c"},
    ]
    question = chosen(await asked(messages=messages, model="mode/lite"), MODELS).question.message
    assert question.startswith("hi\n\n") and question.endswith(
        'assistant: Let me see. (calls look with {"at": "sky"})\ntool: it is blue'
    )
    assert chosen(await asked(messages=messages, model="builtin-extractive-1"), MODELS).question.message == "hi"


@pytest.mark.parametrize("name", ["tools", "response_format"])
async def test_what_is_nested_too_deep_is_refused(name: str) -> None:
    deep: Any = 1
    for _ in range(100):
        deep = [deep]
    with pytest.raises(InvalidRequest, match=name):
        await asked(messages=HI, **{name: deep})
