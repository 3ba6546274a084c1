"""Language models over native gRPC: which there are, what they took, and budgets."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from orchestrator.v1 import chat_service_pb2, chat_service_pb2_grpc, model_service_pb2_grpc
from orchestrator.v1 import model_service_pb2 as pb
from orchestrator.v1.chat_pb2 import AnswerMode
from orchestrator.v1.model_pb2 import ModelBudget, UsagePeriod, UsageScope

from server.app import Application
from server.settings import Settings
from tests.support.refusals import reason, refused
from tests.support.scripted_models import ScriptedModels
from tests.support.tenants import Tenant, make_tenant

PRICES = {"currency": "EUR", "models": {"scripted/*": {"input": 0.5, "output": 2}}}


class Served:
    def __init__(self, application: Application, channel: grpc.aio.Channel, tenant: Tenant) -> None:
        self.application, self.tenant = application, tenant
        self.models = model_service_pb2_grpc.ModelServiceStub(channel)
        self.chat = chat_service_pb2_grpc.ChatServiceStub(channel)

    async def call(self, name: str, request, tenant: Tenant | None = None):
        return await getattr(self.models, name)(request, metadata=(tenant or self.tenant).metadata)

    async def ask(self, tokens: int = 1000):
        message = chat_service_pb2.ChatMessage(text="hi", mode=AnswerMode.ANSWER_MODE_LITE, max_tokens=tokens)
        request = chat_service_pb2.SendMessageRequest(message=message)
        return await self.chat.SendMessage(request, metadata=self.tenant.metadata)

    async def cap(self, request_id: str = "", **fields) -> ModelBudget:
        request = pb.SetBudgetRequest(budget=ModelBudget(**fields), request_id=request_id)
        return (await self.call("SetBudget", request)).budget


@pytest.fixture
async def served(settings: Settings) -> AsyncIterator[Served]:
    settings = settings.model_copy(update={"model_prices": json.dumps(PRICES)})
    application = Application(settings, ScriptedModels(lambda _: ["Hel", "lo", "!"]))
    (port,) = await application.start(["127.0.0.1:0"])
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield Served(application, channel, await make_tenant(application.database))
    await application.stop()


async def test_models_are_listed_with_their_prices(served: Served) -> None:
    (model,) = (await served.call("ListModels", pb.ListModelsRequest())).models
    assert (model.id, model.provider, model.is_default) == ("scripted/one", "scripted", True)
    assert (model.input_price, model.output_price, model.currency) == (0.5, 2.0, "EUR")


async def test_a_budget_holds_and_says_how_it_stands(served: Served) -> None:
    budget = await served.cap(max_tokens=1100, max_cost=0.5)
    assert (budget.scope, budget.period) == (UsageScope.USAGE_SCOPE_ORGANIZATION, UsagePeriod.USAGE_PERIOD_MONTH)
    assert budget.subject_id == f"org_{served.tenant.caller.organization_id}" and budget.etag == "1"
    await served.ask()
    (shown,) = (await served.call("ListBudgets", pb.ListBudgetsRequest())).budgets
    assert (shown.id, shown.used_tokens, shown.reserved_tokens, shown.used_cost) == (budget.id, 13, 0, 0.000011)
    error = await refused(served.ask(1100))
    told = reason(error)
    assert (error.code(), told.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "BUDGET_EXHAUSTED")
    assert told.metadata["budget_id"] == budget.id and json.loads(told.metadata["limit"]) == 1100
    assert json.loads(told.metadata["used"]) == 13 and told.metadata["answer_id"].startswith("answer_")
    await served.call("DeleteBudget", pb.DeleteBudgetRequest(id=budget.id, etag="1"))
    await served.ask(1100)


async def test_usage_is_shown_by_scope_and_period(served: Served) -> None:
    await served.ask()
    await served.application.use_cases.ledger.flush()
    response = await served.call("GetUsage", pb.GetUsageRequest())
    (month,) = response.usage
    assert (month.call_count, month.input_tokens, month.output_tokens, month.cost) == (1, 10, 3, 0.000011)
    assert response.currency == "EUR" and month.start_time.ToDatetime().day == 1 and not month.unpriced_call_count
    for scope, subject in (
        (UsageScope.USAGE_SCOPE_KEY, f"key_{served.tenant.caller.key_id}"),
        (UsageScope.USAGE_SCOPE_MODEL, "scripted/one"),
    ):
        for named in ("", subject):
            request = pb.GetUsageRequest(scope=scope, subject_id=named, period=UsagePeriod.USAGE_PERIOD_DAY)
            (day,) = (await served.call("GetUsage", request)).usage
            assert (day.subject_id, day.call_count) == (subject, 1)
    past = pb.GetUsageRequest(end_time=Timestamp(seconds=1))
    assert not (await served.call("GetUsage", past)).usage


async def test_a_change_is_based_on_a_version_and_done_once(served: Served) -> None:
    first = await served.cap(max_tokens=5, request_id="once")
    assert await served.cap(max_tokens=5, request_id="once") == first
    second = await served.cap(max_tokens=6, etag="1")
    assert (second.id, second.max_tokens, second.etag) == (first.id, 6, "2")
    assert (await refused(served.cap(max_tokens=7, etag="1"))).code() == grpc.StatusCode.ABORTED
    deletion = pb.DeleteBudgetRequest(id=first.id, etag="1")
    assert (await refused(served.call("DeleteBudget", deletion))).code() == grpc.StatusCode.ABORTED
    for wrong in ({}, {"max_tokens": -1}, {"max_cost": 2e6}, {"max_tokens": 1, "scope": 4}, {"max_tokens": 1, "scope": 2}):
        assert (await refused(served.cap(**wrong))).code() == grpc.StatusCode.INVALID_ARGUMENT
    missing = {"max_tokens": 1, "scope": 3, "subject_id": "agent_" + "1" * 32}
    assert (await refused(served.cap(**missing))).code() == grpc.StatusCode.NOT_FOUND


async def test_another_organization_and_who_may_only_read_change_nothing(served: Served) -> None:
    budget = await served.cap(max_tokens=5)
    other = await make_tenant(served.application.database)
    assert not (await served.call("ListBudgets", pb.ListBudgetsRequest(), other)).budgets
    deletion = pb.DeleteBudgetRequest(id=budget.id)
    assert (await refused(served.call("DeleteBudget", deletion, other))).code() == grpc.StatusCode.NOT_FOUND
    reader = await make_tenant(served.application.database, scopes="models:read")
    setting = pb.SetBudgetRequest(budget=ModelBudget(max_tokens=1))
    assert (await refused(served.call("SetBudget", setting, reader))).code() == grpc.StatusCode.PERMISSION_DENIED
