"""Assignments: coding tasks are given to agents, and begun and ended by those that send heartbeats."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import bindparam, func, select

from server.core.agents.presence import LIVE, LOCK_AGENT
from server.core.agents.registry import AGENTS
from server.core.queue.claims import LATE
from server.core.queue.completion import Result, conclude
from server.core.queue.fencing import Finish, StaleLease, said_before, stale_lease
from server.core.queue.routing.admission import admit
from server.core.queue.routing.hours import on_duty
from server.core.queue.routing.matching import choose
from server.core.queue.rows import COUNT_RUNNING, TASKS
from server.core.queue.subtasks import check_single
from server.core.shared.call_context import Call
from server.core.shared.ids import parse_id
from server.core.shared.pagination import Page
from server.core.shared.resource import change
from server.core.tasks.queries import TASK_TEXTS
from server.errors import Conflict, Unavailable
from server.model import Agent, AgentStatus, Task, TaskKind, TaskStatus, Worker
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

_tasks = Task.table().c
_workers = Worker.table().c
# An agent that sends heartbeats is its own worker.
_OWN_WORKER = Statement[Worker](
    select(Worker.table()).where(
        _workers.id == bindparam("agent"),
        _workers.organization_id == bindparam("organization"),
        _workers.status.in_(LIVE),
    ),
    Worker,
)
_assigned = (
    _tasks.agent_id == bindparam("agent"),
    _tasks.organization_id == bindparam("organization"),
    _tasks.kind == TaskKind.EXECUTION.value,
    _tasks.status.in_(("pending", "running")),
)
_ASSIGNED = Statement[Task](
    select(*map(TASK_TEXTS.shown, Task.table().c))
    .where(*_assigned)
    .order_by(_tasks.id)
    .limit(bindparam("limit"))
    .offset(bindparam("offset")),
    Task,
)
_COUNT_ASSIGNED = Statement[Any](select(func.count()).select_from(Task.table()).where(*_assigned))


class NoMove(Conflict):
    """The task is not in a state from which it goes there; `to` is a status, or `queued`."""

    reason = "INVALID_TRANSITION"

    def __init__(self, task: Task, to: str) -> None:
        super().__init__(
            f"the task is {task.status}, so it cannot become {to}", details={"from": task.status, "to": to}
        )
        self.task = task
        self.to = to


class AgentUnavailable(Unavailable):
    """Nobody who could do it is there, or has room."""

    reason = "AGENT_UNAVAILABLE"


class Assignments:
    """Those of every organization; each call sees its own."""

    def __init__(self, database: Database, *, lease_seconds: float) -> None:
        self._database = database
        self._lease = int(lease_seconds * 1_000_000)

    async def assign(self, call: Call, identifier: str, agent_id: str = "") -> Task:
        """Gives a task that nobody has begun to an agent, or to the best one that has room.

        Raises NotFound, NoMove, AgentUnavailable.
        """

        async def move(transaction: Transaction, task: Task) -> Task:
            check_single(task)
            if task.status != TaskStatus.PENDING or task.next_run_at is not None:
                raise NoMove(task, "queued")
            if agent_id:
                agent = await AGENTS.get(transaction, call, agent_id)
                if agent.status != AgentStatus.ACTIVE:
                    raise AgentUnavailable(f"agent {agent.name} is not there now", details={"status": agent.status})
            else:
                chosen = await choose(transaction, task)
                if chosen is None:
                    raise nobody()
                agent = chosen
            assigned = await change(
                transaction,
                task,
                agent_id=agent.id,
                runtime=agent.runtime,
                timeout_seconds=task.timeout_seconds or agent.timeout_seconds,
                # Where others could do it, they may have it should this one be lost.
                routed=bool(task.route),
                ready_at=task.ready_at if task.ready_at is not None else transaction.now,
                rank=None,
                held=not on_duty(agent),
            )
            assigned = await admit(transaction, assigned)
            transaction.emit("task.assigned", assigned)
            return assigned

        return await TASKS.once(self._database, call, identifier, move)

    async def assigned(self, call: Call, agent_id: str, *, limit: int, offset: int) -> Page[Task]:
        """What an agent is to do or does, the oldest first, with bounded texts. Raises NotFound."""
        agent = await AGENTS.get(self._database, call, agent_id)
        given = {"agent": agent.id, "organization": call.organization_id}
        longest = TASK_TEXTS.longest(limit)
        rows = await self._database.all(_ASSIGNED, limit=limit, offset=offset, longest=longest, **given)
        total = offset + len(rows)
        if len(rows) == limit or not rows:
            counted = await self._database.scan(_COUNT_ASSIGNED, **given)
            total = counted[0][0]
        return Page(rows, total=total, longest=longest)

    async def begin(self, call: Call, identifier: str, agent_id: str = "") -> Task:
        """Gives an agent that sends heartbeats the lease on a task that is assigned to it.

        Beginning what it has begun changes nothing. Raises NoMove, Conflict where it has no room, AgentUnavailable.
        """
        named = parse_id("agent", agent_id) if agent_id else None

        async def move(transaction: Transaction, task: Task) -> Task:
            return await self._begin(transaction, task, named)

        return await TASKS.once(self._database, call, identifier, move)

    async def result(
        self, call: Call, agent_id: str, identifier: str, result: Result, attempt: int | None = None
    ) -> Task:
        """Records what an agent says of a task of its own, which that begins where it has not begun.

        Raises StaleLease where the task is no longer the agent's, and what `begin` raises.
        """
        named = parse_id("agent", agent_id)
        holder = f"worker/{named}"

        async def move(transaction: Transaction, task: Task) -> Task:
            finish = Finish(task.id, attempt or task.attempt, result)
            waits = task.status == TaskStatus.PENDING
            # One that is to be tried again waits with the error that was said.
            if said_before(task, finish, holder) and (not waits or (attempt and task.error == result.error)):
                return task
            if task.status == TaskStatus.PENDING and task.agent_id == named and attempt is None:
                task = await self._begin(transaction, task, named)
                finish = Finish(task.id, task.attempt, result)
            stale = stale_lease(task, finish.attempt, holder, call.organization_id)
            if stale is not None:
                raise stale
            return await conclude(transaction, task, result)

        return await TASKS.once(self._database, call, identifier, move)

    async def _begin(self, transaction: Transaction, task: Task, agent_id: str | None) -> Task:
        check_single(task)
        now = transaction.now
        if task.status == TaskStatus.RUNNING and agent_id is not None and task.lease_holder == f"worker/{agent_id}":
            return task
        if agent_id is not None and task.agent_id != agent_id:
            raise StaleLease("the task is not assigned to this agent", details={"status": task.status})
        if task.status != TaskStatus.PENDING or task.waiting_for or task.ready_at is None or task.ready_at > now:
            raise NoMove(task, TaskStatus.RUNNING.value)
        if task.paused:
            raise Conflict("the task's session does not run", reason="SESSION_NOT_RUNNING")
        if task.agent_id is None:
            raise nobody() if task.route else NoMove(task, TaskStatus.RUNNING.value)
        agent = await transaction.one(LOCK_AGENT, agent=task.agent_id)
        worker = await transaction.one(_OWN_WORKER, agent=task.agent_id, organization=task.organization_id)
        if agent is None or worker is None or agent.status != AgentStatus.ACTIVE:
            raise AgentUnavailable("the task's agent sends no heartbeats now", details={"agent_id": task.agent_id})
        if not on_duty(agent):
            raise AgentUnavailable("the task's agent is out of its working hours", details={"agent_id": agent.id})
        await _check_room(transaction, agent)
        deadline = now + LATE + int(task.timeout_seconds * 1_000_000)
        begun = await change(
            transaction,
            task,
            status=TaskStatus.RUNNING.value,
            rank=None,
            attempt=task.attempt + 1,
            lease_holder=worker.holder,
            last_holder=worker.holder,
            lease_expires_at=min(deadline, now + self._lease),
            deadline_at=deadline,
            started_at=now,
        )
        transaction.emit("task.started", begun)
        return begun


async def _check_room(transaction: Transaction, agent: Agent) -> None:
    running = await transaction.one(COUNT_RUNNING, agent=agent.id)
    if running is not None and running[0] >= agent.max_concurrent_tasks:
        raise Conflict(
            f"the agent does {running[0]} tasks, which is as many as it may",
            reason="AGENT_BUSY",
            details={"limit": agent.max_concurrent_tasks},
        )


def nobody(capabilities: Collection[str] = ()) -> AgentUnavailable:
    """What is said where nobody with these capabilities is there, or nobody has room."""
    if capabilities:
        return AgentUnavailable(
            f"no agent with {', '.join(sorted(set(capabilities)))} is up",
            details={"required_capabilities": sorted(set(capabilities))},
        )
    return AgentUnavailable("no agent that could do this task is up and has room")
