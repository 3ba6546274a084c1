"""Capacity: how many more tasks a worker takes now, as the store has it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import case, func, literal, select

from server.model import Task, Worker, WorkerStatus
from server.store.among import any_of
from server.store.statement import Statement
from server.store.transaction import Reader

_tasks = Task.table().c
_workers = Worker.table().c
# Which tasks a worker holds, by `Worker.holder`.
HELD_BY_WORKER = (_tasks.status == "running", _tasks.lease_holder == literal("worker/") + _workers.id)
_held = select(func.count()).select_from(Task.table()).where(*HELD_BY_WORKER).scalar_subquery()
# Who drains, or has left or gone silent, takes nothing.
_rooms = select(_workers.id, case((_workers.status == WorkerStatus.ACTIVE.value, _workers.capacity - _held), else_=0))
_ROOMS = Statement[Any](_rooms.where(any_of(_workers.id, "workers")))

_OF_AGENTS = (
    select(_workers.agent_id, func.sum(_workers.capacity - _held))
    .where(_workers.status == WorkerStatus.ACTIVE.value)
    .group_by(_workers.agent_id)
)
_ROOMS_OF_AGENTS = Statement[Any](_OF_AGENTS.where(any_of(_workers.agent_id, "agents")))


async def rooms_of_agents(reader: Reader, agents: Sequence[str]) -> dict[str, int]:
    """How many more tasks the workers of each of these agents take together; agents without any are left out."""
    return {row[0]: int(row[1]) for row in await reader.all(_ROOMS_OF_AGENTS, agents=list(agents))}


async def rooms(reader: Reader, workers: Sequence[str]) -> dict[str, int]:
    """How many more tasks each of these workers takes, by its id; below 0 where its capacity has been cut.

    While a worker's agent is locked no more become its own.
    """
    return {row[0]: row[1] for row in await reader.all(_ROOMS, workers=list(workers))}
