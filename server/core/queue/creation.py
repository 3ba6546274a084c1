"""Making tasks: one row from what was asked for, whoever asks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import bindparam, select

from server import values
from server.core.queue import schedule
from server.core.queue.retry_policy import RetryPolicy
from server.core.queue.routing.admission import admission
from server.core.queue.routing.hours import on_duty
from server.core.queue.routing.matching import any_of_type, any_with_skill
from server.core.queue.session_counters import count_in_session
from server.core.shared.free_form import check_value
from server.errors import Conflict, InvalidRequest, NotFound
from server.model import (
    Agent,
    AgentRuntime,
    AgentStatus,
    Dependency,
    Priority,
    Task,
    TaskKind,
    TaskStatus,
    TaskTag,
    new_id,
)
from server.store.statement import Statement
from server.store.transaction import Transaction

MAX_DEPENDENCIES = 100
MAX_TIMEOUT_SECONDS = 86_400.0

_tasks = Task.table().c
_DEPENDENCY = Statement[Task](
    select(Task.table())
    .where(
        _tasks.id == bindparam("id"),
        _tasks.organization_id == bindparam("organization"),
        _tasks.kind == TaskKind.EXECUTION.value,
    )
    .with_for_update(key_share=True),
    Task,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTask:
    """What a task is to be. Ids are as callers write them."""

    # The agent, or what it must be and be able to do.
    agent_id: str = ""
    agent_type: str = ""
    capabilities: Sequence[str] = ()
    type: str = ""
    input: bytes = values.EMPTY_OBJECT
    priority: Priority = Priority.MEDIUM
    # None for the agent's.
    timeout_seconds: float | None = None
    retry: RetryPolicy | None = None
    schedule: Mapping[str, Any] | None = None
    session_id: str = ""
    # Tasks that must complete first: ids, or keys of other tasks of the same batch.
    depends_on: Sequence[str] = ()
    # A name within its batch.
    key: str = ""
    workflow_run_id: str | None = None
    step_id: str = ""
    # For people: what it is called, what is to be done, how hard that is and how long it takes.
    title: str = ""
    description: str = ""
    complexity: str = ""
    estimated_minutes: int | None = None
    # The project that it belongs to, what it is filed under, what it must do and is accepted by, and when it is due
    # (microseconds).
    project_id: str = ""
    tags: Sequence[str] = ()
    requirements: Sequence[str] = ()
    acceptance_criteria: Sequence[str] = ()
    estimated_hours: float | None = None
    due_at: int | None = None
    # The task that it is a part of, as digits.
    parent_id: str | None = None
    # Whether it waits until somebody names the agent.
    by_hand: bool = False
    # Whether there must be an agent for it now, or it may wait for one that comes.
    agent_must_exist: bool = True
    # The field that callers of this API know the input by.
    input_field: str = field(default="input")

    async def check(self) -> None:
        """Raises InvalidRequest where it could never be."""
        if not (self.agent_id or self.agent_type or self.type or self.by_hand):
            raise InvalidRequest("agent_id", "name an agent, or the type of task or agent to find one by")
        if self.timeout_seconds is not None and not 0 < self.timeout_seconds <= MAX_TIMEOUT_SECONDS:
            raise InvalidRequest("timeout_seconds", f"must be more than 0 and at most {MAX_TIMEOUT_SECONDS:g}")
        if len(self.depends_on) > MAX_DEPENDENCIES:
            raise InvalidRequest("depends_on", f"must name at most {MAX_DEPENDENCIES} tasks")
        if self.retry is not None:
            self.retry.check()
        await check_value(self.input, self.input_field)


async def create_task(
    transaction: Transaction,
    organization: str,
    new: NewTask,
    *,
    agent: Agent | None,
    reads_knowledge: bool,
    session_id: str | None = None,
    depends_on: Sequence[str] = (),
    paused: bool = False,
    has_dependents: bool = False,
    project_id: str | None = None,
    created_by: str | None = None,
    traceparent: str | None = None,
) -> Task:
    """Inserts a task that has been checked, and its event; `depends_on` are digits.

    Raises Conflict, InvalidRequest, NotFound.

    `reads_knowledge` where code that does it may search the knowledge base, `paused` where its session does not run
    now, `has_dependents` where the caller makes some wait for it. `project_id` is digits. `traceparent` where
    it goes on with another request than the call that it is made in.
    """
    now = transaction.now
    plan = schedule.parse(new.schedule, now) if new.schedule else schedule.Schedule(None, now)
    task = Task.new(
        id=new_id(),
        organization_id=organization,
        type=new.type,
        agent_id=agent.id if agent is not None else None,
        runtime=agent.runtime if agent is not None else None,
        agent_type=new.agent_type,
        capabilities=_array(sorted(set(new.capabilities))),
        route="" if agent is not None or new.by_hand else new.agent_type or new.type,
        session_id=session_id,
        parent_id=new.parent_id,
        title=new.title,
        description=new.description,
        complexity=new.complexity,
        estimated_minutes=new.estimated_minutes,
        project_id=project_id,
        tags=_array(sorted(set(new.tags))),
        requirements=_array(new.requirements),
        acceptance_criteria=_array(new.acceptance_criteria),
        estimated_hours=new.estimated_hours,
        due_at=new.due_at,
        created_by=created_by,
        workflow_run_id=new.workflow_run_id,
        step_id=new.step_id,
        reads_knowledge=reads_knowledge,
        priority=int(new.priority),
        input=new.input,
        timeout_seconds=new.timeout_seconds or (agent.timeout_seconds if agent is not None else 0.0),
        retry=new.retry.text() if new.retry is not None else None,
        schedule=json.dumps(plan.written, separators=(",", ":")) if plan.written is not None else None,
        held=agent is not None and check_agent(agent),
        paused=paused,
        has_dependents=has_dependents,
        ready_at=None if new.by_hand and agent is None else plan.ready_at,
        next_run_at=plan.next_run_at,
        traceparent=transaction.trace_of(organization) if traceparent is None else traceparent,
        created_at=now,
        updated_at=now,
    )
    if agent is None and new.agent_must_exist and not new.by_hand:
        await _check_route(transaction, task)
    waited_for = [await _dependency(transaction, organization, digits) for digits in dict.fromkeys(depends_on)]
    still_open = [other for other in waited_for if other is not None]
    if still_open and plan.next_run_at is not None:
        raise InvalidRequest("depends_on", "does not go with a schedule of type cron")
    task.values()["waiting_for"] = len(still_open)
    task.values().update(await admission(transaction, task))
    await transaction.insert(task)
    await file_under(transaction, task, sorted(set(new.tags)))
    for other in still_open:
        await transaction.insert(Dependency.new(task_id=task.id, depends_on=other.id))
        if not other.has_dependents:
            await transaction.update(other, has_dependents=True)
    transaction.emit("task.created", task)
    if session_id is not None:
        count_in_session(transaction, session_id, total=1)
    return task


async def file_under(transaction: Transaction, task: Task, tags: Sequence[str]) -> None:
    """Makes a task findable by these tags, beside those that it is found by already."""
    for tag in tags:
        await transaction.insert(TaskTag.new(organization_id=task.organization_id, tag=tag, task_id=task.id))


def _array(texts: Sequence[str]) -> str:
    return json.dumps(list(texts), separators=(",", ":")) if texts else "[]"


def check_agent(agent: Agent) -> bool:
    """Whether its tasks are held back for now. Raises Conflict where it takes none."""
    if agent.disabled_at is not None:
        raise Conflict("the agent is disabled", reason="AGENT_INACTIVE", details={"agent_status": agent.status})
    if agent.status == AgentStatus.ERROR and agent.runtime == AgentRuntime.PYTHON:
        raise Conflict(
            f"the agent cannot work: {agent.status_message}",
            reason="AGENT_FAILED",
            details={"agent_status": agent.status},
        )
    return agent.status == AgentStatus.INSTALLING or not on_duty(agent)


async def _check_route(transaction: Transaction, task: Task) -> None:
    found = any_of_type if task.agent_type else any_with_skill
    if not await found(transaction, task.organization_id, task.route):
        field, what = ("agent_type", "type") if task.agent_type else ("type", "type or capability")
        raise InvalidRequest(field, f"no agent has the {what} {task.route!r}; create one, or name an agent_id")


async def _dependency(transaction: Transaction, organization: str, digits: str) -> Task | None:
    """A task that must complete first; None where it has."""
    task = await transaction.one(_DEPENDENCY, id=digits, organization=organization)
    if task is None:
        raise NotFound("task", digits)
    if task.status in (TaskStatus.FAILED, TaskStatus.CANCELLED) or task.next_run_at is not None:
        state = "recurs" if task.next_run_at is not None else f"is {task.status}"
        raise Conflict(
            f"task_{task.id} {state}, so what depends on it would never run",
            reason="DEPENDENCY_FAILED",
            details={"depends_on": f"task_{task.id}", "status": task.status},
        )
    return None if task.status == TaskStatus.COMPLETED else task
