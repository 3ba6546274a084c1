"""Agent health: how an agent is, from its status and what its workers have said."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import bindparam, select

from server.core.agents.presence import LIVE
from server.model import Agent, AgentRuntime, AgentStatus, Worker
from server.store.database import Database
from server.store.statement import Statement

# After so many microseconds without a word a worker is not well.
SILENT = 30_000_000

_workers = Worker.table().c
LIVE_WORKERS = Statement[Worker](
    select(Worker.table())
    .where(_workers.agent_id == bindparam("agent"), _workers.status.in_(LIVE))
    .order_by(_workers.id)
    .limit(100),
    Worker,
)


@dataclass(frozen=True, slots=True)
class AgentHealth:
    """How an agent is, and for how many seconds it has been active."""

    status: str
    last_check: int
    uptime: float
    memory_usage: float | None = None
    cpu_usage: float | None = None


class AgentHealthChecks:
    """Those of every organization's agents."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, agent: Agent) -> AgentHealth:
        """How an agent is that `Agents.get` has given. Only of one with workers anything has to be heard."""
        now = self._database.clock()
        external = agent.runtime == AgentRuntime.EXTERNAL
        workers = await self._database.all(LIVE_WORKERS, agent=agent.id) if external else []
        seen = [worker.last_seen_at for worker in workers]
        status = "unknown"
        if agent.status == AgentStatus.ERROR:
            status = "unhealthy"
        elif agent.status == AgentStatus.ACTIVE:
            heard = not external or (seen and now - min(seen) < SILENT)
            status = "healthy" if heard else "degraded"
        since = agent.active_since if agent.status == AgentStatus.ACTIVE else None
        return AgentHealth(
            status=status,
            last_check=max(seen, default=agent.updated_at),
            uptime=max(0, now - since) // 1_000_000 if since is not None else 0,
            memory_usage=_mean([worker.memory_usage for worker in workers]),
            cpu_usage=_mean([worker.cpu_usage for worker in workers]),
        )


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(sum(known) / len(known), 2) if known else None
