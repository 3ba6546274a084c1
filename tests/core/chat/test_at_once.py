"""A question is answered by the process that took it, from the moment that it is recorded, where there is a place."""

from __future__ import annotations

import asyncio

import pytest

from server.core.chat.questions import OnConflict
from server.errors import Conflict
from server.settings import Settings
from server.work.places import _Kept
from tests.core.chat.conftest import Chat, until
from tests.support.clock import pass_time_in
from tests.support.tenants import Tenant, make_tenant


@pytest.fixture
async def models(chat: Chat):
    return await chat.start(lambda _: ["a", "b"])


@pytest.fixture
async def tenant(chat: Chat, models) -> Tenant:
    places = chat.application.dispatcher._places["answer"]
    await until(lambda: places._idle)
    return await make_tenant(chat.application.database)


@pytest.fixture
def claimed(chat: Chat, tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The runtimes for which somebody has claimed something out of the queue."""
    found: list[str] = []
    claim = chat.application.claims.claim

    async def noted(runtime: str, *rest):
        found.append(runtime)
        return await claim(runtime, *rest)

    monkeypatch.setattr(chat.application.claims, "claim", noted)
    return found


async def test_nobody_has_to_claim_what_is_asked_here(chat: Chat, models, tenant: Tenant, claimed: list[str]) -> None:
    ended = await chat.answered(tenant, "x", optimization_mode="lite")
    assert (ended.status, ended.text, ended.attempt) == ("completed", "ab", 1) and not claimed
    # One that waits for another of its conversation comes out of the queue.
    models.go.clear()
    first, second = [await chat.ask(tenant, "x", optimization_mode="lite") for _ in range(2)]
    models.go.set()
    assert [(await chat.cases.chat_answers.wait(each, 10)).text for each in (first, second)] == ["ab", "ab"]
    assert claimed == ["answer"]


async def test_who_asks_where_all_places_are_taken_waits_behind_those_before_him(settings: Settings) -> None:
    chat = Chat(settings.model_copy(update={"answers_at_once": 1}))
    models = await chat.start(lambda request: [request.messages[-1].content, "."])
    try:
        tenant = await make_tenant(chat.application.database)
        models.go.clear()
        asked = [await chat.ask(tenant, f"{n}", session=f"s{n}", optimization_mode="lite") for n in range(3)]
        await until(lambda: models.requests)
        models.go.set()
        ended = [await chat.cases.chat_answers.wait(each, 10) for each in asked]
        assert [each.text for each in ended] == ["0.", "1.", "2."]
        assert [request.messages[-1].content for request in models.requests] == ["0", "1", "2"]
    finally:
        await chat.application.stop()


async def test_a_question_that_is_refused_takes_no_place(chat: Chat, models, tenant: Tenant) -> None:
    models.go.clear()
    first = await chat.ask(tenant, "x", optimization_mode="lite")
    with pytest.raises(Conflict):
        await chat.ask(tenant, "x", on_conflict=OnConflict.REJECT.value)
    models.go.set()
    await chat.cases.chat_answers.wait(first, 10)
    places = chat.application.dispatcher._places["answer"]
    await until(lambda: not places._active)
    assert places._free == chat.settings.answers_at_once


async def test_who_leaves_while_his_question_is_recorded_cancels_nothing(
    chat: Chat, models, tenant: Tenant, claimed: list[str]
) -> None:
    models.go.clear()
    asking = asyncio.create_task(chat.ask(tenant, "x", optimization_mode="lite"))
    while not chat.cases.chat_answers._works:
        await asyncio.sleep(0)
    asking.cancel()
    await asyncio.wait([asking])
    await until(lambda: models.requests)
    models.go.set()
    [turn] = await chat.cases.conversations.turns(tenant.call(), "s", limit=2)
    assert (await chat.cases.chat_answers.wait(turn, 10)).text == "ab" and not claimed


async def test_who_follows_what_is_cancelled_before_its_first_turn_hears_its_end(
    chat: Chat, models, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = _Kept.begin

    def cancelled(self, task):
        begin(self, task)
        chat.application.dispatcher._cancel(task.id)

    monkeypatch.setattr(_Kept, "begin", cancelled)
    _, ended = await asyncio.wait_for(chat.heard(await chat.ask(tenant, "x", optimization_mode="lite")), 10)
    assert (ended.status, ended.text, ended.stop_reason) == ("cancelled", "", "cancelled") and not models.requests


async def test_what_was_claimed_with_its_making_is_done_by_others_where_its_process_dies(
    chat: Chat, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Kept, "begin", lambda self, _: setattr(self, "taken", True))
    answer = await chat.ask(tenant, "x", optimization_mode="lite")
    assert (await chat.cases.chat_answers.wait(answer, 0.2)).is_open
    await pass_time_in(chat.application, 1.5 * chat.settings.lease_seconds)
    pieces, ended = await chat.heard(answer)
    assert (ended.status, ended.text, ended.attempt) == ("completed", "ab", 2)
    assert pieces[0][1] == {"restarted": 2}
