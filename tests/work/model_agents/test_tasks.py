"""Tasks that models do: what the model is told, what comes of its words, how it fails, and how it is stopped."""

from __future__ import annotations

import json

import pytest

from server.core.models.port import ModelFailed, ModelRefused, ModelTimeout, ModelUnavailable
from server.core.queue.creation import NewTask
from server.core.queue.retry_policy import RetryPolicy
from server.errors import InvalidRequest
from tests.support.holds import BOUND, longest_hold
from tests.support.scripted_agents import one_after_the_other, told, tool
from tests.work.model_agents.conftest import Office, output, until


async def test_a_task_is_done_with_the_models_words_and_its_tokens(office: Office) -> None:
    models = await office.open(lambda _: ["Hel", "lo"])
    agent = await office.agent(description="Writes greetings.", specializations=["politeness"])
    assert (agent.runtime, agent.status) == ("model", "active")
    given = {"title": "Greet", "description": "Say hello", "requirements": ["short"], "acceptance_criteria": ["kind"]}
    ended = await office.done(await office.give(agent, type="greeting", input={"to": "Bob"}, **given))
    assert (ended.status, output(ended), ended.tokens_used) == ("completed", {"text": "Hello"}, 12)
    system, user = models.requests[0].messages
    assert "You are Ada" in system.content and "Writes greetings." in system.content and "politeness" in system.content
    for words in ("Greet", "Say hello", "- short", "- kind", "greeting", '{"to":"Bob"}', "medium"):
        assert words in user.content
    logs = await office.cases.agent_history.logs(agent)
    assert any("scripted/one has answered" in line.message for line in logs)


@pytest.mark.parametrize(
    "words", ['{"sum": 3}', '```json\n{"sum": 3}\n```', ' {"sum": 3} '], ids=["plain", "fenced", "spaced"]
)
async def test_an_input_may_say_that_the_output_is_an_object(office: Office, words: str) -> None:
    models = await office.open(lambda _: words)
    schema = {"type": "object", "properties": {"sum": {"type": "number"}}}
    ended = await office.done(await office.give(input={"numbers": [1, 2], "output_schema": schema}))
    assert output(ended) == {"sum": 3}
    assert models.requests[0].response_format["json_schema"]["schema"] == schema


SUM = {"type": "object", "properties": {"sum": {"type": "integer"}}, "required": ["sum"], "additionalProperties": False}


@pytest.mark.parametrize(
    ("said", "status", "asked"),
    [
        (['{"sum": 3}'], "completed", 1),
        (['{"total": 3}', '{"sum": 3}'], "completed", 2),
        (['{"sum": "three"}', '{"sum": 3.5}'], "failed", 2),
    ],
    ids=["fits", "repaired", "never"],
)
async def test_a_result_is_of_the_schema_of_its_agent_or_there_is_none(office: Office, said, status, asked) -> None:
    models = await office.open(one_after_the_other(*said))
    agent = await office.agent(configuration={"output_schema": SUM, "style": "terse"})
    ended = await office.done(await office.give(agent, title="Add", retry=RetryPolicy(max_retries=2, initial_delay=0.001)))
    assert (ended.status, len(models.requests)) == (status, asked)
    assert models.requests[0].response_format["json_schema"]["schema"] == SUM
    assert "terse" in models.requests[0].messages[0].content
    if status == "completed":
        assert output(ended) == {"sum": 3}
    else:
        error = json.loads(ended.error)
        assert error["type"] == "SchemaMismatch" and error["message"].startswith("the result is not of its schema: sum: 3.5")
    if asked == 2:
        assert "not of the JSON schema" in models.requests[1].messages[-1].content


@pytest.mark.parametrize(
    ("said", "kind", "type"),
    [
        ('{"sum": [%s]}' % ",".join("1" * 50_000), "array", None),
        ('{"sum": %s}' % ("[" * 300 + "]" * 300), "integer", "OutputNotJSON"),
    ],
    ids=["large", "deep"],
)
async def test_what_a_model_gives_holds_nobody_up_and_is_no_fault_of_ours(
    office: Office, said: str, kind: str, type: str | None
) -> None:
    await office.open(lambda _: said)
    schema = {"properties": {"sum": {"type": kind}}}
    # The first of a process compiles statements, which is another matter.
    await office.done(await office.give(input={"output_schema": schema}))
    async with longest_hold() as held:
        ended = await office.done(await office.give(input={"output_schema": schema}))
    assert (json.loads(ended.error)["type"] if ended.error else None) == type
    assert held.longest < BOUND


async def test_a_schema_that_is_none_is_refused_where_it_is_said(office: Office) -> None:
    models = await office.open(lambda _: "{}")
    for wrong in ({"type": "objekt"}, {"$ref": "http://127.0.0.1:9/x"}, "text"):
        with pytest.raises(InvalidRequest, match=r"configuration\.output_schema"):
            await office.agent(configuration={"output_schema": wrong})
    ended = await office.done(await office.give(input={"output_schema": {"type": "objekt"}}))
    error = json.loads(ended.error)
    assert error["type"] == "InvalidSchema" and "input.output_schema" in error["message"] and not models.requests


async def test_a_model_that_gives_no_object_is_told_so(office: Office) -> None:
    await office.open(one_after_the_other("It is three.", '{"sum": 3}'))
    ended = await office.done(await office.give(input={"output_format": "json"}))
    assert output(ended) == {"sum": 3} and ended.tokens_used == 24


async def test_a_model_that_never_gives_a_result_is_asked_eight_times(office: Office) -> None:
    models = await office.open(lambda _: "")
    ended = await office.done(await office.give())
    assert (ended.status, json.loads(ended.error)["type"]) == ("failed", "NoResult")
    assert len(models.requests) == 8 and models.requests[-1].tool_choice == "none"


async def test_a_model_that_calls_tools_for_ever_must_give_its_result_at_last(office: Office) -> None:
    def reply(request):
        return "done" if request.tool_choice == "none" else tool("comment", text="again")

    models = await office.open(reply)
    task = await office.give()
    assert output(await office.done(task)) == {"text": "done"}
    assert len(models.requests) == 8 and len(await office.comments(task)) == 7


@pytest.mark.parametrize(
    ("error", "tries"),
    [
        (ModelUnavailable("busy"), 3),
        (ModelTimeout("slow"), 3),
        (ModelFailed("garbage"), 3),
        (ModelRefused("no such model"), 1),
    ],
)
async def test_what_may_pass_is_tried_again_and_what_is_refused_is_not(office: Office, error, tries: int) -> None:
    models = await office.open(lambda _: error)
    ended = await office.done(await office.give(retry=RetryPolicy(max_retries=2, initial_delay=0.001)))
    known = json.loads(ended.error)
    assert (ended.status, known["type"], known["message"]) == ("failed", error.reason, error.message)
    assert len(models.requests) == tries


async def test_another_attempt_goes_on_where_the_last_one_failed(office: Office) -> None:
    failures = [ModelFailed("broke off")]

    def reply(request):
        if not told(request):
            return tool("comment", text="begun")
        return failures.pop() if failures else "done"

    models = await office.open(reply)
    task = await office.give(retry=RetryPolicy(max_retries=1, initial_delay=0.001))
    ended = await office.done(task)
    assert output(ended) == {"text": "done"} and ended.tokens_used == 24
    assert await office.comments(task) == ["begun"] and len(models.requests) == 3


async def test_a_task_that_is_retried_by_hand_begins_anew(office: Office) -> None:
    answers = [ModelRefused("no"), "done"]
    models = await office.open(lambda request: tool("comment", text="x") if not told(request) else answers.pop(0))
    failed = await office.done(await office.give())
    assert failed.status == "failed"
    retried = await office.cases.tasks.retry(office.tenant.call(), failed.id)
    assert output(await office.done(retried)) == {"text": "done"}
    assert [len(told(request)) for request in models.requests] == [0, 1, 0, 1]


async def test_a_running_task_is_cancelled_at_once(office: Office) -> None:
    models = await office.open(lambda _: "too late")
    models.go.clear()
    task = await office.give()
    await until(lambda: models.running)
    await office.cases.tasks.cancel(office.tenant.call(), task.id)
    assert (await office.done(task, 5)).status == "cancelled"
    await until(lambda: not models.running)


async def test_a_task_ends_with_its_own_timeout(office: Office) -> None:
    models = await office.open(lambda _: "too late")
    models.go.clear()
    ended = await office.done(await office.give(timeout_seconds=0.2))
    assert (ended.status, json.loads(ended.error)["type"]) == ("failed", "TimeoutError")
    assert models.running == 0


async def test_twenty_tasks_at_once_are_done_as_many_at_a_time_as_the_agent_does(office: Office) -> None:
    models = await office.open(lambda _: "done")
    models.go.clear()
    agent = await office.agent(max_concurrent_tasks=3)
    tasks = [await office.give(agent) for _ in range(20)]
    await until(lambda: models.running == 3)
    models.go.set()
    assert {(await office.done(task)).status for task in tasks} == {"completed"}
    assert models.most == 3 and len(models.requests) == 20


async def test_a_task_without_an_agent_finds_one_that_thinks(office: Office) -> None:
    await office.open(lambda _: "done")
    await office.agent(type="writer", capabilities=["prose"])
    task = await office.cases.tasks.create(office.tenant.call(), NewTask(type="prose"))
    assert output(await office.done(task)) == {"text": "done"}


async def test_strange_characters_in_a_models_words_do_no_harm(office: Office) -> None:
    await office.open(one_after_the_other([tool("comment", text="a\0b"), tool("no\0such")], "zero\0 and half \ud800"))
    task = await office.give()
    assert output(await office.done(task))["text"].startswith("zero")
    assert await office.comments(task) == []
