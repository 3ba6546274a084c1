"""The ledger: reserves of budgets before a model is asked, and records afterwards what it took."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from cachetools import TTLCache
from sqlalchemy import bindparam, case, delete, func, select
from sqlalchemy.dialects.postgresql import insert as upsert

from server.core.models import budgets
from server.core.models.accounts import Account
from server.core.models.periods import SECOND, began
from server.core.models.port import ModelRefused, Usage
from server.core.models.prices import Prices
from server.errors import ServiceError
from server.model import ModelBudget, ModelReservation, ModelUsage, Period, UsageScope, new_id
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

# Which subjects have budgets is looked up again after this, so one that is set counts everywhere within a second.
KNOWN_SECONDS = 0.9
KEPT = 4096
EVERY_SECONDS = 0.1
SWEEP = 200

_budgets, _reserved = ModelBudget.table().c, ModelReservation.table().c
_usage = ModelUsage.table().c
_SUBJECTS = Statement[Any](
    select(_budgets.scope, _budgets.subject_id)
    .where(_budgets.organization_id == bindparam("organization"))
    .limit(budgets.MOST_BUDGETS)
)
_insertion = upsert(ModelUsage.table()).values({name: bindparam(name) for name in ModelUsage.columns})
_added = _insertion.excluded
_COUNTED = ("calls", "estimated_calls", "unpriced_calls", "input_tokens", "output_tokens")
_RECORD = Statement[Any](
    _insertion.on_conflict_do_update(
        index_elements=["organization_id", "scope", "subject_id", "period", "began_at"],
        set_={
            **{name: _usage[name] + _added[name] for name in _COUNTED},
            "cost": case((_added.cost.is_(None), _usage.cost), else_=func.coalesce(_usage.cost, 0) + _added.cost),
        },
    )
)
_GIVE_BACK = Statement[Any](delete(ModelReservation.table()).where(_reserved.id == bindparam("id")))
_ANY_OVER = Statement[Any](select(_reserved.id).where(budgets.OVER).limit(1))
_OVER = Statement[Any](
    select(_reserved.id).where(budgets.OVER).limit(SWEEP).with_for_update(skip_locked=True, of=ModelReservation.table())
)
log = structlog.get_logger()


class ModelUnpriced(ModelRefused):
    """There is a cap of costs, and nobody has said what the model costs."""

    reason = "MODEL_UNPRICED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What a call took, on whose account, and what had been reserved for it."""

    account: Account
    model: str
    usage: Usage
    reservation: str = ""
    # Whether the model answered anything: otherwise only the reservation is given back.
    counts: bool = True


class Ledger:
    """One process's."""

    def __init__(self, database: Database, prices: Prices, *, call_seconds: float) -> None:
        self._database = database
        self._prices = prices
        # After so long a call is over whatever has become of whoever made it.
        self._call_microseconds = int(call_seconds * SECOND)
        self._limited: TTLCache[str, frozenset[tuple[str, str]]] = TTLCache(KEPT, KNOWN_SECONDS)
        # When each call ended, and what it took.
        self._taken: list[tuple[int, Taken]] = []
        self._work = asyncio.Event()
        self._writing = asyncio.Lock()

    async def is_limited(self, account: Account) -> bool:
        """Whether a subject of the account has a budget, as of a second ago at most."""
        limited = self._limited.get(account.organization_id)
        if limited is None:
            rows = await self._database.all(_SUBJECTS, organization=account.organization_id)
            limited = self._limited[account.organization_id] = frozenset((row[0], row[1]) for row in rows)
        return bool(limited) and not limited.isdisjoint(account.subjects)

    def forget(self, organization_id: str) -> None:
        """The budgets of an organization have just changed here."""
        self._limited.pop(organization_id, None)

    async def reserve(self, account: Account, model: str, input_tokens: int, output_tokens: int) -> str:
        """Reserves the most that a call may take; gives the reservation's id, or none where there is no budget.

        Raises BudgetExhausted, and ModelUnpriced where there is a cap of costs and the model has no price.
        """
        price = self._prices.of(model)
        cost = price.of(input_tokens, output_tokens) if price is not None else None

        async def body(transaction: Transaction) -> str:
            held = await budgets.lock(transaction, account)
            if not held:
                return ""
            for each in held:
                if cost is None and each.budget.max_cost is not None:
                    raise ModelUnpriced(f"{model} has no price, and {each.subject} has a budget of costs")
                each.check(input_tokens + output_tokens, cost, transaction.now)
            reservation = ModelReservation.new(
                id=new_id(),
                organization_id=account.organization_id,
                key_id=account.key_id,
                agent_id=account.agent_id,
                task_id=account.task_id,
                attempt=account.attempt,
                expires_at=transaction.now + self._call_microseconds,
                tokens=input_tokens + output_tokens,
                cost=cost or 0,
            )
            await transaction.insert(reservation)
            return str(reservation.id)

        return await self._database.write(body)

    def note(self, taken: Taken) -> None:
        """Records soon what a call took."""
        self._taken.append((self._database.clock(), taken))
        self._work.set()

    async def settle(self, taken: Taken) -> None:
        """Records what a call took, and gives back what it did not, before this returns.

        Where the database is away it is recorded later, and the reservation stands until then.
        """
        self._taken.append((self._database.clock(), taken))
        try:
            await self.flush()
        except ServiceError as error:
            log.warning("usage of models is recorded later", reason=error.reason)
            self._work.set()

    async def run(self) -> None:
        """Records, for as long as the process lives."""
        while True:
            await self._work.wait()
            self._work.clear()
            began_at = time.monotonic()
            try:
                await self.flush()
            except ServiceError as error:
                log.warning("usage of models is recorded later", reason=error.reason)
                self._work.set()
            await asyncio.sleep(max(EVERY_SECONDS, 2 * (time.monotonic() - began_at)))

    async def flush(self) -> None:
        """Records what there is. Who is cancelled meanwhile does not keep it from being recorded once."""
        await asyncio.shield(asyncio.ensure_future(self._flush()))

    async def _flush(self) -> None:
        async with self._writing:
            taken, self._taken = self._taken, []
            if not taken:
                return

            async def body(transaction: Transaction) -> None:
                rows = self._rows(taken)
                if rows:
                    await transaction.many(_RECORD, rows)
                ids = sorted(each.reservation for _, each in taken if each.reservation)
                if ids:
                    await transaction.many(_GIVE_BACK, [{"id": each} for each in ids])

            try:
                await self._database.write(body)
            except BaseException:
                self._taken = taken + self._taken
                raise

    def _rows(self, taken: Sequence[tuple[int, Taken]]) -> list[dict[str, Any]]:
        """What is to be added to which counts, in an order that all processes share."""
        rows: dict[tuple[Any, ...], dict[str, Any]] = {}
        for ended_at, each in taken:
            if not each.counts:
                continue
            usage, price = each.usage, self._prices.of(each.model)
            cost = price.of(usage.input_tokens, usage.output_tokens) if price is not None else None
            for scope, subject in (*each.account.subjects, (UsageScope.MODEL, each.model)):
                for period in Period:
                    key = (each.account.organization_id, scope.value, subject, period.value, began(period, ended_at))
                    row = rows.setdefault(key, {**ModelUsage.defaults, **dict(zip(_KEY, key, strict=True))})
                    row["calls"] += 1
                    row["estimated_calls"] += usage.estimated
                    row["unpriced_calls"] += cost is None
                    row["input_tokens"] += usage.input_tokens
                    row["output_tokens"] += usage.output_tokens
                    if cost is not None:
                        row["cost"] = (row["cost"] or 0) + cost
        return [rows[key] for key in sorted(rows)]

    async def sweep(self) -> int:
        """Gives back what is reserved for calls whose attempt or time is over; returns how much that was."""
        if await self._database.one(_ANY_OVER, now=self._database.clock()) is None:
            return 0

        async def body(transaction: Transaction) -> int:
            over = sorted(row[0] for row in await transaction.all(_OVER, now=transaction.now))
            if over:
                await transaction.many(_GIVE_BACK, [{"id": each} for each in over])
            return len(over)

        return await self._database.write(body)


_KEY = ("organization_id", "scope", "subject_id", "period", "began_at")
