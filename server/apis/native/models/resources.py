"""The native API's language models, budgets and usage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.wire.v1.model_pb2 import LanguageModel, UsagePeriod, UsageScope
from orchestrator.wire.v1.model_pb2 import ModelBudget as BudgetMessage
from orchestrator.wire.v1.model_pb2 import ModelUsage as UsageMessage

from server.apikit.projection import timestamp
from server.core.models.budgets import Measured, shown_subject
from server.core.models.port import ModelInfo
from server.core.models.prices import Prices, as_number
from server.model import ModelUsage

_SCOPES: Mapping[str, Any] = {
    name.removeprefix("USAGE_SCOPE_").lower(): number for name, number in UsageScope.items() if number
}
_PERIODS: Mapping[str, Any] = {
    name.removeprefix("USAGE_PERIOD_").lower(): number for name, number in UsagePeriod.items() if number
}
# The words of enum numbers; those that say nothing stand for the widest.
SCOPES = {0: "organization", **{number: word for word, number in _SCOPES.items()}}
PERIODS = {0: "month", **{number: word for word, number in _PERIODS.items()}}


def model_message(model: ModelInfo, default: str, prices: Prices) -> LanguageModel:
    """A model, with its price where one is known."""
    price = prices.of(model.name)
    return LanguageModel(
        id=model.name,
        provider=model.provider,
        is_default=model.name == default,
        input_price=float(price.input) if price is not None else None,
        output_price=float(price.output) if price is not None else None,
        currency=prices.currency,
    )


def usage_message(usage: ModelUsage) -> UsageMessage:
    """What was used in one period."""
    return UsageMessage(
        scope=_SCOPES[usage.scope],
        subject_id=shown_subject(usage.scope, usage.subject_id),
        period=_PERIODS[usage.period],
        start_time=timestamp(usage.began_at),
        call_count=usage.calls,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        estimated_call_count=usage.estimated_calls,
        cost=as_number(usage.cost),
        unpriced_call_count=usage.unpriced_calls,
    )


def budget_message(measured: Measured) -> BudgetMessage:
    """A budget with what is used of it."""
    budget = measured.budget
    has_cost = budget.max_cost is not None
    return BudgetMessage(
        id=f"budget_{budget.id}",
        scope=_SCOPES[budget.scope],
        subject_id=measured.subject,
        period=_PERIODS[budget.period],
        max_tokens=budget.max_tokens,
        max_cost=as_number(budget.max_cost),
        used_tokens=measured.used_tokens,
        reserved_tokens=measured.reserved_tokens,
        used_cost=as_number(measured.used_cost) if has_cost else None,
        reserved_cost=as_number(measured.reserved_cost) if has_cost else None,
        renew_time=timestamp(measured.renews_at),
        create_time=timestamp(budget.created_at),
        update_time=timestamp(budget.updated_at),
        etag=str(budget.version),
    )
