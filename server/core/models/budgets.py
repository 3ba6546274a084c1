"""Budgets: how much may be used of language models, set, listed and held against what is used and reserved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, and_, bindparam, case, delete, exists, func, not_, or_, select

from server.core.models.accounts import Account
from server.core.models.periods import SECOND, began, ends
from server.core.models.prices import NANOS, as_number
from server.core.shared import idempotency
from server.core.shared.call_context import Call
from server.core.shared.ids import parse_id
from server.core.shared.resource import Resource, change, check_version
from server.errors import Details, InvalidRequest, NotFound, TooMany
from server.model import Agent, ApiKey, ModelBudget, ModelReservation, ModelUsage, Period, Task, UsageScope, new_id
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Reader, Transaction

MOST_BUDGETS = 1000
# The largest cap, of tokens or billionths of the currency's unit.
LARGEST = 1 << 50
_budgets, _usage, _reserved = ModelBudget.table().c, ModelUsage.table().c, ModelReservation.table().c
_tasks = Task.table().c
_ours = _budgets.organization_id == bindparam("organization")
_concerns = or_(
    _budgets.scope == "organization",
    and_(_budgets.scope == "key", _budgets.subject_id == bindparam("key")),
    and_(_budgets.scope == "agent", _budgets.subject_id == bindparam("agent")),
)
_began = case(
    (_budgets.period == "day", bindparam("day", type_=BigInteger)), else_=bindparam("month", type_=BigInteger)
)
_under_way = exists(
    select(_tasks.id).where(
        _tasks.id == _reserved.task_id, _tasks.status == "running", _tasks.attempt == _reserved.attempt
    )
)
# Reservations whose time or whose attempt at a task is over; they count no more, whenever they are removed.
OVER = or_(_reserved.expires_at < bindparam("now", type_=BigInteger), and_(_reserved.task_id != "", not_(_under_way)))


def _used(amount: Any) -> Any:
    return (
        select(amount)
        .where(
            _usage.organization_id == _budgets.organization_id,
            _usage.scope == _budgets.scope,
            _usage.subject_id == _budgets.subject_id,
            _usage.period == _budgets.period,
            _usage.began_at == _began,
        )
        .scalar_subquery()
    )


def _held(amount: Any) -> Any:
    subject = case((_budgets.scope == "key", _reserved.key_id), else_=_reserved.agent_id)
    return (
        select(func.sum(amount))
        .where(
            _reserved.organization_id == _budgets.organization_id,
            or_(_budgets.scope == "organization", subject == _budgets.subject_id),
            not_(OVER),
        )
        .scalar_subquery()
    )


# What is used and what is reserved in one statement: between two of them a call may end, and be in neither.
_measured = select(
    *ModelBudget.table().c,
    _used(_usage.input_tokens + _usage.output_tokens),
    _used(_usage.cost),
    _held(_reserved.tokens),
    _held(_reserved.cost),
)
_LOCK = Statement[Any](
    select(_budgets.id).where(_ours, _concerns).order_by(_budgets.id).with_for_update(key_share=True)
)
_MEASURE = Statement[Any](_measured.where(_ours, _concerns).order_by(_budgets.id))
_LIST = Statement[Any](_measured.where(_ours).order_by(_budgets.id).limit(MOST_BUDGETS))
_ONE = Statement[Any](_measured.where(_ours, _budgets.id == bindparam("id")))
_COUNT = Statement[Any](select(func.count()).select_from(ModelBudget.table()).where(_ours))
_OF_SUBJECT = Statement[ModelBudget](
    select(ModelBudget.table())
    .where(
        _ours,
        _budgets.scope == bindparam("scope"),
        _budgets.subject_id == bindparam("subject"),
        _budgets.period == bindparam("period"),
    )
    .with_for_update(key_share=True),
    ModelBudget,
)
_DELETE = Statement[Any](delete(ModelBudget.table()).where(_budgets.id == bindparam("id")))
BUDGETS = Resource(ModelBudget, "budget")
_SUBJECTS: dict[str, Resource[Any]] = {"key": Resource(ApiKey, "key"), "agent": Resource(Agent, "agent")}


class BudgetExhausted(TooMany):
    """A call may take more than a budget has left; `details` says which budget, and when it begins anew."""

    reason = "BUDGET_EXHAUSTED"

    def __init__(self, message: str, *, reason: str | None = None, details: Details | None = None) -> None:
        said = (details or {}).get("retry_after")
        super().__init__(message, details=details, retry_after=said if isinstance(said, int) else None)
        self.reason = reason or self.reason


@dataclass(frozen=True, slots=True)
class Measured:
    """A budget with what of it is used in the present period, and reserved by calls that are under way.

    Costs are in billionths of the currency's unit.
    """

    budget: ModelBudget
    used_tokens: int
    used_cost: int
    reserved_tokens: int
    reserved_cost: int
    # When the present period ends; microseconds since 1970.
    renews_at: int

    @property
    def subject(self) -> str:
        """Whose it is, as callers know it."""
        return shown_subject(self.budget.scope, self.budget.subject_id)

    def check(self, tokens: int, cost: int | None, now: int) -> None:
        """Raises BudgetExhausted where so much more does not fit. A call without a price has no cost."""
        budget = self.budget
        if budget.max_tokens is not None and self.used_tokens + self.reserved_tokens + tokens > budget.max_tokens:
            figures = (budget.max_tokens, self.used_tokens, self.reserved_tokens, tokens)
            raise self._exhausted("tokens", figures, now)
        if budget.max_cost is not None and self.used_cost + self.reserved_cost + (cost or 0) > budget.max_cost:
            figures = (budget.max_cost, self.used_cost, self.reserved_cost, cost or 0)
            raise self._exhausted("cost", tuple(map(as_number, figures)), now)

    def _exhausted(self, unit: str, figures: Sequence[Any], now: int) -> BudgetExhausted:
        budget, (most, used, reserved, wanted) = self.budget, figures
        renewed = datetime.fromtimestamp(self.renews_at // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return BudgetExhausted(
            f"the {budget.period}'s budget of {self.subject} has not enough left: of {most:.15g} {unit} {used:.15g} "
            f"are used and {reserved:.15g} reserved, and this call may take {wanted:.15g}; it begins anew at {renewed}",
            details={
                "budget_id": f"budget_{budget.id}",
                "scope": budget.scope,
                "subject_id": self.subject,
                "period": budget.period,
                "unit": unit,
                "limit": most,
                "used": used,
                "reserved": reserved,
                "requested": wanted,
                "renew_time": renewed,
                "retry_after": max(1, -((now - self.renews_at) // SECOND)),
            },
        )


def shown_subject(scope: str, subject_id: str) -> str:
    """The id of a subject, as callers know it; a model is called as it is."""
    prefix = {"organization": "org", "key": "key", "agent": "agent"}.get(scope)
    return f"{prefix}_{subject_id}" if prefix else subject_id


async def subject_of(reader: Reader, call: Call, scope: str, identifier: str) -> str:
    """The id of a subject as the store has it. Raises InvalidRequest, NotFound."""
    if scope == UsageScope.ORGANIZATION:
        if identifier and parse_id("organization", identifier) != call.organization_id:
            raise NotFound("organization", identifier)
        return call.organization_id
    if not identifier:
        raise InvalidRequest("subject_id", f"must name a {scope}")
    if scope == UsageScope.MODEL:
        return identifier
    return str((await _SUBJECTS[scope].get(reader, call, identifier)).id)


async def lock(transaction: Transaction, account: Account) -> Sequence[Measured]:
    """The budgets of an account's subjects: nobody else reserves of them until the transaction ends."""
    key = {"organization": account.organization_id, "key": account.key_id, "agent": account.agent_id}
    if not await transaction.all(_LOCK, **key):
        return ()
    rows = await transaction.all(_MEASURE, **key, **_now(transaction.now))
    return [_read(row, transaction.now) for row in rows]


class Budgets:
    """The budgets of every organization; each call sees its own."""

    def __init__(self, database: Database, changed: Callable[[str], None] = lambda _: None) -> None:
        self._database = database
        # Told of the organization whose budgets have changed here.
        self._changed = changed

    async def all(self, call: Call) -> Sequence[Measured]:
        """All of them, oldest first, with what is used of each; at most a thousand."""
        now = self._database.clock()
        rows = await self._database.all(_LIST, organization=call.organization_id, **_now(now))
        return [_read(row, now) for row in rows]

    async def set(
        self, call: Call, *, scope: str, subject_id: str, period: str, max_tokens: int | None, max_cost: int | None
    ) -> Measured:
        """The budget of a subject for a period, new or with these caps instead of what it had; None is no cap.

        Raises InvalidRequest, NotFound, TooMany, and VersionMismatch where the call is based on another version.
        """
        if scope not in (UsageScope.ORGANIZATION, UsageScope.KEY, UsageScope.AGENT):
            raise InvalidRequest("scope", "must be one of organization, key, agent")
        if period not in tuple(Period):
            raise InvalidRequest("period", f"must be one of {', '.join(Period)}")
        if max_tokens is None and max_cost is None:
            raise InvalidRequest("max_tokens", "must be given where there is no max_cost")
        for name, most in (("max_tokens", max_tokens), ("max_cost", max_cost)):
            if most is not None and not 0 <= most <= LARGEST:
                raise InvalidRequest(name, f"must be from 0 to {LARGEST if name == 'max_tokens' else LARGEST // NANOS}")

        async def body(transaction: Transaction) -> Measured:
            done = await idempotency.done(transaction, call)
            if done is not None:
                return await self._one(transaction, call, done)
            subject = await subject_of(transaction, call, scope, subject_id)
            key = {"organization": call.organization_id, "scope": scope, "subject": subject, "period": period}
            found = await transaction.one(_OF_SUBJECT, **key)
            if found is not None:
                check_version(call, found)
                await change(transaction, found, max_tokens=max_tokens, max_cost=max_cost)
                identifier = found.id
            else:
                identifier = await self._new(transaction, call, key, max_tokens, max_cost)
            await idempotency.mark(transaction, call, identifier)
            return await self._one(transaction, call, identifier)

        measured = await self._database.write(body)
        self._changed(call.organization_id)
        return measured

    async def delete(self, call: Call, identifier: str) -> None:
        """Deletes one: nothing is held against it any more. Raises NotFound, VersionMismatch."""

        async def act(transaction: Transaction, budget: ModelBudget) -> ModelBudget:
            await transaction.run(_DELETE, id=budget.id)
            return budget

        if call.idempotency_key and await idempotency.earlier(self._database, call) is not None:
            return
        await BUDGETS.once(self._database, call, identifier, act)
        self._changed(call.organization_id)

    async def _new(
        self, transaction: Transaction, call: Call, key: dict[str, str], max_tokens: int | None, max_cost: int | None
    ) -> str:
        if call.if_match is not None:
            raise NotFound("budget", f"{key['period']} of {shown_subject(key['scope'], key['subject'])}")
        row = await transaction.one(_COUNT, organization=call.organization_id)
        if row is not None and row[0] >= MOST_BUDGETS:
            raise TooMany(f"an organization has at most {MOST_BUDGETS} budgets", details={"limit": MOST_BUDGETS})
        budget = ModelBudget.new(
            id=new_id(),
            organization_id=call.organization_id,
            scope=key["scope"],
            subject_id=key["subject"],
            period=key["period"],
            max_tokens=max_tokens,
            max_cost=max_cost,
            created_at=transaction.now,
            updated_at=transaction.now,
        )
        await transaction.insert(budget)
        return str(budget.id)

    async def _one(self, reader: Transaction, call: Call, identifier: str) -> Measured:
        row = await reader.one(_ONE, organization=call.organization_id, id=identifier, **_now(reader.now))
        if row is None:
            raise NotFound("budget", identifier)
        return _read(row, reader.now)


def _now(now: int) -> dict[str, int]:
    return {"now": now, "day": began(Period.DAY, now), "month": began(Period.MONTH, now)}


def _read(row: Any, now: int) -> Measured:
    budget = ModelBudget.load(row[: len(ModelBudget.columns)])
    used_tokens, used_cost, reserved_tokens, reserved_cost = (
        int(each or 0) for each in row[len(ModelBudget.columns) :]
    )
    return Measured(budget, used_tokens, used_cost, reserved_tokens, reserved_cost, ends(budget.period, now))
