"""Putting an ended task back into the queue: what it waits for now, and whether it can run at all."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import bindparam, select, update

from server.core.agents.registry import AGENTS
from server.core.queue.creation import check_agent
from server.core.queue.schedule import next_runs
from server.core.queue.session_counters import count_in_session
from server.core.queue.subtasks import subtask_retried
from server.core.sessions.lifecycle import SESSIONS, tasks_wait
from server.core.shared.call_context import Call
from server.errors import Conflict
from server.model import Dependency, Task, TaskStatus
from server.store.statement import Statement
from server.store.transaction import Transaction

_tasks = Task.table().c
_dependencies = Dependency.table().c
_WAITED_FOR = Statement[Any](
    select(_tasks.id, _tasks.status)
    .join(Dependency.table(), _dependencies.depends_on == _tasks.id)
    .where(_dependencies.task_id == bindparam("task"))
)
_TOLD = Statement[Any](
    update(Dependency.table())
    .where(_dependencies.task_id == bindparam("task"), _dependencies.depends_on == bindparam("other"))
    .values(told=bindparam("known"))
)

# It has told everybody, where it has ended before and been retried.
_WILL_TELL = Statement[Any](update(Task.table()).where(_tasks.id == bindparam("other")).values(has_dependents=True))


async def begin_again(transaction: Transaction, call: Call, task: Task) -> dict[str, Any]:
    """What changes in an ended task that waits again. Raises Conflict or NotFound where it could never run."""
    changes: dict[str, Any] = {"ready_at": transaction.now, "next_run_at": None}
    if task.session_id is not None:
        session = await SESSIONS.lock(transaction, call, task.session_id)
        if session.ended:
            raise Conflict("its session has ended", reason="SESSION_ENDED", details={"session_status": session.status})
        changes["paused"] = tasks_wait(session)
        if task.status == TaskStatus.FAILED:
            count_in_session(transaction, session.id, failed=-1)
    if task.routed:
        # Whoever was best for it then need not be now.
        changes.update(agent_id=None, routed=False, runtime=None)
    elif task.agent_id is not None:
        changes["held"] = check_agent(await AGENTS.get(transaction, call, task.agent_id))
    elif not task.route:
        # Somebody has to name the agent, as before.
        changes["ready_at"] = None
    written = json.loads(task.schedule) if task.schedule is not None else {}
    if written.get("type") == "cron":
        changes.update(ready_at=None, next_run_at=next_runs(written, transaction.now, 1)[0])
    changes["waiting_for"] = await _waits_for(transaction, task)
    if await subtask_retried(transaction, task):
        changes["has_dependents"] = True
    return changes


async def _waits_for(transaction: Transaction, task: Task) -> int:
    waits = 0
    for other, status in await transaction.all(_WAITED_FOR, task=task.id):
        if status in (TaskStatus.FAILED, TaskStatus.CANCELLED):
            raise Conflict(
                f"task_{other}, which it depends on, is {status}: retry that one first",
                reason="DEPENDENCY_FAILED",
                details={"depends_on": f"task_{other}", "status": status},
            )
        known = status == TaskStatus.COMPLETED
        waits += not known
        await transaction.run(_TOLD, task=task.id, other=other, known=known)
        if not known:
            await transaction.run(_WILL_TELL, other=other)
    return waits
