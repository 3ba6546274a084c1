"""Workload: what an organization's agents do and what waits for them, counted by index or within bounds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import bindparam, func, select

from server.model import CLAIMABLE, DUE, Agent, AgentStatus, Rollup, Task, TaskKind
from server.store.database import Database
from server.store.statement import Statement

# Counting stops here: more than so many tasks are just many.
MOST = 100_000
# Tasks that wait for others have no index of their own; they are looked for among so many of the newest.
NEWEST = 10_000
DAY = 86_400_000_000

_tasks, _agents, _rollups = Task.table().c, Agent.table().c, Rollup.table().c
_own = _agents.organization_id == bindparam("organization")
_execution = _tasks.kind == TaskKind.EXECUTION.value
_ACTIVE_AGENTS = Statement[Any](
    select(func.count()).where(_own, _agents.status == AgentStatus.ACTIVE.value, _agents.deleted_at.is_(None))
)
_RUNNING = Statement[Any](
    select(func.count())
    .select_from(Agent.table().join(Task.table(), _tasks.agent_id == _agents.id))
    .where(_own, _tasks.status == "running", _execution)
)


def _count_and_oldest(rows: Any) -> Statement[Any]:
    some = rows.limit(MOST).subquery()
    return Statement(select(func.count(), func.min(some.c.ready_at)).select_from(some))


_ROUTED = _count_and_oldest(
    select(_tasks.ready_at)
    .select_from(
        Agent.table().join(Task.table(), (_tasks.runtime == _agents.runtime) & (_tasks.agent_id == _agents.id))
    )
    .where(_own, CLAIMABLE)
)
_UNROUTED = _count_and_oldest(
    select(_tasks.ready_at).where(
        _tasks.organization_id == bindparam("organization"), _tasks.agent_id.is_(None), CLAIMABLE
    )
)
_LATER = _count_and_oldest(
    select(_tasks.ready_at).where(
        DUE,
        _tasks.ready_at > 0,
        # As an expression, so that the short index of what is due is used, and not the long one of all tasks.
        func.coalesce(_tasks.organization_id, "") == bindparam("organization"),
        _execution,
    )
)
_newest = (
    select(_tasks.status, _tasks.rank, _tasks.held, _tasks.waiting_for, _tasks.next_run_at)
    .where(_tasks.organization_id == bindparam("organization"), _execution)
    .order_by(_tasks.id.desc())
    .limit(NEWEST)
    .subquery()
    .c
)
_HELD_BACK = Statement[Any](
    select(func.count()).where(
        _newest.status == "pending",
        _newest.rank.is_(None),
        _newest.held | (_newest.waiting_for > 0),
        _newest.next_run_at.is_(None),
    )
)
_COMPLETED_SINCE = Statement[Any](
    select(func.coalesce(func.sum(_rollups.completed), 0)).where(
        _rollups.organization_id == bindparam("organization"),
        _rollups.seconds == 60,
        _rollups.began_at >= bindparam("since"),
    )
)


@dataclass(frozen=True, slots=True)
class Backlog:
    """What an organization's agents do, and what waits for them."""

    active_agents: int
    running: int
    claimable: int
    pending: int
    oldest_seconds: float
    completed_today: int


_ALL_CLAIMABLE = _count_and_oldest(select(_tasks.ready_at).where(CLAIMABLE, _execution))
_ALL_DUE = _count_and_oldest(select(_tasks.ready_at).where(DUE, _tasks.ready_at > 0, _execution))
_ALL_RUNNING = Statement[Any](select(func.count()).where(_tasks.status == "running", _execution))
_ALL_ACTIVE_AGENTS = Statement[Any](
    select(func.count()).where(_agents.status == AgentStatus.ACTIVE.value, _agents.deleted_at.is_(None))
)
_newest_of_all = (
    select(_tasks.kind, _tasks.status, _tasks.rank, _tasks.held, _tasks.waiting_for, _tasks.next_run_at)
    .order_by(_tasks.id.desc())
    .limit(NEWEST)
    .subquery()
    .c
)
_ALL_HELD_BACK = Statement[Any](
    select(func.count()).where(
        _newest_of_all.kind == TaskKind.EXECUTION.value,
        _newest_of_all.status == "pending",
        _newest_of_all.rank.is_(None),
        _newest_of_all.held | (_newest_of_all.waiting_for > 0),
        _newest_of_all.next_run_at.is_(None),
    )
)
_ALL_COMPLETED_SINCE = Statement[Any](
    select(func.coalesce(func.sum(_rollups.completed), 0)).where(
        _rollups.seconds == 60, _rollups.began_at >= bindparam("since")
    )
)


async def count_everything(database: Database) -> Backlog:
    """The same of all organizations together. Counts outside the event loop. Raises Unavailable."""
    now, scan = database.clock(), database.scan
    claimable, due = (await scan(_ALL_CLAIMABLE))[0], (await scan(_ALL_DUE))[0]
    running, agents = (await scan(_ALL_RUNNING))[0][0], (await scan(_ALL_ACTIVE_AGENTS))[0][0]
    held_back = (await scan(_ALL_HELD_BACK))[0][0]
    completed = (await scan(_ALL_COMPLETED_SINCE, since=now - now % DAY))[0][0]
    oldest = claimable[1] if claimable[1] is not None else now
    pending = claimable[0] + due[0] + held_back
    return Backlog(agents, running, claimable[0], pending, max(0, now - oldest) / 1_000_000, int(completed))


async def count_backlog(database: Database, organization: str) -> Backlog:
    """Counts, outside the event loop."""
    now = database.clock()
    scan = partial(database.scan, organization=organization)
    agents = (await scan(_ACTIVE_AGENTS))[0][0]
    running = (await scan(_RUNNING))[0][0]
    routed, unrouted, later = (await scan(_ROUTED))[0], (await scan(_UNROUTED))[0], (await scan(_LATER))[0]
    held_back = (await scan(_HELD_BACK))[0][0]
    completed = (await scan(_COMPLETED_SINCE, since=now - now % DAY))[0][0]
    oldest = min((row[1] for row in (routed, unrouted) if row[1] is not None), default=now)
    claimable = routed[0] + unrouted[0]
    pending = claimable + later[0] + held_back
    return Backlog(agents, running, claimable, pending, max(0, now - oldest) / 1_000_000, int(completed))
