"""Questions and answers: asked, streamed, queued behind each other, interrupted, cancelled and read again."""

from __future__ import annotations

import asyncio
import json

import pytest

from server.core.chat.questions import MAX_MESSAGE_BYTES, OnConflict
from server.core.events.stream import EventFilter
from server.core.identity import api_keys
from server.core.models.port import ModelFailed, ModelTimeout
from server.core.shared.call_context import Caller
from server.errors import Conflict, InvalidRequest, NotFound
from server.model import Answer
from tests.core.chat.conftest import Chat, until
from tests.support.tenants import Tenant, make_tenant


def hello(_request):
    return ["Hel", "lo", "!"]


@pytest.fixture
async def tenant(chat: Chat) -> Tenant:
    if not hasattr(chat, "application"):
        await chat.start(hello)
    return await make_tenant(chat.application.database)


async def test_an_answer_comes_whole_and_in_pieces(chat: Chat, tenant: Tenant) -> None:
    asked = await chat.ask(tenant, "Say hello", optimization_mode="lite")
    pieces, ended = await chat.heard(asked)
    assert [piece for _, piece in pieces if isinstance(piece, str)] == ["Hel", "lo", "!"]
    assert [number for number, _ in pieces] == list(range(1, len(pieces) + 1))
    assert ended.status == "completed" and ended.text == "Hello!" and ended.stop_reason == "stop"
    assert ended.execution_mode == "lite" and ended.answered_by == "scripted/one"
    assert (ended.input_tokens, ended.output_tokens, ended.tokens_estimated) == (10, 3, False)
    assert [step["name"] for step in json.loads(ended.steps)] == ["answer"]


@pytest.mark.parametrize("after", [0, 1, 3, 4])
async def test_who_comes_back_hears_the_rest_and_nothing_twice(chat: Chat, tenant: Tenant, after: int) -> None:
    whole, _ = await chat.heard(await chat.ask(tenant, "Say hello", optimization_mode="lite"))
    answer = (await chat.cases.conversations.turns(tenant.call(), "s", limit=1))[0]
    rest, ended = await chat.heard(answer, after)
    assert rest == whole[after:] and ended.text == "Hello!"


async def test_who_follows_while_it_is_given_hears_each_piece_at_once(chat: Chat) -> None:
    models = await chat.start(hello)
    tenant = await make_tenant(chat.application.database)
    models.go.clear()
    stream = chat.cases.answer_streams.follow(await chat.ask(tenant, "Say hello", optimization_mode="lite"))
    heard = []
    async for each in stream:
        heard += [piece for _, piece in each.pieces if isinstance(piece, str)]
        if heard == ["Hel"]:
            models.go.set()
        if each.ended is not None:
            break
    assert heard == ["Hel", "lo", "!"]


async def test_another_program_has_no_part_in_it(chat: Chat, tenant: Tenant) -> None:
    answer = await chat.answered(tenant, "Say hello")
    other = await make_tenant(chat.application.database)
    with pytest.raises(NotFound):
        await chat.cases.chat_answers.get(other.call(), answer.id)
    with pytest.raises(NotFound):
        await chat.cases.chat_answers.cancel(other.call(), answer.id)
    with pytest.raises(NotFound):
        await chat.cases.conversations.turns(other.call(), "s", limit=10)
    # The same name is another conversation there.
    assert (await chat.answered(other, "Say hello")).number == 1


async def test_questions_of_a_conversation_are_answered_one_after_the_other(chat: Chat) -> None:
    models = await chat.start(lambda request: [request.messages[-1].content.upper(), "."])
    tenant = await make_tenant(chat.application.database)
    models.go.clear()
    asked = [await chat.ask(tenant, f"question {n}", optimization_mode="lite") for n in range(3)]
    other = await chat.ask(tenant, "elsewhere", session="t", optimization_mode="lite")
    await until(lambda: len(models.requests) == 2)
    models.go.set()
    ended = [await chat.cases.chat_answers.wait(answer, 10) for answer in [*asked, other]]
    assert [each.text for each in ended] == ["QUESTION 0.", "QUESTION 1.", "QUESTION 2.", "ELSEWHERE."]
    # Each knows what was said before it.
    assert [message.content for message in models.requests[-1].messages[1:]] == [
        "question 0", "QUESTION 0.", "question 1", "QUESTION 1.", "question 2",
    ]  # fmt: skip


async def test_a_question_may_be_refused_while_another_is_answered_or_end_that(chat: Chat) -> None:
    models = await chat.start(hello)
    tenant = await make_tenant(chat.application.database)
    models.go.clear()
    first = await chat.ask(tenant, "first", optimization_mode="lite")
    await until(lambda: models.requests)
    second = await chat.ask(tenant, "second", optimization_mode="lite")
    with pytest.raises(Conflict, match="being answered"):
        await chat.ask(tenant, "third", on_conflict=OnConflict.REJECT.value)
    last = await chat.ask(tenant, "last", on_conflict=OnConflict.INTERRUPT.value, optimization_mode="lite")
    ended = await chat.cases.chat_answers.wait(first, 10)
    assert (ended.status, ended.text, ended.stop_reason) == ("cancelled", "Hel", "interrupted")
    assert (await chat.cases.chat_answers.wait(second, 10)).stop_reason == "interrupted"
    models.go.set()
    assert (await chat.cases.chat_answers.wait(last, 10)).text == "Hello!"
    assert len(models.requests) == 2


async def test_whoever_goes_away_cancels_nothing_and_a_command_does(chat: Chat) -> None:
    models = await chat.start(hello)
    tenant = await make_tenant(chat.application.database)
    models.go.clear()
    answer = await chat.ask(tenant, "Say hello", optimization_mode="lite")
    hearing = asyncio.create_task(chat.heard(answer))
    async with asyncio.timeout(10):
        while (await chat.cases.chat_answers.get(tenant.call(), answer.id)).status != "running":
            await asyncio.sleep(0.005)
    hearing.cancel()
    await asyncio.wait([hearing])
    assert (await chat.cases.chat_answers.get(tenant.call(), answer.id)).is_open
    told = await chat.cases.chat_answers.cancel(tenant.call(), answer.id)
    assert (told.status, told.text, told.stop_reason) == ("cancelled", "Hel", "cancelled")
    pieces, ended = await chat.heard(answer)
    assert ended.status == "cancelled" and ended.text == "Hel"
    assert "Hel" in [piece for _, piece in pieces]


async def test_what_goes_wrong_in_the_middle_keeps_what_had_come(chat: Chat) -> None:
    await chat.start(lambda _: ["Half a", ModelFailed("the stream broke off")])
    tenant = await make_tenant(chat.application.database)
    ended = await chat.answered(tenant, "Say hello", optimization_mode="lite")
    assert (ended.status, ended.text, ended.stop_reason) == ("failed", "Half a", "error")
    assert json.loads(ended.error) == {"type": "MODEL_FAILED", "message": "the stream broke off"}
    # The next one is answered, and knows of it.
    assert (await chat.answered(tenant, "Again")).number == 2


async def test_a_plan_that_cannot_be_followed_gives_way_to_a_simpler_one_and_says_so(chat: Chat) -> None:
    def reply(request):
        return ["fine"] if "Answer briefly" in request.messages[0].content else [ModelFailed("garbage")]

    await chat.start(reply)
    tenant = await make_tenant(chat.application.database)
    ended = await chat.answered(tenant, "Write a function", swarm_type="coding-debate")
    assert ended.status == "completed" and ended.text == "fine" and ended.execution_mode == "lite"
    assert ended.fallback == "balanced: garbage"


async def test_a_model_that_is_too_slow_is_told_as_that(chat: Chat) -> None:
    await chat.start(lambda _: [ModelTimeout("nothing came")])
    tenant = await make_tenant(chat.application.database)
    ended = await chat.answered(tenant, "Say hello")
    assert json.loads(ended.error)["type"] == "TIMEOUT" and ended.text == ""


@pytest.mark.parametrize("swarm", ["coding-team", "research-team", "creative-team", "coding-debate"])
async def test_a_swarm_takes_its_steps_each_with_what_those_before_have_said(chat: Chat, swarm: str) -> None:
    models = await chat.start(lambda request: [f"<{len(request.messages)}>"])
    tenant = await make_tenant(chat.application.database)
    ended = await chat.answered(tenant, "Build {said} it", swarm_type=swarm)
    assert ended.status == "completed" and ended.execution_mode == swarm
    steps = [step["name"] for step in json.loads(ended.steps)]
    assert len(steps) == (5 if swarm == "coding-debate" else 3)
    # Nothing that somebody asks stands for what others said.
    assert "Build {said} it" in models.requests[-1].messages[-1].content
    assert f"## {steps[0]}" in models.requests[-1].messages[-1].content


async def test_a_judge_gives_the_score_and_words_that_are_none_give_none(chat: Chat) -> None:
    words = ['Well: {"score": 0.85, "reason": "good"}']

    def reply(request):
        return words if request.response_format else ["An answer"]

    await chat.start(reply)
    tenant = await make_tenant(chat.application.database)
    ended = await chat.answered(tenant, "Explain it")
    assert (ended.quality_score, ended.quality_by, ended.execution_mode) == (0.85, "judge", "balanced")
    for unfit in ("no", '{"score": 7}', '{"score": true}', "{" * 5000):
        words[:] = [unfit]
        assert (await chat.answered(tenant, "Explain it")).quality_score is None


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"message": ""}, "message"),
        ({"message": " \n"}, "message"),
        ({"message": "x" * (MAX_MESSAGE_BYTES + 1)}, "message"),
        ({"session": "a/b"}, "session_id"),
        ({"session": "x" * 10_000}, "session_id"),
        ({"session": ".."}, "session_id"),
        ({"optimization_mode": "best"}, "optimization_mode"),
        ({"swarm_type": "lite"}, "swarm_type"),
        ({"on_conflict": "fight"}, "on_conflict"),
        ({"model": "gpt-99"}, "model"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"user_context": b"\x1a\x01x"}, "user_context"),
    ],
)
async def test_what_cannot_be_answered_is_refused_by_field(chat: Chat, tenant: Tenant, fields, field: str) -> None:
    given = {"message": "hi", **fields}
    with pytest.raises(InvalidRequest) as refused:
        await chat.ask(tenant, given.pop("message"), **given)
    assert refused.value.details["field"] == field


async def test_a_repeated_request_is_one_question(chat: Chat, tenant: Tenant) -> None:
    first, second = [await chat.ask(tenant, "Say hello", key="once") for _ in range(2)]
    assert first.id == second.id
    await chat.cases.chat_answers.wait(first, 10)
    assert len(await chat.cases.conversations.turns(tenant.call(), "s", limit=10)) == 1


async def test_a_conversation_that_is_deleted_leaves_nothing_of_what_was_said(chat: Chat, tenant: Tenant) -> None:
    answer = await chat.answered(tenant, "My secret is xylophone")
    running = await chat.ask(tenant, "And xylophone again")
    await chat.cases.conversations.delete(tenant.call(), "s")
    with pytest.raises(NotFound):
        await chat.cases.conversations.get(tenant.call(), "s")
    with pytest.raises(NotFound):
        await chat.cases.chat_answers.get(tenant.call(), answer.id)
    events = await chat.application.feeds.page(tenant.caller.organization_id, 0)
    told = [each for each in events if each.resource_id in (answer.id, running.id)]
    assert told and not any("xylophone" in each.payload for each in events)
    assert events[-1].type == "conversation.deleted"


async def test_a_conversation_ends_after_a_day_of_silence_and_goes_on_when_somebody_speaks(chat: Chat, tenant: Tenant) -> None:
    await chat.answered(tenant, "Say hello")
    cases, database = chat.cases, chat.application.database
    assert await cases.conversations.end_idle() == 0
    clock = database.clock
    database.clock = lambda: clock() + 25 * 3600 * 1_000_000
    assert await cases.conversations.end_idle() == 1 and await cases.conversations.end_idle() == 0
    database.clock = clock
    assert (await cases.conversations.get(tenant.call(), "s")).ended_at is not None
    assert (await chat.answered(tenant, "Say hello")).number == 2
    assert (await cases.conversations.get(tenant.call(), "s")).ended_at is None


async def test_events_of_a_chat_are_told_to_its_owner_alone(chat: Chat) -> None:
    await chat.start(hello)
    tenant, neighbour = [await _of_one_organization(chat) for _ in range(2)]
    assert tenant.caller.user_id == neighbour.caller.user_id
    await chat.answered(tenant, "Say hello")
    wanted = EventFilter(["chat.*", "conversation.*"])
    events, _, _ = await chat.cases.events.page(tenant.call(), 0, wanted)
    assert [each.type for each in events][:3] == ["conversation.created", "chat.queued", "chat.started"]
    assert events[-1].type == "chat.completed" and "chat.tokens" in [each.type for each in events]
    assert (await chat.cases.events.page(neighbour.call(), 0, wanted))[0] == []


async def _of_one_organization(chat: Chat) -> Tenant:
    key, secret = await api_keys.create_key(chat.application.database, organization="the same", name="x")
    return Tenant(Caller(key.organization_id, key.user_id, key.id, frozenset({"*"})), secret)


def test_an_answer_is_open_until_it_has_ended() -> None:
    assert Answer.new(status="queued").is_open and not Answer.new(status="failed").is_open


async def test_what_was_taken_before_a_death_is_not_taken_again(chat: Chat) -> None:
    """The reviewer is cut off; whoever comes next begins with him, and knows what planner and coder have said."""
    models = await chat.start(lambda request: ["planned" if "planner" in request.messages[0].content else "made", "."])
    tenant = await make_tenant(chat.application.database)

    def holding(request):
        if "reviewer" in request.messages[0].content:
            models.go.clear()
        return ["made", "."]

    models.reply = holding
    answer = await chat.ask(tenant, "Build it", swarm_type="coding-team")
    await until(lambda: len(models.requests) == 3 and not models.go.is_set())
    live = chat.application.live_answers.get(answer.id)
    await until(lambda: live.pieces and live.pieces[-1] == "made")
    # As if the process were gone: its lease runs out, and another attempt begins.
    await chat.application.answers.writer.flush()
    await chat.application.leases.give_back(chat.application.dispatcher.holder)
    models.reply = lambda _: ["whole", "."]
    models.go.set()
    pieces, ended = await chat.heard(answer)
    assert ended.status == "completed" and ended.text == "whole." and ended.execution_mode == "coding-team"
    assert len(models.requests) == 4 and {"restarted": 2} in [piece for _, piece in pieces]
    assert [step["name"] for step in json.loads(ended.steps)] == ["planner", "coder", "reviewer"]
    assert "## coder\nmade." in models.requests[-1].messages[-1].content


async def test_what_one_program_has_got_is_no_answer_to_another_with_the_same_idempotency_key(chat: Chat) -> None:
    await chat.start(hello)
    mine, other = [await _of_one_organization(chat) for _ in range(2)]
    first, second = [await chat.ask(each, "Say hello", key="1") for each in (mine, other)]
    assert first.id != second.id and first.owner != second.owner
