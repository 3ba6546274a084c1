"""The watch: looks every few seconds whether something needs somebody, and raises and resolves alerts."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import bindparam, func, select

from server.core.monitoring import alerts
from server.core.monitoring.backlog import MOST
from server.model import Alert, Organization, Rollup, Task, TaskKind
from server.settings import Settings
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

LOOK_SECONDS = 10.0
MINUTE = 60_000_000
# What the rate of errors is of, and how lately an organization must have been active to hear of the disk.
RECENT = 5 * MINUTE
ACTIVE = 60 * MINUTE
# An alert is resolved when its figure is below this share of what raised it, so that it does not come and go.
RELIEF = 0.8
DISK_RELIEF_PERCENT = 3.0
OPEN = 10_000
KINDS = ("queue_growing", "error_rate", "disk_full")

_alerts, _tasks, _rollups = Alert.table().c, Task.table().c, Rollup.table().c
_organizations = Organization.table().c
_OPEN = Statement[Alert](
    select(Alert.table()).where(_alerts.resolved_at.is_(None), _alerts.kind.in_(KINDS)).limit(OPEN), Alert
)
_some = (
    select(_tasks.organization_id, _tasks.ready_at)
    .where(_tasks.status == "pending", _tasks.rank.is_not(None), _tasks.kind == TaskKind.EXECUTION.value)
    .limit(MOST)
    .subquery()
    .c
)
_QUEUES = Statement[Any](
    select(_some.organization_id, func.count(), func.min(_some.ready_at)).group_by(_some.organization_id)
)


def _sum(since: str, *columns: Any) -> Any:
    """A sum for one organization: its few newest rows by the primary key."""
    total = columns[0]
    for column in columns[1:]:
        total = total + column
    minutes = _rollups.seconds == 60, _rollups.began_at >= bindparam(since)
    own = _rollups.organization_id == _organizations.id
    found = select(func.coalesce(func.sum(total), 0)).where(own, *minutes)
    return found.correlate(Organization.table()).scalar_subquery()


_ENDS = Statement[Any](
    select(
        _organizations.id,
        _sum("recent", _rollups.failed),
        _sum("recent", _rollups.completed, _rollups.failed, _rollups.cancelled),
        _sum("active", _rollups.completed, _rollups.failed, _rollups.cancelled),
    )
)
_LOCK = Statement[Any](
    select(_organizations.id).where(_organizations.id == bindparam("organization")).with_for_update(key_share=True)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertThresholds:
    """From where on somebody is told."""

    queue_length: int = 100
    queue_seconds: float = 60.0
    error_percent: float = 50.0
    error_tasks: int = 20
    disk_percent: float = 90.0

    @classmethod
    def of(cls, settings: Settings) -> AlertThresholds:
        """As the settings say."""
        return cls(
            queue_length=settings.queue_alert_tasks,
            queue_seconds=settings.queue_alert_seconds,
            error_percent=settings.error_alert_percent,
            error_tasks=settings.error_alert_tasks,
            disk_percent=settings.disk_alert_percent,
        )


@dataclass(frozen=True, slots=True)
class Finding:
    """Why an alert is raised."""

    message: str
    severity: str = "warning"
    details: dict[str, Any] = field(default_factory=dict)


class AlertRules:
    """One process's look-out. Several may run: there is one alert for a cause, whoever sees it first."""

    def __init__(
        self, database: Database, disk_percent: Callable[[], Awaitable[float | None]], thresholds: AlertThresholds
    ) -> None:
        self._database = database
        self._disk_percent = disk_percent
        self._thresholds = thresholds
        self._looked = 0.0
        # How many tasks an organization had waiting at each look of the last minute.
        self._waiting: dict[str, list[tuple[int, int]]] = {}

    async def sweep(self) -> None:
        """Looks, unless it has just looked."""
        if time.monotonic() - self._looked >= LOOK_SECONDS:
            self._looked = time.monotonic()
            await self.look()

    async def look(self) -> None:
        """Raises what is wrong, and resolves what is no longer."""
        now = self._database.clock()
        open_alerts = {(each.organization_id, each.kind) for each in await self._database.scan(_OPEN)}
        queues = {row[0]: (row[1], row[2]) for row in await self._database.scan(_QUEUES)}
        ends = await self._database.scan(_ENDS, recent=now - now % MINUTE - RECENT + MINUTE, active=now - ACTIVE)
        disk = await self._disk_percent()
        for organization, failed, ended, ended_lately in ends:
            length, oldest = queues.get(organization, (0, now))
            alert = partial(self._keep, open_alerts, organization)
            await alert("queue_growing", self._queue(organization, length, oldest, now))
            await alert("error_rate", self._errors(int(failed), int(ended)))
            if disk is not None:
                await alert("disk_full", self._disk(disk, active=bool(ended_lately)))
        self._waiting = {name: looks for name, looks in self._waiting.items() if name in queues}

    def _queue(self, organization: str, length: int, oldest: int, now: int) -> tuple[Finding | None, bool]:
        """What is wrong with a queue, and whether an alert about it may be resolved."""
        bounds = self._thresholds
        looks = [look for look in self._waiting.get(organization, ()) if look[0] >= now - 2 * MINUTE]
        before = [count for at, count in looks if at <= now - MINUTE]
        if length:
            self._waiting[organization] = [*looks, (now, length)]
        age = (now - oldest) / 1_000_000
        grows = length >= MOST or (bool(before) and length > before[-1])
        if length > bounds.queue_length and age > bounds.queue_seconds and grows:
            message = f"{length} tasks wait, the oldest for {age:.0f} seconds: work comes in faster than it is done"
            details = {"pending": length, "oldest_age_seconds": round(age, 3)}
            return Finding(message, details=details), False
        return None, length <= bounds.queue_length * RELIEF or age <= bounds.queue_seconds * RELIEF

    def _errors(self, failed: int, ended: int) -> tuple[Finding | None, bool]:
        bounds = self._thresholds
        percent = 100 * failed / ended if ended else 0.0
        if ended >= bounds.error_tasks and percent >= bounds.error_percent:
            message = f"{percent:.0f} % of the {ended} tasks that ended in the last five minutes have failed"
            return Finding(message, details={"failed": failed, "ended": ended}), False
        return None, percent <= bounds.error_percent * RELIEF

    def _disk(self, percent: float, *, active: bool) -> tuple[Finding | None, bool]:
        if percent >= self._thresholds.disk_percent:
            message = f"the disk with the data folder is {percent:.0f} % full"
            return Finding(message, "critical", {"disk_usage": percent}) if active else None, False
        return None, percent <= self._thresholds.disk_percent - DISK_RELIEF_PERCENT

    async def _keep(
        self, open_alerts: set[tuple[str, str]], organization: str, kind: str, found: tuple[Finding | None, bool]
    ) -> None:
        """Writes only where something changes."""
        finding, gone = found
        is_open = (organization, kind) in open_alerts
        if (finding is None or is_open) and not (is_open and gone):
            return

        async def body(transaction: Transaction) -> None:
            # Another process may have seen the same.
            await transaction.one(_LOCK, organization=organization)
            if finding is None:
                await alerts.resolve(transaction, organization, kind)
            else:
                await alerts.warn(
                    transaction,
                    organization,
                    kind,
                    finding.message,
                    severity=finding.severity,
                    details=finding.details,
                )

        await self._database.write(body)
