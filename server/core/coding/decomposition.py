"""Taking tasks apart: the parts that a template gives, or that somebody adds one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import bindparam, select

from server import values
from server.core.coding.templates import Part, Template
from server.core.queue.creation import NewTask, create_task
from server.core.queue.subtasks import count_subtasks, share
from server.core.sessions import lifecycle
from server.core.shared.call_context import Call
from server.core.shared.resource import change
from server.core.tasks.text_index import index_task
from server.errors import Conflict
from server.model import Dependency, Priority, Session, Task, TaskStatus
from server.store.among import any_of
from server.store.statement import Statement
from server.store.transaction import Transaction

# Parts may be taken apart in turn, so often, and so many may be added to a task.
MAX_DEPTH = 4
MAX_ADDED = 100
MAX_TITLE = 500
# How many tasks are looked at, at most, to see that none waits for itself.
LOOKED_AT = 10_000

_tasks = Task.table().c
_dependencies = Dependency.table().c
_PARENT = Statement[Any](select(_tasks.parent_id).where(_tasks.id == bindparam("task")))


def _waited_for(first: Any) -> Any:
    """Everything that these tasks wait for, and what that waits for in turn; a parent waits for its parts."""
    waits = select(_dependencies.depends_on.label("id")).where(first, ~_dependencies.told).cte("waits", recursive=True)
    onward = (
        select(_dependencies.depends_on).join(waits, _dependencies.task_id == waits.c.id).where(~_dependencies.told)
    )
    return select(waits.union(onward).c.id).limit(LOOKED_AT)


_WAITED_FOR = Statement[Any](_waited_for(any_of(_dependencies.task_id, "ids")))


def task_input(new: NewTask) -> bytes:
    """What whoever does a coding task is given."""
    said = {
        "title": new.title,
        "description": new.description,
        "complexity": new.complexity,
        "required_capabilities": list(new.capabilities),
    }
    return values.encode(said)


async def take_apart(
    transaction: Transaction, call: Call, task: Task, session: Session | None, template: Template
) -> tuple[Task, list[Task]]:
    """The task, which is locked, as it runs from now on, and its parts. Raises Conflict."""
    if task.subtasks:
        raise Conflict("the task has been decomposed already", reason="ALREADY_DECOMPOSED")
    await _check_whole(transaction, task)
    paused = session is not None and lifecycle.tasks_wait(session)
    made: dict[str, Task] = {}
    for part in template.parts:
        new = _new_task(task, part)
        new = replace(new, input=task_input(new))
        made[part.key] = await create_task(
            transaction,
            call.organization_id,
            new,
            agent=None,
            reads_knowledge=task.reads_knowledge,
            session_id=task.session_id,
            depends_on=[made[key].id for key in part.depends_on],
            paused=paused,
            has_dependents=True,
            project_id=task.project_id,
            created_by=task.created_by,
            traceparent=transaction.trace_of(task.organization_id) or task.traceparent,
        )
        await index_task(transaction, made[part.key])
    return await _wait_for(transaction, task, list(made.values())), list(made.values())


async def check_takes_part(transaction: Transaction, task: Task, dependencies: Sequence[str]) -> None:
    """Raises Conflict where a task, which is locked, takes no part more, or none with these dependencies (digits)."""
    if not task.subtasks:
        await _check_whole(transaction, task)
    elif task.status != TaskStatus.RUNNING or task.cancel_requested_at is not None:
        state = "being cancelled" if task.status == TaskStatus.RUNNING else task.status
        raise Conflict(
            f"the task is {state}: it takes no more parts",
            reason="NOT_DECOMPOSABLE",
            details={"status": task.status},
        )
    elif task.subtasks >= MAX_ADDED:
        raise Conflict(f"the task has {task.subtasks} parts, and {MAX_ADDED} is the limit", reason="NOT_DECOMPOSABLE")
    if not dependencies:
        return
    # The task waits for its new part, and those that it is a part of wait for it.
    above = {task.id, *await _ancestors(transaction, task)}
    waited_for = {row[0] for row in await transaction.all(_WAITED_FOR, ids=list(dependencies))}
    if above.intersection(dependencies) or above & waited_for or len(waited_for) >= LOOKED_AT:
        raise Conflict("the part would wait for the task that it is a part of", reason="CIRCULAR_DEPENDENCY")


async def add_part(transaction: Transaction, task: Task, part: Task) -> Task:
    """The task, which `check_takes_part` has let through, as it waits for one part more."""
    return await _wait_for(transaction, task, [part])


async def _check_whole(transaction: Transaction, task: Task) -> None:
    """Raises Conflict where a task that has no parts cannot get any."""
    if task.status != TaskStatus.PENDING or task.next_run_at is not None:
        raise Conflict(
            f"the task is {task.status}: only one that nobody has begun is decomposed",
            reason="NOT_DECOMPOSABLE",
            details={"status": task.status},
        )
    if task.waiting_for:
        raise Conflict("the task waits for others: decompose it once they have completed", reason="NOT_DECOMPOSABLE")
    if len(await _ancestors(transaction, task)) >= MAX_DEPTH:
        raise Conflict(f"parts of parts are taken apart at most {MAX_DEPTH} times", reason="NOT_DECOMPOSABLE")


async def _ancestors(transaction: Transaction, task: Task) -> list[str]:
    """What a task is a part of, the nearest first."""
    found: list[str] = []
    parent = task.parent_id
    while parent is not None and len(found) <= MAX_DEPTH:
        found.append(parent)
        row = await transaction.one(_PARENT, task=parent)
        parent = row[0] if row is not None else None
    return found


async def _wait_for(transaction: Transaction, task: Task, parts: Sequence[Task]) -> Task:
    """The task as it goes on and ends with these parts, and with those that it has."""
    for part in parts:
        await transaction.insert(Dependency.new(task_id=task.id, depends_on=part.id))
    count, now = task.subtasks + len(parts), transaction.now
    changes: dict[str, Any] = {"subtasks": count, "waiting_for": task.waiting_for + len(parts), "progress_at": now}
    if task.subtasks:
        completed = (await count_subtasks(transaction, task)).get(TaskStatus.COMPLETED, 0)
        changes["progress"] = share(completed, count)
    else:
        # Nobody does it itself.
        nobody = {"agent_id": None, "routed": False, "runtime": None, "rank": None, "ready_at": None}
        changes.update(status=TaskStatus.RUNNING.value, progress=0.0, started_at=now, **nobody)
    apart = await change(transaction, task, **changes)
    transaction.emit("task.decomposed", apart)
    return apart


def _new_task(task: Task, part: Part) -> NewTask:
    words: dict[str, Any] = {"title": task.title or task.type, "description": task.description}
    title = _filled(part.title, words)
    return NewTask(
        # The first is what dispatch looks for, and the others must be there as well.
        type=part.capabilities[0],
        capabilities=part.capabilities,
        title=title if len(title) <= MAX_TITLE else title[: MAX_TITLE - 1] + "…",
        description=_filled(part.description, words),
        complexity=part.complexity,
        estimated_minutes=part.estimated_minutes,
        priority=Priority(task.priority),
        timeout_seconds=task.timeout_seconds or None,
        parent_id=task.id,
        agent_must_exist=False,
    )


def _filled(text: str, words: Mapping[str, str]) -> str:
    """The text with the task's words in it; what those say in braces is left as it is."""
    first, *rest = text.split("{title}")
    filled = [part.replace("{description}", words["description"]) for part in (first, *rest)]
    return words["title"].join(filled)
