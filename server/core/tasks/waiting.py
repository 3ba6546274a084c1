"""Waiting: what keeps a task that waits, from everybody and from each agent, by the rules that dispatch goes by."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, func, select

from server.core.queue.routing.capacity import rooms_of_agents
from server.core.queue.routing.matching import QUEUED, RUNNING
from server.core.queue.routing.obstacles import Obstacle, obstacle
from server.core.queue.rows import TASKS
from server.core.queue.taking import is_taken
from server.core.shared.call_context import Call
from server.model import ENDED, Agent, AgentRuntime, Dependency, Task, TaskStatus
from server.store.database import Database
from server.store.statement import Statement

# How many of the tasks that it waits for are named.
NAMED = 10

_agents, _tasks, _dependencies = Agent.table().c, Task.table().c, Dependency.table().c
_loaded = select(RUNNING.label("running"), QUEUED.label("queued"), *Agent.table().c)
_ONE = Statement[Any](
    _loaded.where(_agents.id == bindparam("agent"), _agents.organization_id == bindparam("organization"))
)
_there = (_agents.organization_id == bindparam("organization"), _agents.deleted_at.is_(None))
_ALL = Statement[Any](_loaded.where(*_there).order_by(_agents.id).limit(bindparam("limit")).offset(bindparam("offset")))
_COUNT = Statement[Any](select(func.count()).select_from(Agent.table()).where(*_there))
_WAITED_FOR = Statement[Any](
    select(_tasks.id)
    .join(Dependency.table(), _dependencies.depends_on == _tasks.id)
    .where(_dependencies.task_id == bindparam("task"), ~_dependencies.told)
    .order_by(_tasks.id)
    .limit(NAMED)
)


@dataclass(frozen=True, slots=True)
class Reason:
    """What keeps a task, whoever does it: dependency, schedule, session, person, unassigned, running or ended."""

    rule: str
    message: str
    until: int | None = None


@dataclass(frozen=True, slots=True)
class AgentReason:
    """What keeps a task from one agent; `rule` is None where nothing does."""

    agent: Agent
    rule: Obstacle | None
    message: str
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a task waits, if it does; agents are one page of `total`."""

    task: Task
    waits: bool
    reasons: Sequence[Reason]
    agents: Sequence[AgentReason]
    total: int


class TaskWaiting:
    """Explains tasks of every organization; each call sees its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def explain(self, call: Call, identifier: str, *, limit: int, offset: int) -> Explanation:
        """Why a task waits. Raises NotFound."""
        task = await TASKS.get(self._database, call, identifier)
        waits = task.status == TaskStatus.PENDING
        reasons = await self._reasons(task)
        if not waits or (task.agent_id is None and not task.route):
            return Explanation(task, waits or is_taken(task), reasons, (), 0)
        rows, total = await self._agents(task, limit, offset)
        working = [agent.id for _, _, agent in rows if agent.runtime == AgentRuntime.EXTERNAL]
        rooms = await rooms_of_agents(self._database, working) if working else {}
        found = [_of_agent(task, *row, rooms.get(row[2].id)) for row in rows]
        return Explanation(task, waits, reasons, found, total)

    async def _agents(self, task: Task, limit: int, offset: int) -> tuple[list[tuple[int, int, Agent]], int]:
        """The agents that it may be for: the one that is named, or all there are."""
        organization = task.organization_id
        if task.agent_id is not None and not task.routed:
            rows = await self._database.all(_ONE, agent=task.agent_id, organization=organization)
            total = len(rows)
            rows = rows[offset : offset + limit]
        else:
            rows = await self._database.scan(_ALL, organization=organization, limit=limit, offset=offset)
            total = (await self._database.scan(_COUNT, organization=organization))[0][0]
        return [(running, queued, Agent.load(columns)) for running, queued, *columns in rows], total

    async def _reasons(self, task: Task) -> list[Reason]:
        if task.status in ENDED:
            return [Reason("ended", f"it is {task.status}")]
        if is_taken(task):
            return [Reason("person", f"user_{task.taken_by} has taken it")]
        if task.status == TaskStatus.RUNNING:
            parts = f"it goes on with its {task.subtasks} parts" if task.subtasks else "it is being done"
            return [Reason("running", parts)]
        found = []
        if task.waiting_for:
            named = [f"task_{row[0]}" for row in await self._database.all(_WAITED_FOR, task=task.id)]
            found.append(Reason("dependency", f"it waits for {task.waiting_for} tasks: {', '.join(named)}"))
        if task.next_run_at is not None:
            found.append(Reason("schedule", "it recurs, and makes a task at each of its times", task.next_run_at))
        elif task.ready_at is not None and task.ready_at > self._database.clock():
            found.append(Reason("schedule", "its time has not come", task.ready_at))
        if task.paused:
            found.append(Reason("session", "its session does not run"))
        if task.agent_id is None and not task.route:
            found.append(Reason("unassigned", "it waits for a person, or to be given to an agent"))
        return found


def _of_agent(task: Task, running: int, queued: int, agent: Agent, room: int | None) -> AgentReason:
    """What keeps a task from an agent whose workers, if it has any, take so many more."""
    # What it is given waits in its own queue; whatever is not goes to somebody whose queue has room.
    own = agent.id == task.agent_id
    rule = obstacle(agent, task, running if own else running + queued)
    if rule is None and room is not None and room <= 0:
        return AgentReason(agent, Obstacle.CAPACITY, "its workers have as many tasks as they take")
    if rule == Obstacle.DISABLED:
        return AgentReason(agent, rule, "it is disabled")
    if rule == Obstacle.OFFLINE:
        return AgentReason(agent, rule, _state(agent))
    if rule == Obstacle.HOURS:
        return AgentReason(agent, rule, "it is out of its working hours", agent.shift_at)
    if rule == Obstacle.CAPABILITY:
        asked = f"type {task.agent_type}" if task.agent_type else task.route
        needed = ", ".join(json.loads(task.capabilities))
        asked += f", which can do {needed}" if needed else ""
        return AgentReason(agent, rule, f"it is not what the task asks for: {asked}")
    if rule == Obstacle.CAPACITY:
        load = f"it does {running} tasks, {queued} wait for it, and it may do {agent.max_concurrent_tasks} at a time"
        return AgentReason(agent, rule, load)
    return AgentReason(agent, None, "nothing keeps it from this agent: it comes when its turn does")


def _state(agent: Agent) -> str:
    return f"it is {agent.status}: {agent.status_message}" if agent.status_message else f"it is {agent.status}"
