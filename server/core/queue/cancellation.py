"""Cancellation: at once where nobody has begun, and asked of the holder, for a while, where somebody has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from sqlalchemy import bindparam, select

from server.core.queue.completion import Result, end
from server.core.queue.rows import fresh
from server.core.shared.resource import change
from server.model import Task, TaskKind, TaskStatus
from server.store.statement import Statement
from server.store.transaction import Transaction

# How many open tasks are read together.
PAGE = 500
# How long the holder of a task that is to be cancelled may take to end it itself.
CANCEL_GRACE = 10_000_000
_tasks = Task.table().c
_open = _tasks.status.in_(("pending", "running"))
_OPEN_OF = {
    name: Statement[Task](
        select(Task.table())
        .where(_tasks[name] == bindparam("id"), _tasks.id > bindparam("after"), _open)
        .order_by(_tasks.id)
        .limit(PAGE)
        .with_for_update(key_share=True),
        Task,
    )
    for name in ("session_id", "agent_id", "parent_id", "project_id")
}


async def request_cancel(transaction: Transaction, task: Task) -> Task:
    """Cancels a pending task at once, and asks the holder of a running one to, for a while."""
    task = await fresh(transaction, task)
    # A person who does it need not be asked: there is nothing of his to be stopped.
    if task.status == TaskStatus.PENDING or (task.status == TaskStatus.RUNNING and task.taken_by is not None):
        return await end(transaction, task, Result(status=TaskStatus.CANCELLED))
    if task.status != TaskStatus.RUNNING or task.cancel_requested_at is not None:
        return task
    if task.subtasks:
        # It ends with the last of them, or when their holders have had their time.
        async for part in each_open(transaction, "parent_id", task.id):
            await request_cancel(transaction, part)
    until = transaction.now + CANCEL_GRACE
    asked = await change(
        transaction,
        task,
        cancel_requested_at=transaction.now,
        deadline_at=min(task.deadline_at or until, until),
        lease_expires_at=min(task.lease_expires_at or until, until),
    )
    if task.kind == TaskKind.EXECUTION:
        transaction.emit("task.cancel_requested", asked)
    return asked


async def cancel_open(
    transaction: Transaction, *, organization: str, session_id: str = "", agent_id: str = "", project_id: str = ""
) -> None:
    """Cancels every open task of an organization's session, agent or project."""
    by = {"session_id": session_id, "agent_id": agent_id, "project_id": project_id}
    column, id = next((column, id) for column, id in by.items() if id)
    async for task in each_open(transaction, column, id):
        if task.organization_id == organization:
            await request_cancel(transaction, task)


async def each_open(transaction: Transaction, column: str, id: str) -> AsyncIterator[Task]:
    """The open tasks of a session, agent or project, locked, a page at a time: others' turns come between pages."""
    after = ""
    while True:
        page = await transaction.all(_OPEN_OF[column], id=id, after=after)
        for task in page:
            yield task
        if len(page) < PAGE:
            return
        after = page[-1].id
        await asyncio.sleep(0)
