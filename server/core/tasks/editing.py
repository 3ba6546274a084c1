"""Editing: what people change of a task, all of it in one transaction: its details, its agent, where it stands."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from server.core.agents.registry import AGENTS
from server.core.queue.creation import check_agent
from server.core.queue.fencing import require_lease
from server.core.queue.routing.admission import admit
from server.core.queue.rows import TASKS
from server.core.queue.subtasks import check_single
from server.core.queue.taking import Taken, check_not_held, give_back, is_taken
from server.core.shared.call_context import Call
from server.core.shared.resource import change
from server.core.tasks.details import input_of, may_write, project_for
from server.core.tasks.moves import move
from server.core.tasks.tags import write_tags
from server.core.tasks.text_index import index_task
from server.errors import Conflict, InvalidRequest
from server.model import AGEING, ENDED, Priority, Task, TaskStatus
from server.store.database import Database
from server.store.transaction import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """What is to change. Columns have been checked; ids are as callers write them, and empty for none."""

    # Values of columns by their names: title, description, requirements, acceptance_criteria (JSON arrays),
    # estimated_hours, actual_hours, due_at.
    columns: Mapping[str, Any] = field(default_factory=dict)
    tags: list[str] | None = None
    priority: Priority | None = None
    project_id: str | None = None
    agent_id: str | None = None
    status: TaskStatus | None = None
    # 0 to 100.
    progress: float | None = None
    # Whether saying how it is already, after somebody else has said so, is a conflict.
    firmly: bool = True


class TaskEditing:
    """Changes the tasks of every organization; each call sees its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def update(self, call: Call, identifier: str, edit: Edit) -> Task:
        """The task as it is then. Raises NotFound, VersionMismatch, InvalidRequest, HeldByWorker, Taken, Conflict."""

        async def act(transaction: Transaction, task: Task) -> Task:
            await may_write(transaction, call, task.project_id)
            task = await _edit(transaction, call, task, edit)
            if edit.agent_id is not None:
                task = await _reassign(transaction, call, task, edit.agent_id)
            if edit.status is not None:
                task = await move(transaction, call, task, edit.status, firmly=edit.firmly)
            return task

        return await TASKS.once(self._database, call, identifier, act)

    async def assign(self, call: Call, identifier: str, agent_id: str, edit: Edit) -> Task:
        """Gives a task that no worker holds to an agent. Raises as `update` does."""
        if not agent_id:
            raise InvalidRequest("agent_id", "required field missing")

        async def act(transaction: Transaction, task: Task) -> Task:
            await may_write(transaction, call, task.project_id)
            task = await _edit(transaction, call, task, edit)
            return await _assign(transaction, call, task, agent_id)

        return await TASKS.once(self._database, call, identifier, act)


async def _edit(transaction: Transaction, call: Call, task: Task, edit: Edit) -> Task:
    require_lease(call, task)
    changes: dict[str, Any] = {name: value for name, value in edit.columns.items() if value != task.values()[name]}
    if edit.tags is not None and edit.tags != json.loads(task.tags):
        changes["tags"] = await write_tags(transaction, task, edit.tags)
    if edit.project_id is not None:
        project = await project_for(transaction, call, edit.project_id)
        if project != task.project_id:
            await may_write(transaction, call, project)
            changes["project_id"] = project
    # What another API made critical reads high, and stays what it is.
    same = task.priority == Priority.CRITICAL and edit.priority == Priority.HIGH
    if edit.priority is not None and edit.priority != task.priority and not same:
        changes["priority"] = int(edit.priority)
        if task.rank is not None and task.ready_at is not None:
            changes["rank"] = task.ready_at - int(edit.priority) * AGEING
    if edit.progress is not None and edit.progress != (task.progress or 0.0):
        check_not_held(task)
        changes.update(progress=edit.progress, progress_at=transaction.now)
    if not changes:
        return task
    after = Task.new(**{**task.values(), **changes})
    if task.input == input_of(task):
        # It was made of what people say of the task, so whoever does it is told how that is now.
        changes["input"] = input_of(after)
    changed = await change(transaction, task, **changes)
    await index_task(transaction, changed, task)
    transaction.emit("task.updated", changed)
    return changed


async def _reassign(transaction: Transaction, call: Call, task: Task, agent_id: str) -> Task:
    """The task with this agent, or with none."""
    if agent_id:
        agent = await AGENTS.get(transaction, call, agent_id)
        return task if agent.id == task.agent_id else await _assign(transaction, call, task, agent.id)
    if task.agent_id is None:
        return task
    _check_assignable(call, task)
    if is_taken(task):
        task = await give_back(transaction, task)
    free = await change(
        transaction, task, agent_id=None, runtime=None, routed=False, route="", rank=None, ready_at=None, held=False
    )
    transaction.emit("task.updated", free)
    return free


async def _assign(transaction: Transaction, call: Call, task: Task, agent_id: str) -> Task:
    """The task as it waits for this agent."""
    _check_assignable(call, task)
    agent = await AGENTS.get(transaction, call, agent_id)
    if is_taken(task):
        task = await give_back(transaction, task)
    assigned = await change(
        transaction,
        task,
        agent_id=agent.id,
        runtime=agent.runtime,
        routed=False,
        route="",
        timeout_seconds=task.timeout_seconds or agent.timeout_seconds,
        ready_at=task.ready_at if task.ready_at is not None else transaction.now,
        rank=None,
        held=check_agent(agent),
    )
    assigned = await admit(transaction, assigned)
    transaction.emit("task.assigned", assigned)
    return assigned


def _check_assignable(call: Call, task: Task) -> None:
    check_not_held(task)
    check_single(task)
    if is_taken(task) and task.taken_by != call.caller.user_id:
        raise Taken(task)
    if task.status in ENDED or task.next_run_at is not None:
        state = "recurs" if task.next_run_at is not None else f"is {task.status}"
        raise Conflict(
            f"the task {state}, so nobody is given it", reason="NOT_ASSIGNABLE", details={"status": task.status}
        )
