"""Admission: a pending task becomes claimable when nothing makes it wait, and gets an agent where it has none."""

from __future__ import annotations

from typing import Any

from server.core.queue.routing.matching import binding, choose
from server.model import AGEING, Task, TaskKind
from server.store.transaction import Transaction


async def admit(transaction: Transaction, task: Task) -> Task:
    """Makes a pending task claimable where nothing holds it back, and finds it an agent where it has none."""
    changes = await admission(transaction, task)
    return await transaction.update(task, **changes) if changes else task


async def admission(transaction: Transaction, task: Task) -> dict[str, Any]:
    """What changes in a pending task that becomes claimable now; nothing where it has to wait."""
    if task.ready_at is None or task.held or task.paused or task.waiting_for or task.ready_at > transaction.now:
        return {}
    changes: dict[str, Any] = {"rank": task.ready_at - task.priority * AGEING}
    if task.agent_id is None and task.kind == TaskKind.EXECUTION:
        changes.update(binding(task, await choose(transaction, task)))
    return changes
