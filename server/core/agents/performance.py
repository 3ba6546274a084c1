"""How agents stand: what they do now, how loaded they say they are, and how well they have done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Float, bindparam, case, cast, func, select

from server.core.agents.presence import LIVE
from server.core.shared.call_context import Call
from server.core.shared.ids import parse_id
from server.errors import NotFound
from server.model import Agent, Skill, Task, TaskKind, Worker
from server.store.database import Database
from server.store.statement import Statement

SHOWN = 1000
# From how many ended tasks on a success rate says something, and which rate makes which tier.
ENOUGH_TASKS, ELITE, PROBATION = 10, 0.95, 0.7

_agents = Agent.table().c
_tasks = Task.table().c
_workers = Worker.table().c
_skills = Skill.table().c
_running = (
    select(func.count())
    .select_from(Task.table())
    .where(_tasks.agent_id == _agents.id, _tasks.status == "running", _tasks.kind == TaskKind.EXECUTION.value)
    .scalar_subquery()
)
# An agent that sends heartbeats is its own worker.
_load = select(_workers.current_load).where(_workers.id == _agents.id, _workers.status.in_(LIVE)).scalar_subquery()
_seen = select(func.max(_workers.last_seen_at)).where(_workers.agent_id == _agents.id).scalar_subquery()
# Lists have no use for code.
_columns = [column for column in Agent.table().c if column.name != "code"]
_shown = select(_running, _load, _seen, *_columns)
_ours = (_agents.organization_id == bindparam("organization"), _agents.deleted_at.is_(None))
_GET = Statement[Any](_shown.where(*_ours, _agents.id == bindparam("id")))
_ALL = Statement[Any](_shown.where(*_ours).order_by(_agents.id.desc()).limit(SHOWN))
_COUNT = Statement[Any](select(func.count()).select_from(Agent.table()).where(*_ours))
_able = (
    _skills.organization_id == bindparam("organization"),
    _skills.word == bindparam("capability"),
    _skills.capability,
)
_from = Agent.table().join(Skill.table(), _skills.agent_id == _agents.id)
_ABLE = Statement[Any](_shown.select_from(_from).where(*_ours, *_able).order_by(_agents.id.desc()).limit(SHOWN))
_COUNT_ABLE = Statement[Any](select(func.count()).select_from(_from).where(*_ours, *_able))
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

    async def list(self, call: Call, capability: str = "") -> tuple[Sequence[AgentSnapshot], int]:
        """Agents newest first, at most a thousand, and how many there are."""
        given: dict[str, Any] = {"organization": call.organization_id}
        rows, count = _ALL, _COUNT
        if capability:
            rows, count = _ABLE, _COUNT_ABLE
            # As profiles write words down.
            given.update(capability=capability.strip())
        # Each row asks three more questions, so many of them are no work for the event loop.
        found = [_snapshot(row) for row in await self._database.scan(rows, **given)]
        if len(found) < SHOWN:
            return found, len(found)
        return found, (await self._database.scan(count, **given))[0][0]

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
    names = [column.name for column in _columns]
    return AgentSnapshot(Agent.new(**dict(zip(names, values, strict=True))), running, load, seen)
