"""An agent's history: how its tasks ended within a period, how they were rated, and how much of its time it worked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, Float, bindparam, case, cast, func, or_, select, union_all

from server.core.agents.duties import KEPT
from server.core.agents.registry import AGENTS
from server.core.queue.routing.hours import hours_of
from server.core.shared.call_context import Call
from server.core.shared.pagination import first_within
from server.errors import InvalidRequest
from server.model import Agent, Attempt, Duty, Rating, Task, TaskKind, TaskLog, TaskStatus
from server.pace import Pace
from server.store.database import Database
from server.store.statement import Statement

HOUR = 3600 * 1_000_000
# Zones are whole half-hours from another, but for a few.
SLOT = HOUR // 2
# An hour of the day is a peak where so many times as many tasks complete in it as in one on average.
PEAK = 1.5
# How many lines are shown, about how many tasks, and how many characters they may have.
LOGS, LOGGED_TASKS, MAX_LOGGED = 100, 20, 256 << 10

_tasks, _attempts = Task.table().c, Attempt.table().c
_duties, _ratings, _logs = Duty.table().c, Rating.table().c, TaskLog.table().c
_start, _end = bindparam("start", type_=BigInteger), bindparam("end", type_=BigInteger)
_of_agent = (_tasks.agent_id == bindparam("agent"), _tasks.kind == TaskKind.EXECUTION.value)
_ended = (*_of_agent, _tasks.completed_at >= _start, _tasks.completed_at < _end)
_ENDED = Statement[Any](
    select(
        _tasks.status,
        func.count(),
        func.avg(cast(_tasks.completed_at - _tasks.created_at, Float)),
        func.avg(_tasks.duration_ms),
    )
    .where(*_ended)
    .group_by(_tasks.status)
)
_slot = (_tasks.completed_at // SLOT).label("slot")
_SLOTS = Statement[Any](
    select(_slot, func.count()).where(*_ended, _tasks.status == TaskStatus.COMPLETED.value).group_by("slot")
)
_RATED = Statement[Any](
    select(func.avg(_ratings.quality), func.avg(_ratings.satisfaction), func.avg(_ratings.code_quality)).where(
        _ratings.agent_id == bindparam("agent"), _ratings.created_at >= _start, _ratings.created_at < _end
    )
)


def _within(began: Any, ended: Any) -> tuple[Any, Any]:
    """The part of a span of time that is in the period."""
    return case((began < _start, _start), else_=began), case((ended > _end, _end), else_=ended)


def _span(began: Any, ended: Any, *where: Any) -> Any:
    first, last = _within(began, ended)
    return select(first.label("began"), last.label("ended")).where(*where, began < _end, ended > _start)


# What it did: attempts that are kept, the only attempts of tasks, of which none is kept where they went well, and what
# it does now.
_spans = union_all(
    _span(_attempts.started_at, _attempts.ended_at, _attempts.agent_id == bindparam("agent")),
    _span(_tasks.started_at, _tasks.completed_at, *_of_agent, _tasks.attempt == 1, _tasks.duration_ms.is_not(None)),
    _span(_tasks.started_at, _end, *_of_agent, _tasks.status == "running", _tasks.subtasks == 0),
).subquery()
_before = func.max(_spans.c.ended).over(order_by=(_spans.c.began, _spans.c.ended), rows=(None, -1)).label("covered")
_ordered = select(_spans.c.began, _spans.c.ended, _before).subquery().c
# Of each span the part that no earlier one has covered: together, the time in which it did at least one task.
_ACTIVE = Statement[Any](
    select(
        func.sum(
            case(
                (or_(_ordered.covered.is_(None), _ordered.covered <= _ordered.began), _ordered.ended - _ordered.began),
                (_ordered.covered >= _ordered.ended, 0),
                else_=_ordered.ended - _ordered.covered,
            )
        )
    )
)
_on_duty = _span(
    _duties.began_at, func.coalesce(_duties.ended_at, _end), _duties.agent_id == bindparam("agent")
).subquery()
_ON_DUTY = Statement[Any](select(func.sum(_on_duty.c.ended - _on_duty.c.began)))


_newest = select(_tasks.id).where(*_of_agent).order_by(_tasks.id.desc()).limit(LOGGED_TASKS).subquery("newest")
_LINES = Statement[TaskLog](
    select(TaskLog.table())
    .where(_logs.task_id.in_(select(_newest.c.id)))
    .order_by(_logs.created_at.desc(), _logs.task_id.desc(), _logs.number.desc())
    .limit(LOGS),
    TaskLog,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentMetrics:
    """Figures of one agent within a period; times are microseconds since 1970. None is what cannot be known."""

    agent: Agent
    start: int
    end: int
    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    # Hours from the making of a task to its completion, and seconds from its beginning to its result.
    completion_hours: float | None = None
    response_seconds: float | None = None
    # 0 to 1, 1 to 5, 0 to 1: means of what people have said.
    quality: float | None = None
    satisfaction: float | None = None
    code_quality: float | None = None
    # Hours in which it was there and on duty, and in which it did something.
    hours: float | None = None
    active_hours: float = 0.0
    # Such as 10:00-12:00, by the clock of its working hours.
    peaks: Sequence[str] = field(default=())

    @property
    def ended(self) -> int:
        """How many tasks, whatever their end."""
        return self.completed + self.failed + self.cancelled


class AgentHistory:
    """The history of every organization's agents; each call sees its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def logs(self, agent: Agent) -> Sequence[TaskLog]:
        """The newest lines about the newest tasks of an agent of the caller's, as many as fit, oldest first."""
        found = await self._database.scan(_LINES, agent=agent.id)
        return first_within(MAX_LOGGED, found, lambda line: len(line.message))[::-1]

    async def metrics(
        self, call: Call, identifier: str, *, start: int | None = None, end: int | None = None
    ) -> AgentMetrics:
        """What an agent has done; from its making on, and until now, where nobody says.

        Raises NotFound, InvalidRequest. An agent may have done any number of tasks, so this is no work for the loop.
        """
        agent = await AGENTS.get(self._database, call, identifier)
        now = self._database.clock()
        first, last = start if start is not None else agent.created_at, end if end is not None else now
        if last <= first:
            raise InvalidRequest("end", "must be after start")
        # Nothing has happened yet after this.
        given = {"agent": agent.id, "start": first, "end": min(last, now)}
        scan = self._database.scan
        by_status = {row[0]: row[1:] for row in await scan(_ENDED, **given)}
        counts = {word: by_status[word][0] if word in by_status else 0 for word in ("completed", "failed", "cancelled")}
        _, waited, took = by_status.get("completed", (0, None, None))
        quality, satisfaction, code_quality = (await scan(_RATED, **given))[0]
        known = max(first, agent.created_at) >= now - KEPT
        there = (await scan(_ON_DUTY, **given))[0][0] if known else None
        active = (await scan(_ACTIVE, **given))[0][0]
        return AgentMetrics(
            agent=agent,
            start=first,
            end=last,
            **counts,
            completion_hours=waited / HOUR if waited is not None else None,
            response_seconds=took / 1000 if took is not None else None,
            quality=quality,
            satisfaction=satisfaction,
            code_quality=code_quality,
            hours=float(there or 0) / HOUR if known else None,
            active_hours=float(active or 0) / HOUR,
            peaks=await _peaks(await scan(_SLOTS, **given), agent),
        )


async def _peaks(slots: Sequence[Any], agent: Agent) -> list[str]:
    """The hours of the day in which many more tasks were completed than in others; adjoining ones together."""
    hours = hours_of(agent.working_hours)
    zone = hours.zone if hours is not None else UTC
    by_hour = [0] * 24
    pace = Pace()
    for number, (slot, count) in enumerate(slots):
        by_hour[datetime.fromtimestamp(slot * SLOT / 1_000_000, zone).hour] += count
        if number % 100 == 0:
            await pace.turn()
    least = PEAK * sum(by_hour) / 24
    high = [0 < least <= count for count in by_hour]
    if all(high):
        return []
    found = []
    for hour in range(24):
        if high[hour] and not high[hour - 1]:
            length = next(more for more in range(1, 25) if not high[(hour + more) % 24])
            found.append(f"{hour:02}:00-{(hour + length) % 24:02}:00")
    return found
