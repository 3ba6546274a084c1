"""Holds: what waits for an agent that cannot work, let go when it can, and given to others when it is gone."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, update

from server.core.queue.cancellation import each_open
from server.core.queue.completion import end, failure
from server.core.queue.rows import fresh
from server.model import AGEING, DUE, HELD_BACK, Task, TaskKind, TaskStatus
from server.store.statement import Statement
from server.store.transaction import Transaction

_tasks = Task.table().c
_HOLD = Statement[Any](
    update(Task.table())
    .where(_tasks.agent_id == bindparam("agent"), _tasks.status == "pending", _tasks.kind == TaskKind.EXECUTION.value)
    .values(held=True, rank=None)
)
_LET_GO = Statement[Any](
    update(Task.table()).where(_tasks.agent_id == bindparam("agent"), HELD_BACK).values(held=False)
)
_ADMIT_OF_AGENT = Statement[Any](
    update(Task.table())
    .where(_tasks.agent_id == bindparam("agent"), DUE, _tasks.ready_at <= bindparam("now"))
    .values(rank=_tasks.ready_at - _tasks.priority * AGEING)
)
_UNBIND = Statement[Any](
    update(Task.table())
    .where(_tasks.agent_id == bindparam("agent"), _tasks.status == "pending", _tasks.routed)
    .values(agent_id=None, routed=False, runtime=None)
)


_HAND_OVER = Statement[Any](
    update(Task.table())
    .where(_tasks.agent_id == bindparam("agent"), _tasks.status == "pending", _tasks.kind == TaskKind.EXECUTION.value)
    .values(runtime=bindparam("runtime"))
)


async def hand_over(transaction: Transaction, agent_id: str, runtime: str) -> None:
    """Gives what waits for an agent to those who do its tasks from now on; whoever does one ends it."""
    await transaction.run(_HAND_OVER, agent=agent_id, runtime=runtime)


async def hold(transaction: Transaction, agent_id: str) -> None:
    """Holds back what waits for an agent that cannot work now; what was routed to it goes to another one."""
    await unbind(transaction, agent_id)
    await transaction.run(_HOLD, agent=agent_id)


async def unhold(transaction: Transaction, agent_id: str) -> None:
    """Lets tasks run that were held back because of their agent."""
    await transaction.run(_LET_GO, agent=agent_id)
    await transaction.run(_ADMIT_OF_AGENT, agent=agent_id, now=transaction.now)


async def unbind(transaction: Transaction, agent_id: str) -> None:
    """Lets other agents have what was routed to one that is gone."""
    await transaction.run(_UNBIND, agent=agent_id)


async def fail_waiting(transaction: Transaction, agent_id: str, message: str) -> None:
    """Fails tasks that waited for an agent that will not become ready; what was routed to it goes to others."""
    await unbind(transaction, agent_id)
    async for found in each_open(transaction, "agent_id", agent_id):
        task = await fresh(transaction, found)
        if task.kind == TaskKind.EXECUTION and task.status == TaskStatus.PENDING:
            await end(transaction, task, failure("AgentUnavailable", message))
