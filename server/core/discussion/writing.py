"""Who writes about a task, and may: a person by what he may do, and an agent by the lease that it holds."""

from __future__ import annotations

from server.core.projects.permissions import Permissions, require_sight
from server.core.queue.fencing import StaleLease, stale_lease
from server.core.queue.rows import TASKS
from server.core.shared.call_context import Call
from server.errors import Forbidden
from server.model import Task
from server.store.transaction import Reader, Transaction

READ, WRITE, WORK = "tasks:read", "tasks:write", "workers:write"
# What only those may do who may do everything, in the organization or in the project.
EVERYTHING = "*"
# No lease has this holder.
NOBODY = "-"


async def readable(reader: Reader, call: Call, identifier: str) -> Task:
    """The task, for whoever reads what hangs on it; an agent may where it is its own. Raises NotFound, Forbidden."""
    task = await TASKS.get(reader, call, identifier)
    require_sight(call, task.project_id, "task", identifier)
    agent = call.caller.agent_id
    if agent is None or task.agent_id != agent:
        await Permissions(reader).require(call, READ, task.project_id)
    return task


async def writable(reader: Reader, call: Call, identifier: str, attempt: int = 0) -> tuple[Task, str]:
    """The task, and as whom somebody writes about it: `user_…`, or `agent_…` where it is whoever holds the lease.

    That is who has an agent's credential, or names the attempt that the lease is for; an attempt of 0 is the present
    one. Raises NotFound, Forbidden, StaleLease.
    """
    task = await TASKS.get(reader, call, identifier)
    return task, await _writer(reader, call, task, identifier, attempt)


async def locked(transaction: Transaction, call: Call, identifier: str, attempt: int = 0) -> tuple[Task, str]:
    """The same, and nobody takes the lease away until the transaction ends."""
    task = await TASKS.lock(transaction, call, identifier, shared=True)
    return task, await _writer(transaction, call, task, identifier, attempt)


async def require_author(reader: Reader, call: Call, task: Task, author: str) -> None:
    """Raises Forbidden where the caller neither wrote this nor may do everything here."""
    own = f"agent_{call.caller.agent_id}" if call.caller.agent_id else f"user_{call.caller.user_id}"
    if author != own and not await Permissions(reader).may(call, EVERYTHING, task.project_id):
        raise Forbidden("only its author or an admin may do this", details={"scope": EVERYTHING})


async def _writer(reader: Reader, call: Call, task: Task, identifier: str, attempt: int) -> str:
    require_sight(call, task.project_id, "task", identifier)
    agent = call.caller.agent_id
    if agent is None and not attempt:
        await Permissions(reader).require(call, WRITE, task.project_id)
        return f"user_{call.caller.user_id}"
    if agent is None and not call.caller.may(WORK):
        raise Forbidden("this key may write for no agent", details={"scope": WORK})
    held = task.lease_holder is not None and task.taken_by is None and agent in (None, task.agent_id)
    stale = stale_lease(task, attempt or task.attempt, None if held else NOBODY)
    if stale is not None:
        raise StaleLease("whoever says this no longer holds the task, so it is not taken", details=stale.details)
    return f"agent_{task.agent_id}"
