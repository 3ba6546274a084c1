"""Answers within budgets: counted whatever their end, refused before a model is asked, and kept as far as they came."""

from __future__ import annotations

import json

import pytest

from server.apikit.errors import ErrorContext
from server.apis.ai_orchestra.chat.shape import error_of
from server.apis.ai_orchestra.errors import render_error
from server.core.models.budgets import BudgetExhausted
from server.core.models.port import ModelFailed
from tests.core.chat.conftest import Chat, until
from tests.support.tenants import Tenant, make_tenant


async def started(chat: Chat, reply=lambda _: ["Hel", "lo", "!"]) -> Tenant:
    await chat.start(reply)
    return await make_tenant(chat.application.database)


async def cap(chat: Chat, tenant: Tenant, tokens: int) -> None:
    await chat.cases.budgets.set(
        tenant.call(), scope="organization", subject_id="", period="month", max_tokens=tokens, max_cost=None
    )


async def used(chat: Chat, tenant: Tenant, **fields) -> list[tuple[int, int, int]]:
    await chat.cases.ledger.flush()
    found = await chat.cases.usages.of(tenant.call(), **fields)
    return [(each.calls, each.input_tokens, each.output_tokens) for each in found]


async def test_what_an_answer_takes_is_counted_of_its_key(chat: Chat) -> None:
    tenant = await started(chat)
    await chat.answered(tenant, "Say hello", optimization_mode="lite")
    await chat.answered(tenant, "Say hello")
    # The second was judged, too.
    assert await used(chat, tenant) == [(3, 30, 9)]
    assert await used(chat, tenant, scope="key", subject_id=f"key_{tenant.caller.key_id}") == [(3, 30, 9)]
    (usage,) = await chat.cases.usages.of(tenant.call())
    assert usage.cost is None and usage.estimated_calls == 0


async def test_the_built_in_answerer_costs_nothing(chat: Chat) -> None:
    await chat.start()
    tenant = await make_tenant(chat.application.database)
    await cap(chat, tenant, 0)
    assert (await chat.answered(tenant, "Say hello")).status == "completed"
    assert await used(chat, tenant) == []


async def test_an_answer_that_fails_has_taken_what_came_of_it(chat: Chat) -> None:
    tenant = await started(chat, lambda _: ["Half a", ModelFailed("the stream broke off")])
    ended = await chat.answered(tenant, "Say hello", optimization_mode="lite")
    assert ended.status == "failed"
    ((calls, read, written),) = await used(chat, tenant)
    assert calls == 1 and read > 1 and written == 2
    assert [each.estimated_calls for each in await chat.cases.usages.of(tenant.call())] == [1]


async def test_an_answer_that_is_cancelled_gives_back_what_it_did_not_take(chat: Chat) -> None:
    models = await chat.start(lambda _: ["Hel", "lo"])
    tenant = await make_tenant(chat.application.database)
    await cap(chat, tenant, 100_000)
    models.go.clear()
    answer = await chat.ask(tenant, "Say hello", optimization_mode="lite")
    await until(lambda: models.requests)
    (measured,) = await chat.cases.budgets.all(tenant.call())
    assert measured.reserved_tokens > 4096
    await chat.cases.chat_answers.cancel(tenant.call(), answer.id)
    assert (await chat.cases.chat_answers.wait(answer, 10)).status == "cancelled"
    (measured,) = await chat.cases.budgets.all(tenant.call())
    assert measured.reserved_tokens == 0 and 0 < measured.used_tokens < 100


async def test_a_question_that_does_not_fit_is_refused_before_the_model_is_asked(chat: Chat) -> None:
    models = await chat.start(lambda _: ["Hel", "lo"])
    tenant = await make_tenant(chat.application.database)
    await cap(chat, tenant, 4096)
    ended = await chat.answered(tenant, "Say hello", optimization_mode="lite")
    assert (ended.status, ended.text) == ("failed", "") and not models.requests
    assert json.loads(ended.error)["type"] == "BUDGET_EXHAUSTED"
    error = error_of(ended)
    assert isinstance(error, BudgetExhausted) and error.retry_after
    rendered = render_error(error, ErrorContext("r", ""))
    told = rendered.body["error"]
    assert (rendered.http_status, told["code"]) == (429, "RATE_LIMIT_ERROR")
    assert told["details"]["reason"] == "BUDGET_EXHAUSTED" and told["details"]["limit"] == 4096
    assert told["details"]["answer_id"] == f"answer_{ended.id}" and told["details"]["scope"] == "organization"
    # Less fits still.
    assert (await chat.answered(tenant, "Say hello", optimization_mode="lite", max_tokens=50)).text == "Hello"


async def test_a_judge_that_does_not_fit_leaves_the_answer_without_a_score(chat: Chat) -> None:
    tenant = await started(chat)
    await cap(chat, tenant, 200)
    ended = await chat.answered(tenant, "Say hello", max_tokens=50)
    assert (ended.status, ended.text, ended.quality_score) == ("completed", "Hello!", None)
    assert await used(chat, tenant) == [(1, 10, 3)]


@pytest.mark.parametrize("swarm", ["coding-team", "coding-debate"])
async def test_an_answer_that_runs_out_in_the_middle_of_its_plan_fails_with_what_was_used(chat: Chat, swarm: str) -> None:
    models = await chat.start(lambda _: ["x" * 3000])
    tenant = await make_tenant(chat.application.database)
    await cap(chat, tenant, 1300)
    ended = await chat.answered(tenant, "Build it", swarm_type=swarm, max_tokens=500)
    assert ended.status == "failed" and json.loads(ended.error)["type"] == "BUDGET_EXHAUSTED"
    assert ended.stop_reason == "error" and 1 <= len(models.requests) < 3
    assert [step["name"] for step in json.loads(ended.steps)][: len(models.requests)]
    (measured,) = await chat.cases.budgets.all(tenant.call())
    assert measured.reserved_tokens == 0 and measured.used_tokens == 11 * len(models.requests)
    assert (await used(chat, tenant))[0][0] == len(models.requests)


async def test_usage_is_there_after_the_server_has_stopped(chat: Chat) -> None:
    tenant = await started(chat)
    await chat.answered(tenant, "Say hello", optimization_mode="lite")
    await chat.application.stop()
    await chat.start()
    assert await used(chat, tenant) == [(1, 10, 3)]
