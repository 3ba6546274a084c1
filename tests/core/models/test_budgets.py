"""Budgets hold before a model is asked: also twenty calls at once, and after whoever asked has died."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest
from sqlalchemy import func, select

from server.core.models.accounts import Account
from server.core.models.budgets import BudgetExhausted, Budgets
from server.core.models.ledger import Ledger, ModelUnpriced
from server.core.models.port import ModelEnd, ModelFailed, ModelMessage, ModelRequest, ModelUnavailable
from server.core.models.prices import Prices
from server.core.models.usage import Usages
from server.errors import InvalidRequest, NotFound, VersionMismatch
from server.model import ModelReservation
from server.settings import Settings
from server.store.database import Database
from server.store.statement import Statement
from server.core.models.estimates import most_input
from server.work.models.metered import MeteredModels
from tests.support.clock import SECOND, Clock
from tests.support.scripted_models import NAME, ScriptedModels
from tests.support.tenants import Tenant, make_tenant
from tests.support.world import World

PRICES = Prices.read('{"currency": "USD", "models": {"scripted/*": {"input": 1, "output": 10}}}')
REQUEST = ModelRequest(model=NAME, messages=[ModelMessage(role="user", content="Say hello")], max_output_tokens=89)
# What a call may take, by its estimate: a third of nine characters, what is beside them, and the bound.
MOST = 100
_RESERVED = Statement(select(func.count()).select_from(ModelReservation.table()))


class Metered:
    """Models on accounts over one database, and a clock that tests set."""

    def __init__(self, database: Database, prices: Prices = PRICES) -> None:
        self.database = database
        self.scripted = ScriptedModels(lambda _: ["Hel", "lo", "!"])
        self.ledger = Ledger(database, prices, call_seconds=180)
        self.models = MeteredModels(self.scripted, self.ledger)
        self.budgets = Budgets(database, self.ledger.forget)
        self.usages = Usages(database)

    async def ask(self, account: Account) -> ModelEnd:
        async with aclosing(self.models.on(account).stream(REQUEST)) as pieces:
            return [each async for each in pieces if isinstance(each, ModelEnd)][0]

    async def cap(self, tenant: Tenant, tokens: int | None = None, cost: int | None = None, **fields):
        given = {"scope": "organization", "subject_id": "", "period": "month", **fields}
        return await self.budgets.set(tenant.call(), max_tokens=tokens, max_cost=cost, **given)

    async def used(self, tenant: Tenant, **fields) -> list[tuple[int, int, int, int | None]]:
        await self.ledger.flush()
        found = await self.usages.of(tenant.call(), **fields)
        return [(each.calls, each.input_tokens, each.output_tokens, each.cost) for each in found]

    async def reserved(self) -> int:
        return (await self.database.all(_RESERVED))[0][0]


@pytest.fixture
async def metered(database: Database) -> Metered:
    database.clock = Clock()
    return Metered(database)


@pytest.fixture
async def tenant(database: Database) -> Tenant:
    return await make_tenant(database)


def account_of(tenant: Tenant, **fields) -> Account:
    return Account(organization_id=tenant.caller.organization_id, key_id=tenant.caller.key_id, **fields)


def test_the_estimate_of_a_prompt_is_no_lower_than_what_is_written_in_it() -> None:
    assert most_input(REQUEST) + REQUEST.max_output_tokens == MOST
    chinese = ModelRequest(model=NAME, messages=[ModelMessage(role="user", content="獺" * 30)], max_output_tokens=1)
    assert most_input(chinese) == 38


async def test_twenty_calls_at_once_pass_no_cap_that_three_fit_into(metered: Metered, tenant: Tenant) -> None:
    await metered.cap(tenant, tokens=3 * MOST + MOST // 2)
    metered.scripted.go.clear()
    works = [asyncio.create_task(metered.ask(account_of(tenant))) for _ in range(20)]
    async with asyncio.timeout(20):
        while sum(work.done() for work in works) < 17:
            await asyncio.wait(works, timeout=0.01, return_when=asyncio.FIRST_COMPLETED)
    assert len(metered.scripted.requests) == 3 and await metered.reserved() == 3
    (measured,) = await metered.budgets.all(tenant.call())
    assert (measured.used_tokens, measured.reserved_tokens) == (0, 3 * MOST)
    metered.scripted.go.set()
    outcomes = await asyncio.gather(*works, return_exceptions=True)
    refused = [each for each in outcomes if isinstance(each, BudgetExhausted)]
    assert len(refused) == 17 and sum(isinstance(each, ModelEnd) for each in outcomes) == 3
    assert refused[0].details["limit"] == 350 and refused[0].details["reserved"] == 300
    # What they did not take is there again.
    (measured,) = await metered.budgets.all(tenant.call())
    assert (measured.used_tokens, measured.reserved_tokens) == (3 * 13, 0)
    await metered.ask(account_of(tenant))
    assert await metered.used(tenant) == [(4, 40, 12, 160_000)]


async def test_two_processes_hold_the_same_budget(metered: Metered, tenant: Tenant, settings: Settings) -> None:
    await metered.cap(tenant, tokens=MOST)
    other = Metered(metered.database)
    metered.scripted.go.clear()
    first = asyncio.create_task(metered.ask(account_of(tenant)))
    async with asyncio.timeout(10):
        while not await metered.reserved():
            await asyncio.sleep(0)
    with pytest.raises(BudgetExhausted):
        await other.ask(account_of(tenant))
    assert not other.scripted.requests
    metered.scripted.go.set()
    await first


async def test_a_refusal_names_the_budget_and_when_it_begins_anew(metered: Metered, tenant: Tenant) -> None:
    budget = (await metered.cap(tenant, tokens=MOST - 1, period="day")).budget
    with pytest.raises(BudgetExhausted) as refused:
        await metered.ask(account_of(tenant))
    assert refused.value.details | {"retry_after": 0} == {
        "budget_id": f"budget_{budget.id}",
        "scope": "organization",
        "subject_id": f"org_{tenant.caller.organization_id}",
        "period": "day",
        "unit": "tokens",
        "limit": 99,
        "used": 0,
        "reserved": 0,
        "requested": 100,
        "renew_time": "2027-01-16T00:00:00Z",
        "retry_after": 0,
    }
    assert refused.value.retry_after == 16 * 3600
    assert "of 99 tokens 0 are used and 0 reserved, and this call may take 100" in refused.value.message
    assert not metered.scripted.requests


async def test_a_cap_of_costs_is_held_in_the_same_way_and_needs_a_price(metered: Metered, tenant: Tenant) -> None:
    # 11 tokens of the prompt and 89 of the answer, at 1 and at 10 for a million.
    worst = 11 * 1000 + 89 * 10_000
    await metered.cap(tenant, cost=worst)
    await metered.ask(account_of(tenant))
    (measured,) = await metered.budgets.all(tenant.call())
    assert (measured.used_cost, measured.reserved_cost) == (40_000, 0)
    with pytest.raises(BudgetExhausted) as refused:
        await metered.ask(account_of(tenant))
    assert refused.value.details["unit"] == "cost" and refused.value.details["limit"] == worst / 1e9
    without = Metered(metered.database, Prices())
    with pytest.raises(ModelUnpriced, match="scripted/one has no price"):
        await without.ask(account_of(tenant))
    assert not without.scripted.requests


async def test_without_a_price_there_is_no_cost_and_it_is_not_nought(database: Database, tenant: Tenant) -> None:
    metered = Metered(database, Prices())
    await metered.ask(account_of(tenant))
    assert await metered.used(tenant) == [(1, 10, 3, None)]
    priced = Metered(database)
    await priced.ask(account_of(tenant))
    # What has a price is added up, and how many calls had none is told.
    assert await priced.used(tenant) == [(2, 20, 6, 40_000)]
    assert [each.unpriced_calls for each in await priced.usages.of(tenant.call())] == [1]


@pytest.mark.parametrize("scope", ["key", "agent"])
async def test_the_budget_of_a_key_or_an_agent_is_no_other_ones(metered: Metered, database: Database, settings, scope: str) -> None:
    database.clock = Clock()
    tenant, other = [await make_tenant(database) for _ in range(2)]
    agent, _ = await World(database, settings, tenant).agent(worker=False)
    subject = {"key": tenant.caller.key_id, "agent": agent.id}[scope]
    await metered.cap(tenant, tokens=MOST - 1, scope=scope, subject_id=f"{scope}_{subject}")
    with pytest.raises(BudgetExhausted):
        await metered.ask(account_of(tenant, agent_id=agent.id))
    beside = Account(organization_id=tenant.caller.organization_id, key_id="f" * 32)
    await metered.ask(beside)
    await metered.ask(account_of(other))
    assert await metered.reserved() == 0


async def test_where_nobody_has_a_budget_nothing_is_written_before_and_one_look_is_kept(
    metered: Metered, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    await metered.ask(account_of(tenant))
    await metered.ledger.flush()

    def no_more(*_: object, **__: object) -> None:
        raise AssertionError("it was asked for")

    for name in ("write", "one", "all", "scan"):
        monkeypatch.setattr(metered.database, name, no_more)
    await metered.ask(account_of(tenant))


async def test_what_a_dead_attempt_had_reserved_is_given_back(database: Database, settings: Settings) -> None:
    database.clock = Clock()
    tenant = await make_tenant(database)
    world, metered = World(database, settings, tenant), Metered(database)
    await metered.cap(tenant, tokens=MOST)
    agent, worker = await world.agent()
    await world.task(agent_id=agent.id)
    (task,) = await world.claim(worker, 1)
    account = account_of(tenant, agent_id=agent.id, task_id=task.id, attempt=task.attempt)
    assert await metered.ledger.reserve(account, NAME, 11, 89)
    assert await metered.ledger.sweep() == 0
    with pytest.raises(BudgetExhausted):
        await metered.ledger.reserve(account_of(tenant), NAME, 11, 89)
    # Whoever had it is silent for longer than its lease.
    world.wait(11)
    await world.leases.release_expired()
    (again,) = await world.claim(worker, 1)
    # The next attempt need not wait for a sweep.
    account = account_of(tenant, agent_id=agent.id, task_id=again.id, attempt=again.attempt)
    assert again.attempt == 2 and await metered.ledger.reserve(account, NAME, 11, 89)
    (measured,) = await metered.budgets.all(tenant.call())
    assert measured.reserved_tokens == MOST
    assert await metered.reserved() == 2 and await metered.ledger.sweep() == 1 and await metered.reserved() == 1


async def test_what_belongs_to_no_task_is_given_back_after_its_time(metered: Metered, tenant: Tenant) -> None:
    await metered.cap(tenant, tokens=MOST)
    await metered.ledger.reserve(account_of(tenant), NAME, 11, 89)
    metered.database.clock.wait(179)
    assert await metered.ledger.sweep() == 0
    metered.database.clock.wait(2)
    assert await metered.ledger.sweep() == 1


async def test_a_month_that_turns_begins_the_budget_anew_and_counts_apart(metered: Metered, tenant: Tenant) -> None:
    # 1,800,000,000 is 15 January 2027, 08:00.
    await metered.cap(tenant, tokens=MOST + 5)
    await metered.ask(account_of(tenant))
    with pytest.raises(BudgetExhausted) as refused:
        await metered.ask(account_of(tenant))
    assert refused.value.details["renew_time"] == "2027-02-01T00:00:00Z"
    metered.database.clock.wait(refused.value.retry_after)
    await metered.ask(account_of(tenant))
    assert await metered.used(tenant) == [(1, 10, 3, 40_000), (1, 10, 3, 40_000)]
    (measured,) = await metered.budgets.all(tenant.call())
    assert measured.used_tokens == 13


@pytest.mark.parametrize(
    ("reply", "counted"),
    [
        # What had come is counted by its characters, and the prompt, too.
        (["Half an answer", ModelFailed("it broke off")], [(1, 3, 4, 43_000)]),
        # Of whom nobody has heard anything has cost nothing.
        ([ModelUnavailable("away")], []),
    ],
)
@pytest.mark.parametrize("limited", [True, False])
async def test_a_call_that_fails_gives_back_what_it_did_not_take(
    metered: Metered, tenant: Tenant, reply, counted, limited: bool
) -> None:
    if limited:
        await metered.cap(tenant, tokens=MOST)
    metered.scripted.reply = lambda _: reply
    with pytest.raises((ModelFailed, ModelUnavailable)):
        await metered.ask(account_of(tenant))
    assert await metered.reserved() == 0 and await metered.used(tenant) == [each for each in counted]


async def test_a_call_that_is_cancelled_gives_back_at_once_and_counts_what_came(metered: Metered, tenant: Tenant) -> None:
    await metered.cap(tenant, tokens=MOST)
    metered.scripted.go.clear()
    work = asyncio.create_task(metered.ask(account_of(tenant)))
    async with asyncio.timeout(10):
        while not metered.scripted.requests:
            await asyncio.sleep(0)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert await metered.reserved() == 0 and await metered.used(tenant) == [(1, 3, 1, 13_000)]


async def test_usage_is_counted_by_organization_key_agent_and_model_by_day_and_month(metered: Metered, tenant: Tenant) -> None:
    for _ in range(3):
        await metered.ask(account_of(tenant, agent_id="a" * 32))
    metered.database.clock.wait(24 * 3600)
    await metered.ask(account_of(tenant))
    assert await metered.used(tenant, period="day") == [(1, 10, 3, 40_000), (3, 30, 9, 120_000)]
    assert await metered.used(tenant, scope="key") == [(4, 40, 12, 160_000)]
    assert await metered.used(tenant, scope="agent") == [(3, 30, 9, 120_000)]
    assert await metered.used(tenant, scope="model", subject_id=NAME) == [(4, 40, 12, 160_000)]
    today = metered.database.clock.now - 20 * 3600 * SECOND
    assert await metered.used(tenant, period="day", since=today) == [(1, 10, 3, 40_000)]


async def test_another_organization_sees_neither_budgets_nor_usage(metered: Metered, tenant: Tenant) -> None:
    other = await make_tenant(metered.database)
    budget = (await metered.cap(tenant, tokens=1000)).budget
    await metered.ask(account_of(tenant))
    assert not await metered.budgets.all(other.call()) and await metered.used(other) == []
    with pytest.raises(NotFound):
        await metered.budgets.delete(other.call(), f"budget_{budget.id}")
    with pytest.raises(NotFound):
        await metered.cap(other, tokens=1, scope="key", subject_id=f"key_{tenant.caller.key_id}")
    with pytest.raises(NotFound):
        await metered.usages.of(other.call(), scope="key", subject_id=f"key_{tenant.caller.key_id}")


async def test_a_budget_is_one_for_its_subject_and_period_and_is_changed_in_its_version(metered: Metered, tenant: Tenant) -> None:
    first = await metered.cap(tenant, tokens=1000)
    second = await metered.cap(tenant, tokens=None, cost=5)
    assert second.budget.id == first.budget.id and second.budget.version == 2
    assert (second.budget.max_tokens, second.budget.max_cost) == (None, 5)
    assert (await metered.cap(tenant, tokens=7, period="day")).budget.id != first.budget.id
    fields = {"scope": "organization", "subject_id": "", "period": "month", "max_tokens": 1, "max_cost": None}
    with pytest.raises(VersionMismatch):
        await metered.budgets.set(tenant.call(if_match=1), **fields)
    again = [await metered.budgets.set(tenant.call(key="once"), **fields) for _ in range(2)]
    assert [each.budget.version for each in again] == [3, 3]
    for _ in range(2):
        await metered.budgets.delete(tenant.call(key="delete"), first.budget.id)
    assert len(await metered.budgets.all(tenant.call())) == 1
    for wrong in ({"scope": "model"}, {"period": "year"}, {"max_tokens": None}, {"max_tokens": -1}):
        with pytest.raises(InvalidRequest):
            await metered.budgets.set(tenant.call(), **{**fields, **wrong})
