"""Metrics: figures over time out of the counts that tasks leave behind, and keeping those counts few."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert as upsert

from server.core.shared.call_context import Call
from server.errors import InvalidRequest
from server.model import Rollup
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
# Counts by the minute become counts by the hour after this, and are forgotten after that.
FINE = 2 * DAY
KEPT = 31 * DAY
COMPACT_SECONDS = 60.0
BATCH = 1000
# Each period, and how long the spans are that it is cut into.
PERIODS = {"1h": (HOUR, MINUTE), "24h": (DAY, HOUR), "7d": (7 * DAY, 6 * HOUR), "30d": (30 * DAY, DAY)}
Points = list[tuple[int, float]]

_rollups = Rollup.table().c
_SUMS = ("completed", "failed", "cancelled", "busy_ms")
_began = _rollups.began_at - _rollups.began_at % bindparam("span")
_SERIES = Statement[Any](
    select(_began.label("began"), *(func.sum(_rollups[name]) for name in _SUMS))
    .where(
        _rollups.organization_id == bindparam("organization"),
        _rollups.seconds.in_((60, 3600)),
        _rollups.began_at >= bindparam("since"),
    )
    .group_by("began")
)
_past = or_((_rollups.seconds == 60) & (_rollups.began_at < bindparam("fine")), _rollups.began_at < bindparam("kept"))
_ORGANIZATIONS = Statement[Any](select(_rollups.organization_id).where(_past).distinct().limit(BATCH))
_this = _rollups.organization_id == bindparam("organization")
_FORGET = Statement[Any](
    delete(Rollup.table()).where(_this, _rollups.seconds.in_((60, 3600)), _rollups.began_at < bindparam("kept"))
)
# Whoever removes rows has them alone: another process that does the same finds none of them.
_TAKE = Statement[Rollup](
    delete(Rollup.table())
    .where(_this, _rollups.seconds == 60, _rollups.began_at < bindparam("fine"))
    .returning(Rollup.table()),
    Rollup,
)
_insertion = upsert(Rollup.table()).values({name: bindparam(name) for name in Rollup.columns})
ROLL_UP = Statement[Any](
    _insertion.on_conflict_do_update(
        index_elements=["organization_id", "seconds", "began_at"],
        set_={name: _rollups[name] + _insertion.excluded[name] for name in _SUMS},
    )
)


@dataclass(frozen=True, slots=True)
class Span:
    """What ended within a span of time, and how long that was, as far as it is over."""

    completed: int
    failed: int
    cancelled: int
    busy_ms: float
    minutes: float

    @property
    def ended(self) -> int:
        """How many tasks, whatever their end."""
        return self.completed + self.failed + self.cancelled


def _share(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 2) if whole else None


METRICS: Mapping[str, Callable[[Span], float | None]] = {
    "task_completion_rate": lambda span: _share(span.completed, span.ended),
    "response_time": lambda span: round(span.busy_ms / span.completed, 3) if span.completed else None,
    "error_rate": lambda span: _share(span.failed, span.ended),
    "throughput": lambda span: round(span.ended / span.minutes, 4),
}


class TaskMetrics:
    """The figures of every organization; each call sees its own."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._looked = 0.0
        self._hour = -1

    async def series(self, call: Call, period: str, metric: str = "") -> dict[str, Points]:
        """The values of a metric, or of all, with the times at which their spans began. Raises InvalidRequest."""
        if period not in PERIODS:
            raise InvalidRequest("period", f"must be one of {', '.join(PERIODS)}")
        if metric and metric not in METRICS:
            raise InvalidRequest("metric", f"must be one of {', '.join(METRICS)}")
        length, width = PERIODS[period]
        now = self._database.clock()
        last = now - now % width
        first = last - length + width
        rows = await self._database.scan(_SERIES, organization=call.organization_id, since=first, span=width)
        sums = {row[0]: row[1:] for row in rows}
        spans = {
            began: _span(sums.get(began, (0, 0, 0, 0.0)), max(1.0, min(width, now - began) / MINUTE))
            for began in range(first, last + 1, width)
        }
        return {name: _points(METRICS[name], spans) for name in ([metric] if metric else METRICS)}

    async def compact(self) -> int:
        """Folds old counts by the minute into counts by the hour, and forgets the oldest; returns how many rows."""
        if time.monotonic() - self._looked < COMPACT_SECONDS:
            return 0
        self._looked = time.monotonic()
        now = self._database.clock()
        fine = now - FINE - (now - FINE) % HOUR
        if fine == self._hour:
            return 0
        organizations = await self._database.scan(_ORGANIZATIONS, fine=fine, kept=now - KEPT)
        folded = 0
        for (organization,) in organizations:
            folded += await self._fold(organization, fine, now - KEPT)
        if len(organizations) < BATCH:
            # Until the next hour is old enough there is nothing to do.
            self._hour = fine
        return folded

    async def _fold(self, organization: str, fine: int, kept: int) -> int:
        async def body(transaction: Transaction) -> int:
            forgotten = await transaction.run(_FORGET, organization=organization, kept=kept)
            taken = await transaction.all(_TAKE, organization=organization, fine=fine)
            hours: dict[int, dict[str, Any]] = {}
            for row in taken:
                sums = hours.setdefault(row.began_at - row.began_at % HOUR, dict.fromkeys(_SUMS, 0))
                for name in _SUMS:
                    sums[name] += row.values()[name]
            for began, sums in sorted(hours.items()):
                await transaction.run(ROLL_UP, organization_id=organization, seconds=3600, began_at=began, **sums)
            return len(taken) + forgotten

        return await self._database.write(body)


def _span(sums: Sequence[Any], minutes: float) -> Span:
    completed, failed, cancelled, busy_ms = sums
    return Span(int(completed), int(failed), int(cancelled), float(busy_ms), minutes)


def _points(value_of: Callable[[Span], float | None], spans: Mapping[int, Span]) -> Points:
    values = ((began, value_of(span)) for began, span in spans.items())
    return [(began, value) for began, value in values if value is not None]
