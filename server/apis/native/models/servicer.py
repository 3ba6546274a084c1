"""orchestrator.v1.ModelService."""

from __future__ import annotations

from orchestrator.wire.v1 import model_service_pb2 as pb
from orchestrator.wire.v1.model_pb2 import ModelBudget as BudgetMessage

from server.apis.native.models.resources import PERIODS, SCOPES, budget_message, model_message, usage_message
from server.apis.native.requests import once, require_etag
from server.core.models.budgets import Budgets
from server.core.models.port import Models
from server.core.models.prices import Prices, nanos_of
from server.core.models.usage import FOREVER, Usages
from server.core.shared.call_context import Call
from server.pace import all_of


class ModelServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(self, models: Models, budgets: Budgets, usages: Usages, prices: Prices) -> None:
        self._models = models
        self._budgets = budgets
        self._usages = usages
        self._prices = prices

    async def ListModels(self, _request: pb.ListModelsRequest, _call: Call) -> pb.ListModelsResponse:
        found = await self._models.list()
        return pb.ListModelsResponse(
            models=await all_of(model_message(each, self._models.default, self._prices) for each in found)
        )

    async def GetUsage(self, request: pb.GetUsageRequest, call: Call) -> pb.GetUsageResponse:
        found = await self._usages.of(
            call,
            scope=SCOPES[request.scope],
            subject_id=request.subject_id,
            period=PERIODS[request.period],
            since=request.start_time.ToMicroseconds() if request.HasField("start_time") else 0,
            until=request.end_time.ToMicroseconds() if request.HasField("end_time") else FOREVER,
        )
        return pb.GetUsageResponse(
            usage=await all_of(usage_message(each) for each in found), currency=self._prices.currency
        )

    async def ListBudgets(self, _request: pb.ListBudgetsRequest, call: Call) -> pb.ListBudgetsResponse:
        found = await self._budgets.all(call)
        return pb.ListBudgetsResponse(budgets=await all_of(budget_message(each) for each in found))

    async def SetBudget(self, request: pb.SetBudgetRequest, call: Call) -> pb.SetBudgetResponse:
        once(request, call)
        given = request.budget
        require_etag(call, given.etag, "budget.etag")
        measured = await self._budgets.set(
            call,
            scope=SCOPES[given.scope],
            subject_id=given.subject_id,
            period=PERIODS[given.period],
            max_tokens=given.max_tokens if given.HasField("max_tokens") else None,
            max_cost=_cost(given),
        )
        call.etag = measured.budget.version
        return pb.SetBudgetResponse(budget=budget_message(measured))

    async def DeleteBudget(self, request: pb.DeleteBudgetRequest, call: Call) -> pb.DeleteBudgetResponse:
        once(request, call)
        require_etag(call, request.etag)
        await self._budgets.delete(call, request.id)
        return pb.DeleteBudgetResponse()


def _cost(given: BudgetMessage) -> int | None:
    return nanos_of(given.max_cost) if given.HasField("max_cost") else None
