"""What readers of the code and attackers found: each of it was wrong once."""

from __future__ import annotations

import asyncio
import json

import pytest

from server import values
from server.apis.ai_orchestra.chat.requests import question_in
from server.core.chat.memory.extractive import extract
from server.core.chat.forgetting import forget_answers
from server.core.chat.questions import Question
from server.core.chat.memory.recall import Recalled
from server.core.chat.rows import PER_ATTEMPT, text_of
from server.core.chat.memory.summaries import MOST_CHARACTERS, Due, listed
from server.core.knowledge.languages import load_stems
from server.core.models.port import ModelFailed, ModelTimeout
from server.errors import InvalidRequest, NotFound
from server.model import Answer, Conversation
from tests.core.chat.conftest import Chat, until
from tests.support.holds import BOUND, longest_hold
from tests.support.tenants import make_tenant


async def test_who_waits_for_a_slow_stream_waits_as_long_as_he_said(chat: Chat) -> None:
    await chat.start(lambda _: [f"{n} " for n in range(40)])
    stream = chat.application.models._models.stream

    async def slowly(request):
        async for each in stream(request):
            await asyncio.sleep(0.04)
            yield each

    chat.application.models._models.stream = slowly
    tenant = await make_tenant(chat.application.database)
    ended = await chat.cases.chat_answers.wait(await chat.ask(tenant, "Count", optimization_mode="lite"), 20)
    assert ended.status == "completed" and ended.text.startswith("0 1 2 ")


@pytest.mark.parametrize("text", ["half \ud83d an emoji", "a zero \0 in it"], ids=["surrogate", "zero"])
async def test_a_model_may_say_what_no_database_keeps(chat: Chat, text: str) -> None:
    await chat.start(lambda _: ["well, ", text])
    tenant = await make_tenant(chat.application.database)
    first = await chat.answered(tenant, "Say it", optimization_mode="lite")
    assert first.status == "completed" and first.text.startswith("well, ")
    assert (await chat.answered(tenant, "And again", optimization_mode="lite")).status == "completed"


async def test_cancelling_one_that_waits_starts_none_beside_the_one_that_is_given(chat: Chat) -> None:
    models = await chat.start(lambda _: ["a", "b"])
    tenant = await make_tenant(chat.application.database)
    models.go.clear()
    first, second, third = [await chat.ask(tenant, f"{n}", optimization_mode="lite") for n in range(3)]
    await until(lambda: models.requests)
    await chat.cases.chat_answers.cancel(tenant.call(), second.id)
    assert (await chat.cases.chat_answers.get(tenant.call(), second.id)).status == "cancelled"
    await chat.application.dispatcher.sweep()
    assert len(models.requests) == 1
    models.go.set()
    for answer in (first, third):
        assert (await chat.cases.chat_answers.wait(answer, 10)).text == "ab"
    assert [message.content for message in models.requests[1].messages[1:-1]] == ["0", "ab"]


async def test_a_deleted_conversation_leaves_nothing_of_what_waited_in_it(chat: Chat) -> None:
    models = await chat.start(lambda _: ["a", "b"])
    tenant = await make_tenant(chat.application.database)
    models.go.clear()
    running = await chat.ask(tenant, "xylophone one", optimization_mode="lite")
    waiting = await chat.ask(tenant, "xylophone two", optimization_mode="lite")
    await until(lambda: models.requests)
    patient = asyncio.create_task(chat.cases.chat_answers.wait(running, 20))
    following = asyncio.create_task(chat.heard(running))
    await asyncio.sleep(0.05)
    await chat.cases.conversations.delete(tenant.call(), "s")
    # Whoever waits, or follows, hears how it ended, and nothing of what had been said.
    for ended in (await patient, (await following)[1]):
        assert (ended.status, ended.text, ended.stop_reason) == ("cancelled", "", "cancelled")
    models.go.set()
    await until(lambda: not chat.application.dispatcher._running)
    events = await chat.application.feeds.page(tenant.caller.organization_id, 0)
    assert {each.resource_id for each in events} >= {running.id, waiting.id}
    assert not any("xylophone" in each.payload for each in events)
    # Its name may be used anew.
    assert (await chat.answered(tenant, "again", optimization_mode="lite")).number == 1


async def test_a_question_that_comes_while_its_conversation_is_deleted_is_answered_or_gone(chat: Chat) -> None:
    await chat.start(lambda _: ["a"])
    tenant = await make_tenant(chat.application.database)
    for number in range(10):
        await chat.ask(tenant, "first", f"s{number}", optimization_mode="lite")
        asked, deleted = await asyncio.gather(
            chat.ask(tenant, "second", f"s{number}", optimization_mode="lite"),
            chat.cases.conversations.delete(tenant.call(), f"s{number}"),
            return_exceptions=True,
        )
        assert isinstance(asked, Answer) and isinstance(deleted, Conversation), (asked, deleted)
        assert not (await chat.cases.chat_answers.wait(asked, 10)).is_open


async def test_what_a_cancelled_answer_has_cost_is_told(chat: Chat) -> None:
    models = await chat.start(lambda _: ["some text that was said", "never"])
    tenant = await make_tenant(chat.application.database)
    models.go.clear()
    answer = await chat.ask(tenant, "Say hello", optimization_mode="lite")
    await until(lambda: models.requests)
    await chat.cases.chat_answers.cancel(tenant.call(), answer.id)
    ended = await chat.cases.chat_answers.wait(answer, 10)
    assert ended.status == "cancelled" and ended.answered_by == "scripted/one" and ended.execution_mode == "lite"
    assert ended.output_tokens and ended.tokens_estimated and json.loads(ended.steps)[0]["name"] == "answer"


async def test_a_swarm_that_is_too_slow_gives_way_without_what_it_had_said(chat: Chat) -> None:
    def reply(request):
        if "coder" in request.messages[0].content:
            return [ModelTimeout("nothing came")]
        return ["planned"] if "planner" in request.messages[0].content else ["plain"]

    models = await chat.start(reply)
    tenant = await make_tenant(chat.application.database)
    ended = await chat.answered(tenant, "Build it", swarm_type="coding-team")
    assert (ended.execution_mode, ended.text) == ("balanced", "plain") and ended.fallback.startswith("coding-team: ")
    assert not any("planned" in message.content for message in models.requests[-1].messages)


async def test_long_turns_go_into_the_summary_before_they_go_along_no_more(chat: Chat) -> None:
    def reply(request):
        return ["in short"] if "memory of a conversation" in request.messages[0].content else ["x" * 9000]

    models = await chat.start(reply)
    tenant = await make_tenant(chat.application.database)
    for number in range(8):
        await chat.answered(tenant, f"question {number}", optimization_mode="lite")
        await until(lambda: not chat.application.answers.summing._works)
    asked = [each for each in models.requests if "memory of" not in each.messages[0].content][-1]
    texts = "\n".join(message.content for message in asked.messages)
    reach = (await chat.cases.conversations.get(tenant.call(), "s")).summary_turns
    assert reach >= 3
    for number in range(7):
        # Each is whole in the prompt, or in what was summed up.
        assert f"question {number}\n" in f"{texts}\n" or number < reach


def test_a_listed_summary_has_every_turn_however_many_there_are() -> None:
    due = Due(Conversation.new(summary=""), [Answer.new(number=n, message=f"word{n} " * 50) for n in range(1, 200)])
    text = listed(due)
    assert len(text) <= MOST_CHARACTERS and all(f"- turn {n}: word{n}" in text for n in range(1, 200))


def test_the_text_of_an_attempt_that_said_nothing_is_that_of_the_one_before() -> None:
    pieces = [(1, "all of it"), (PER_ATTEMPT + 1, {"restarted": 2})]
    assert text_of(pieces) == "all of it"
    assert text_of([*pieces, (PER_ATTEMPT + 2, "anew")]) == "anew"


@pytest.mark.parametrize("most", [1e999, float("nan"), 1.5, True, "7"])
def test_a_bound_that_is_no_number_is_refused(most) -> None:
    with pytest.raises(InvalidRequest, match="max_tokens"):
        question_in("", {"message": "x", "max_tokens": most}, "s", "lite")


@pytest.mark.parametrize("text", ["a" * 996 + ".b", "!" * 996 + "x", "Same. SAME. same. " * 60], ids=["word", "marks", "same"])
async def test_no_text_holds_everybody_up(text: str) -> None:
    turns = [Answer.new(message=text, text=text, answered_by="a/b", number=n) for n in range(150)]
    # As a server does before it serves.
    load_stems()
    async with longest_hold() as held:
        await extract(Answer.new(message="same aaa " + text[:200], mode="quality"), Recalled(turns, (), ()))
    assert held.longest < BOUND


async def test_an_answer_that_fails_again_and_again_lets_the_next_one_go(chat: Chat) -> None:
    await chat.start(lambda _: [ModelFailed("no")])
    tenant = await make_tenant(chat.application.database)
    asked = [await chat.ask(tenant, f"{n}", optimization_mode="lite") for n in range(4)]
    for answer in asked:
        assert (await chat.cases.chat_answers.wait(answer, 10)).status == "failed"


def test_frames_say_numbers_as_json_has_them() -> None:
    assert values.decode(values.encode({"a": 1.0})) == {"a": 1}


async def test_answers_of_no_conversation_are_forgotten_when_they_are_old(chat: Chat) -> None:
    await chat.start(lambda _: ["a"])
    tenant = await make_tenant(chat.application.database)
    kept = await chat.answered(tenant, "in a conversation", optimization_mode="lite")
    alone = await chat.cases.chat_answers.ask(tenant.call(), Question(message="x"), prompt=b'{"messages": []}')
    await chat.cases.chat_answers.wait(alone, 10)
    await forget_answers(chat.application.database, alone.created_at)
    assert (await chat.cases.chat_answers.get(tenant.call(), alone.id)).id == alone.id
    await forget_answers(chat.application.database, alone.created_at + 1)
    with pytest.raises(NotFound):
        await chat.cases.chat_answers.get(tenant.call(), alone.id)
    assert (await chat.cases.chat_answers.get(tenant.call(), kept.id)).text == "a"
