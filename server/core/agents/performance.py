"""How agents stand: what they do now, how loaded they say they are, and how well they have done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Float, bindparam, case, cast, func, select

from server.core.agents.presence import LIVE
from server.core.shared.call_context import Call
from server.core.shared.ids import parse_id
from server.core.shared.pagination import BoundedTexts
from server.errors import NotFound
from server.model import Agent, AgentRuntime, AgentStatus, Skill, Task, TaskKind, Worker
from server.store.database import Database
from server.store.statement import Statement

# From how many ended tasks on a success rate says something, and which rate makes which tier.
ENOUGH_TASKS, ELITE, PROBATION = 10, 0.95, 0.7
# From which load on an agent is busy, and when it is not heard of: two heartbeats that did not come, and the time that
# one may take.
LOADED, MISSED = 80.0, 65_000_000

_agents = Agent.table().c
_tasks = Task.table().c
_workers = Worker.table().c
_skills = Skill.table().c
agent_running = (
    select(func.count())
    .select_from(Task.table())
    .where(_tasks.agent_id == _agents.id, _tasks.status == "running", _tasks.kind == TaskKind.EXECUTION.value)
    .scalar_subquery()
)
# An agent that sends heartbeats is its own worker.
agent_load = select(_workers.current_load).where(_workers.id == _agents.id, _workers.status.in_(LIVE)).scalar_subquery()
# Nothing is heard of one that works here, whatever workers it had before.
agent_seen = (
    select(func.max(_workers.last_seen_at))
    .where(_workers.agent_id == _agents.id, _agents.runtime == AgentRuntime.EXTERNAL.value)
    .scalar_subquery()
)
# Nobody who looks how an agent stands has a use for these.
_columns = [column for column in Agent.table().c if column.name not in ("code", "configuration", "entry")]
_names = [column.name for column in _columns]
_shown = select(agent_running, agent_load, agent_seen, *_columns)
_TEXTS = BoundedTexts(whole=["capabilities"])
_listed = select(agent_running, agent_load, agent_seen, *map(_TEXTS.shown, _columns))
_ours = (_agents.organization_id == bindparam("organization"), _agents.deleted_at.is_(None))
_GET = Statement[Any](_shown.where(*_ours, _agents.id == bindparam("id")))
_able = (
    _skills.organization_id == bindparam("organization"),
    _skills.word == bindparam("capability"),
    _skills.capability,
)
_from = Agent.table().join(Skill.table(), _skills.agent_id == _agents.id)
# It is there and on duty, says or has less than this to do, and has room.
_available = (
    _agents.status == AgentStatus.ACTIVE.value,
    _agents.off_duty.is_(False),
    func.coalesce(agent_seen, bindparam("heard_since")) >= bindparam("heard_since"),
    func.coalesce(agent_load, 100.0 * agent_running / _agents.max_concurrent_tasks) < bindparam("load"),
    agent_running < _agents.max_concurrent_tasks,
)


def _list(*, able: bool, available: bool) -> tuple[Statement[Any], Statement[Any]]:
    """Statements for a page of agents, and for how many there are in all."""
    where = [*_ours, *(_able if able else ()), *(_available if available else ())]
    source = _from if able else Agent.table()
    rows = _listed.select_from(source).where(*where).order_by(_agents.id.desc())
    page = rows.limit(bindparam("limit")).offset(bindparam("offset"))
    return Statement(page), Statement(select(func.count()).select_from(source).where(*where))


_LISTS = {
    (able, available): _list(able=able, available=available) for able in (False, True) for available in (False, True)
}
_ended = _agents.tasks_completed + _agents.tasks_failed
_rate = case((_ended > 0, cast(_agents.tasks_completed, Float) / _ended))
_tier = case(
    (_ended < ENOUGH_TASKS, "STANDARD"), (_rate >= ELITE, "ELITE"), (_rate < PROBATION, "PROBATION"), else_="STANDARD"
)
_PERFORMANCE = Statement[Any](
    select(
        _tier.label("tier"),
        func.count(),
        func.sum(case((_agents.status == "active", 1), else_=0)),
        func.sum(_rate),
        func.count(_rate),
        func.sum(_agents.tasks_completed),
    )
    .where(*_ours)
    .group_by("tier")
)


@dataclass(frozen=True, slots=True)
class AgentSnapshot:
    """An agent and how it is just now."""

    agent: Agent
    # How many tasks it does.
    running: int = 0
    # 0 to 100, as its last heartbeat said; None where it sends none.
    load: float | None = None
    # When it or a worker of it last said something; None where it runs here.
    last_seen_at: int | None = None


@dataclass(frozen=True, slots=True)
class Available:
    """Which agents count as available: heard of since then, in microseconds since 1970, and loaded less than that."""

    heard_since: int
    load: float


@dataclass(frozen=True, slots=True)
class PerformanceSummary:
    """Figures over an organization's agents."""

    agents: int
    there: int
    # 0 to 1: the mean of their success rates; None before the first task has ended.
    success_rate: float | None
    tasks_completed: int
    by_tier: Mapping[str, int]


def success_rate(agent: Agent) -> float | None:
    """0 to 1; None before its first task has ended."""
    ended = agent.tasks_completed + agent.tasks_failed
    return round(agent.tasks_completed / ended, 4) if ended else None


def tier(agent: Agent) -> str:
    """How far an agent has shown that it can be relied upon."""
    ended = agent.tasks_completed + agent.tasks_failed
    if ended < ENOUGH_TASKS:
        return "STANDARD"
    rate = agent.tasks_completed / ended
    return "ELITE" if rate >= ELITE else "PROBATION" if rate < PROBATION else "STANDARD"


class AgentPerformance:
    """The agents of every organization, as they stand; each call sees its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, call: Call, identifier: str) -> AgentSnapshot:
        """One agent. Raises NotFound."""
        row = await self._database.one(_GET, id=parse_id("agent", identifier), organization=call.organization_id)
        if row is None:
            raise NotFound("agent", identifier)
        return _snapshot(row)

    async def list(
        self, call: Call, *, limit: int, offset: int, capability: str = "", available: Available | None = None
    ) -> tuple[Sequence[AgentSnapshot], int]:
        """A page of agents, newest first, and how many there are in all; capabilities that are too long are empty."""
        given: dict[str, Any] = {"organization": call.organization_id}
        if capability:
            # As profiles write words down.
            given["capability"] = capability.strip()
        if available is not None:
            given.update(heard_since=available.heard_since, load=available.load)
        rows, count = _LISTS[bool(capability), available is not None]
        # Each row asks three more questions, so many of them are no work for the event loop.
        total = (await self._database.scan(count, **given))[0][0]
        longest = _TEXTS.longest(min(limit, max(0, total - offset)))
        found = await self._database.scan(rows, limit=limit, offset=offset, longest=longest, **given)
        return [_snapshot(row) for row in found], total

    async def performance(self, call: Call) -> PerformanceSummary:
        """Figures over the organization's agents."""
        agents = there = rated = completed = 0
        rates = 0.0
        by_tier = {"ELITE": 0, "STANDARD": 0, "PROBATION": 0}
        for row in await self._database.scan(_PERFORMANCE, organization=call.organization_id):
            by_tier[row[0]] = row[1]
            agents += row[1]
            there += row[2]
            rates += row[3] or 0.0
            rated += row[4]
            completed += row[5]
        return PerformanceSummary(agents, there, round(rates / rated, 4) if rated else None, completed, by_tier)


def _snapshot(row: Any) -> AgentSnapshot:
    running, load, seen, *values = row
    return AgentSnapshot(Agent.new(**dict(zip(_names, values, strict=True))), running, load, seen)
